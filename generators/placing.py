"""Placing a record's operator into a program under construction: on values that exist, or on fresh inputs.

A record says of which sizes it is free and which values it takes. Placing binds free sizes to those of a value that
exists, adapts other values where that is cheap, draws what is left, and runs the call; eager's refusal decides.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from random import Random
from typing import Protocol

from misfold.programs.types import TensorType

from .adapting import Adapter, within
from .building import RESHAPING, Builder, Live
from .calling import renamed
from .inputs import WHOLE, Mode, Recipe, input_recipe, layout, random_shape, random_size
from .options import Options
from .records import Record
from .undefined import last_name

# Fresh inputs are kept smaller than the bounds allow: what is costly is compiling, not size.
INPUT_ELEMENTS = 4096
# How many values are looked at for one argument.
LOOKED_AT = 8
# How many of a record's arguments are tried on the values that exist.
ANCHORS = 3
# How often an operator that no value fits gets fresh inputs rather than an adapted value.
FRESH = 0.93
# How often a further argument is an adapted value.
ADAPTED = 0.03

# These read memory by absolute position: what they give depends on a layout that only inputs promise.
BY_POSITION = frozenset("as_strided as_strided_ as_strided_scatter as_strided_copy".split())


class Choice(Protocol):
    """One way to call an operator."""

    @property
    def dtypes(self) -> Sequence[str]:
        """Element types of the inputs (of a record, and of the outputs)."""

    @property
    def writes(self) -> bool:
        """Whether it writes an argument."""

    @property
    def reduces(self) -> bool:
        """Whether its first output has one element while an input may have several."""

    def fits(self, kinds: Collection[tuple[str, int]]) -> bool:
        """Whether an input is of one of these element types and ranks, or of one of the element types with
        ``records.ANY_RANK`` if it may have any shape."""

    def place(self, placer: Placer, budget: int) -> list[Live] | None:
        """Make the call in the placer's program with at most ``budget`` adapting calls: the outputs, or None with the
        program as it was."""

    def makes(self, kind: TensorType) -> bool:
        """Whether its first output may be of this element type and rank, and it writes nothing."""

    def in_front(self, placer: Placer, kind: TensorType) -> list[Live] | None:
        """Call it on fresh inputs such that its first output should be of this type; None if that is not possible. The
        program is not as it was then."""


class Entry(Choice, Protocol):
    """A record as a choice: enough to choose it by, and the record when it is chosen."""

    @property
    def empty(self) -> bool:
        """Whether a tensor in it has no elements."""

    @property
    def single(self) -> bool:
        """Whether no input has more than one element."""

    @property
    def exact(self) -> bool:
        """Whether small integers give results without rounding."""

    @property
    def operands(self) -> str:
        """Element types of the operands, in order, each once."""

    @property
    def record(self) -> Record:
        """The call, with what is known of it."""


class Source(Protocol):
    """What the generator composes programs of: records of calls, which rules are mixed with (``solving``)."""

    @property
    def operators(self) -> tuple[str, ...]:
        """Names of the operators that it can place."""

    def entries(self, op: str) -> Sequence[Entry]:
        """Ways to call one of them."""


@dataclass
class Placement:
    """A record being placed: the sizes chosen so far, and the values for its arguments."""

    record: Record
    sizes: dict[int, int]
    shape: tuple[int, ...] | None = None

    def type(self, name: str) -> TensorType:
        """The type that an argument is to have."""
        kind = self.record.inputs[name]
        if self.shape is not None:
            return TensorType(kind.dtype, self.shape)
        if not self.sizes:
            return kind
        shape = tuple(self.sizes.get(dim, dim) for dim in kind.shape)
        return kind if shape == kind.shape else TensorType(kind.dtype, shape)

    def recipe(self, name: str) -> Recipe:
        """The recipe for an argument, with an index's range following its dimension."""
        recipe = self.record.recipes[name]
        size = self.record.index.get(name)
        if size is None or self.sizes.get(size, size) == size:
            return recipe
        return {**recipe, "high": max(self.sizes[size] - 1, 0)}


class Placer:
    """Places records for one case."""

    def __init__(
        self,
        builder: Builder,
        random: Random,
        options: Options,
        mode: Mode,
        allowed: frozenset[str],
        calls: frozenset[str] = frozenset(),
    ):
        self.builder, self.random, self.options, self.mode = builder, random, options, mode
        #: Operators that values are adapted with, and calls of them, as in ``Adapter``.
        self.allowed, self.calls = allowed, calls
        #: Whether values of even (0) or odd (1) rank come first; None: neither.
        self.parity: int | None = None

    def adapter(self, budget: int) -> Adapter:
        """What adapts values of the program with so many calls."""
        return Adapter(self.builder, self.random, self.allowed, budget, self.calls)

    def place(self, record: Record, budget: int, connect: float = 0.9) -> list[Live] | None:
        """Place a record, with at most ``budget`` adapting calls; ``connect`` is the chance to use a given value.

        Returns the outputs, or None with the program as it was.
        """
        mark = self.builder.mark()
        adapter = self.adapter(budget)
        outputs = self._place(record, adapter, connect)
        if outputs is None:
            self.builder.undo(mark)
        return outputs

    def _place(self, record: Record, adapter: Adapter, connect: float) -> list[Live] | None:
        chosen: dict[str, Live] = {}
        placement = Placement(record, {})
        open_names = [name for name in record.inputs if self._takes_values(record, name)]
        existing = self.builder.usable()
        if open_names and existing and self.random.random() < connect:
            if len(open_names) > 1:
                open_names = self.random.sample(open_names, len(open_names))
            for anchor in open_names[:ANCHORS]:
                live = self._anchor(placement, anchor, existing, adapter)
                if live is not None:
                    chosen[anchor] = live
                    break
            else:
                live = self._adapted(placement, open_names[0], existing, adapter)
                if live is not None:
                    chosen[open_names[0]] = live
        if not chosen:
            self._choose_sizes(placement)
        for name in record.inputs:
            if name not in chosen:
                live = self._argument(placement, name, adapter, chosen, name in open_names)
                if live is None:
                    return None
                chosen[name] = live
        return self.run(record, chosen)

    def run(self, record: Record, chosen: Mapping[str, Live]) -> list[Live] | None:
        """Call the record's operator on the values chosen for its arguments."""

        names = {name: live.name for name, live in chosen.items()}
        node = record.node
        kwargs = {key: renamed(item, names) for key, item in node.kwargs.items()} if node.kwargs else {}
        return self.builder.apply(node.op, renamed(node.args, names), kwargs)

    def in_front(self, record: Record, kind: TensorType) -> list[Live] | None:
        """Call a record's operator on fresh inputs of such sizes that its first output should be of a type; execution
        decides if it is."""
        placement = Placement(record, {}, kind.shape) if record.pointwise else None
        if placement is None:
            sizes = bind(record, record.outputs[0].shape, kind.shape)
            if sizes is None:
                return None
            placement = Placement(record, sizes)
        chosen = {}
        for name in record.inputs:
            live = self._fresh(record, name, placement.type(name), placement.recipe(name), False)
            if live is None:
                return None
            chosen[name] = live
        return self.run(record, chosen)

    def _takes_values(self, record: Record, name: str) -> bool:
        """Whether a value from elsewhere may stand for an argument."""
        recipe = record.recipes[name]
        fixed = recipe["draw"] == "integers" and recipe["low"] == recipe["high"]
        return recipe["draw"] not in WHOLE and not fixed and last_name(record.op) not in BY_POSITION

    # -- the first argument decides the sizes ---------------------------------------------------------------------

    def _anchor(self, placement: Placement, name: str, existing: list[Live], adapter: Adapter) -> Live | None:
        """A value for the argument, binding the placement's sizes or shape to it if it can."""
        record = placement.record
        kind, writes = record.inputs[name], name in record.writes
        recipe = record.recipes[name]
        alike = [
            live
            for live in existing
            if live.type.dtype is kind.dtype and (record.pointwise or live.type.rank == kind.rank)
        ]
        looked_at = [live for live in self.look(alike) if self.usable(record.op, live, writes)]
        if len(looked_at) > 1 and recipe["draw"] in ("uniform", "integers") and name not in record.index:
            # Those in the argument's domain first, which need no adapting call.
            looked_at.sort(key=lambda live: not within(live, recipe))
        for live in looked_at:
            if record.pointwise and live.type.rank <= 5:
                placement.shape = live.type.shape
            else:
                sizes = bind(record, kind.shape, live.type.shape)
                if sizes is None:
                    continue
                placement.sizes = sizes
            fitted = adapter.restrict(live, placement.recipe(name))
            if fitted is not None:
                return fitted
            placement.shape, placement.sizes = None, {}
        return None

    def _adapted(self, placement: Placement, name: str, existing: list[Live], adapter: Adapter) -> Live | None:
        """As ``_anchor``, with adapting calls; seldom, since programs should not consist of them."""
        if adapter.budget < 1 or self.random.random() < FRESH:
            return None
        record = placement.record
        kind, writes = record.inputs[name], name in record.writes
        looked_at = self.look(existing)
        # Another shape is closer than another element type.
        looked_at.sort(key=lambda live: live.type.dtype is not kind.dtype)
        for live in looked_at[:3]:
            if not self.usable(record.op, live, False):
                continue
            if record.pointwise and live.type.rank <= 5:
                placement.shape, shape = live.type.shape, live.type.shape
            else:
                placement.sizes = bind(record, kind.shape, live.type.shape) or {}
                shape = placement.type(name).shape
            fitted = adapter.fit(live, kind.dtype, shape, placement.recipe(name))
            if fitted is not None:
                # An adapted value may still be a view of one that must not be written.
                return fitted if self.usable(record.op, fitted, writes) else None
            placement.shape, placement.sizes = None, {}
        return None

    def look(self, existing: list[Live]) -> list[Live]:
        """Some values in random order: those of the rank that is wanted first, unused ones rather first, which would be
        loose ends, then what calls made, and those of one element rather last, which make more of their kind."""
        random, count = self.random.random, len(existing)
        ordered: tuple[list[Live], ...] = ([], [], [], [], [], [], [], [])
        other = None if self.parity is None else 1 - self.parity
        for _ in range(min(LOOKED_AT, count)):
            live = existing[int(random() * count)]
            single = live.type.elements < 2 and random() < 0.9
            used = live.uses > 0 and random() < (0.6 if live.recipe is None else 0.9)
            ordered[4 * single + 2 * (live.type.rank % 2 == other) + used].append(live)
        return list(chain.from_iterable(ordered))

    def usable(self, op: str, live: Live, writes: bool) -> bool:
        """Whether an operator may take a value, and write it if it ``writes``."""
        if live.dead:
            return False
        if not writes:
            return True
        if last_name(op) in RESHAPING and live.recipe is not None:
            return False
        # In gradient mode inputs are leaves, and leaves must not be written.
        return not (self.mode.gradient and live.recipe is not None and live.type.dtype.is_float)

    def _choose_sizes(self, placement: Placement) -> None:
        record = placement.record
        if record.pointwise and self.random.random() < 0.7:
            placement.shape = random_shape(self.random, self.options, self.mode, self.parity)
            return
        for size in record.free:
            zero = size in record.zero
            placement.sizes[size] = random_size(self.random, self.options, size, zero, self.mode)
        if any(placement.type(name).elements > INPUT_ELEMENTS for name in record.inputs):
            placement.sizes.clear()

    # -- the other arguments --------------------------------------------------------------------------------------

    def _argument(
        self, placement: Placement, name: str, adapter: Adapter, chosen: Mapping[str, Live], takes_values: bool
    ) -> Live | None:
        kind, recipe = placement.type(name), placement.recipe(name)
        writes = name in placement.record.writes
        if takes_values and self.random.random() < 0.65:
            taken = {id(live) for live in chosen.values()}
            others = [live for live in self.builder.usable() if id(live) not in taken]
            for live in self.look(others):
                if live.type.dtype is kind.dtype and live.type.shape == kind.shape:
                    if self.usable(placement.record.op, live, writes):
                        fitted = adapter.restrict(live, recipe)
                        if fitted is not None:
                            return fitted
            if others and adapter.budget and not writes and self.random.random() < ADAPTED:
                live = self.random.choice(others)
                fitted = adapter.fit(live, kind.dtype, kind.shape, recipe)
                if fitted is not None:
                    return fitted
        return self._fresh(placement.record, name, kind, recipe, writes)

    def _fresh(self, record: Record, name: str, kind: TensorType, recipe: Recipe, writes: bool) -> Live | None:
        room = max(INPUT_ELEMENTS, record.inputs[name].elements)
        return self.fresh(record.op, kind, recipe, writes, name in record.edges, room)

    def fresh(
        self, op: str, kind: TensorType, recipe: Recipe, writes: bool, edges: bool, room: int = INPUT_ELEMENTS
    ) -> Live | None:
        """A new input of at most ``room`` elements for an operator; ``edges``: it may have edge values."""
        if kind.elements > room:
            return None
        made = input_recipe(self.random, recipe, kind, self.mode, edges)
        if made is None:
            return None
        by_position = last_name(op) in BY_POSITION
        if not by_position and self.random.random() < self.options.layouts and made["draw"] != "definite":
            kind = layout(self.random, kind, writes)
        live = self.builder.add_input(kind, made)
        if live is None or not writes or self.usable(op, live, True):
            return live
        # The operator writes its argument and this input must not be written: it gets a copy.
        return self.adapter(1).copy(live, recipe)


def bind(record: Record, shape: tuple[int, ...], actual: tuple[int, ...]) -> dict[int, int] | None:
    """Sizes under which a record's argument of ``shape`` has the shape ``actual``; None if there are none."""
    if len(shape) != len(actual):
        return None
    sizes: dict[int, int] = {}
    for size, wanted in zip(shape, actual):
        if size in record.free and (wanted > 0 or size in record.zero):
            if sizes.setdefault(size, wanted) != wanted:
                return None
        elif size != wanted:
            return None
    return sizes
