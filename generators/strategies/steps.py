"""Steps: programs as lists of small numbers, and how such a list is carried out.

What a step means depends on the program before it (the third latest value), so that any list of steps is a program,
and deleting one leaves the others a meaning. A step that eager refuses is left out.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from random import Random

import torch

from misfold.programs.bounds import Bounds, check
from misfold.programs.case import Case
from misfold.programs.errors import MisfoldError
from misfold.programs.types import TensorType

from ..adapting import Adapter
from ..building import RESHAPING, Builder, Live
from ..calling import renamed
from ..checking import run_again
from ..inputs import WHOLE, Recipe, small_integers
from ..placing import BY_POSITION, Placement, bind
from ..records import Entry, Record, RecordBase
from ..undefined import last_name
from .sizes import strided

#: Numbers that choose one of several ways are drawn below this, and scaled.
SCALE = 1000
#: How fresh inputs of unrestricted values are drawn, the simplest first.
_VALUES: tuple[Recipe, ...] = (
    {"draw": "integers", "low": -4, "high": 4},
    {"draw": "normal"},
    {"draw": "normal", "scale": 10.0},
    {"draw": "uniform", "low": 0.0, "high": 1.0},
)
VALUES = len(_VALUES)


@dataclass(frozen=True)
class Manner:
    """What the tensor arguments of a call are.

    Attributes:
        uses: for each argument 0 for a fresh input, n for the n-th latest value that fits.
        values: how fresh inputs are drawn, below ``VALUES``.
        layout: of fresh inputs, as ``sizes.strided`` has it.
        gradient: whether fresh inputs require one.
    """

    uses: tuple[int, ...]
    values: int = 0
    layout: int = 0
    gradient: bool = False


@dataclass(frozen=True)
class Step:
    """One call.

    Attributes:
        op: the operator.
        way: which of the ways to call it, below ``SCALE``; lower ones are simpler.
        shape: sizes for dimensions that are free, or the shape for an operator that takes any.
        manner: what it is called on.
    """

    op: str
    way: int
    shape: tuple[int, ...]
    manner: Manner


class Vocabulary:
    """Operators and the ways to call them within some element types, what is simpler first."""

    def __init__(self, source: RecordBase, operators: Sequence[str], dtypes: Sequence[str], exact: bool):
        self._source, self._dtypes, self._exact = source, {name: place for place, name in enumerate(dtypes)}, exact
        self._wanted = operators
        self._ways: dict[str, list[Entry]] = {}

    @cached_property
    def operators(self) -> list[str]:
        """Operators with at least one way, those first that take any shape, few tensors, and have short names."""
        return sorted((op for op in self._wanted if self.ways(op)), key=self._complexity)

    def ways(self, op: str) -> list[Entry]:
        """The ways to call an operator."""
        found = self._ways.get(op)
        if found is None:
            entries = [entry for entry in self._source.entries(op) if self._admits(entry)]
            found = self._ways[op] = sorted(entries, key=self._cost)
        return found

    def _admits(self, entry: Entry) -> bool:
        return (entry.exact or not self._exact) and all(name in self._dtypes for name in entry.dtypes)

    def _cost(self, entry: Entry) -> tuple[int, bool, int]:
        return max((self._dtypes[name] for name in entry.dtypes), default=0), not entry.pointwise, entry.length

    def _complexity(self, op: str) -> tuple[bool, int, int, str]:
        simplest = self.ways(op)[0]
        return not simplest.pointwise, simplest.length, len(op), op


class Assembly:
    """A program that steps are added to."""

    def __init__(self, vocabulary: Vocabulary, bounds: Bounds, exact: bool, gradients: bool):
        self.vocabulary, self.exact, self.gradients = vocabulary, exact, gradients
        self.builder = Builder(bounds)
        self._wants: set[str] = set()

    def add(self, step: Step) -> bool:
        """Carry out a step; False, with the program as it was, if that is refused."""
        mark = self.builder.mark()
        if self._add(step):
            return True
        self.builder.undo(mark)
        return False

    def _add(self, step: Step) -> bool:
        latest = [one for one in reversed(self.builder.values) if not one.dead]
        # Computed values first: to take one of them does not depend on how many inputs came about in between.
        values = sorted(latest, key=lambda one: one.recipe is not None)
        found = self._record(step, values)
        if found is None:
            return False
        placement, first, anchor = found
        record, chosen = placement.record, {}
        names = list(record.inputs)
        if anchor is not None:
            names.remove(first)
            chosen[first] = anchor
        elif record.pointwise:
            placement.shape = step.shape
        for position, size in enumerate(record.free):
            wanted = step.shape[position % len(step.shape)] if step.shape else 1
            if wanted or size in record.zero:
                placement.sizes.setdefault(size, wanted)
        for position, name in enumerate(names, start=1):
            use = step.manner.uses[position] if position < len(step.manner.uses) else 0
            live = self._argument(placement, name, use, values, chosen) or self._fresh(placement, name, step)
            if live is None:
                return False
            chosen[name] = live
        letters = {name: live.name for name, live in chosen.items()}
        node = record.node
        kwargs = {key: renamed(item, letters) for key, item in node.kwargs.items()}
        return self.builder.apply(node.op, renamed(node.args, letters), kwargs) is not None

    def _record(self, step: Step, values: Sequence[Live]) -> tuple[Placement, str, Live | None] | None:
        """The way to call the operator, and which argument is which value: the wanted one, or the next that fits."""
        ways, use = self.vocabulary.ways(step.op), step.manner.uses[0]
        for anchor in (*values[use - 1 :], *values[: use - 1]) if use else ():
            fitting = []
            for entry in ways:
                if anchor.type.dtype.name in entry.dtypes:
                    placement = self._anchored(entry.record, anchor)
                    if placement is not None:
                        fitting.append((*placement, anchor))
            if fitting:
                return fitting[step.way * len(fitting) // SCALE]
        return (Placement(ways[step.way * len(ways) // SCALE].record, {}), "", None) if ways else None

    def _anchored(self, record: Record, anchor: Live) -> tuple[Placement, str] | None:
        for name, kind in record.inputs.items():
            if kind.dtype is not anchor.type.dtype or not self._usable(record, name, anchor):
                continue
            if record.pointwise:
                placement = Placement(record, {}, anchor.type.shape)
            else:
                sizes = bind(record, kind.shape, anchor.type.shape)
                if sizes is None:
                    continue
                placement = Placement(record, sizes)
            if self._within(anchor, placement.recipe(name)):
                return placement, name
        return None

    def _usable(self, record: Record, name: str, live: Live) -> bool:
        """Whether a value may stand for an argument."""
        recipe, last = record.recipes[name], last_name(record.op)
        if recipe["draw"] in WHOLE or last in BY_POSITION:
            return False
        if recipe["draw"] == "integers" and recipe["low"] == recipe["high"]:
            return False
        if name not in record.writes:
            return True
        # Leaves that require a gradient must not be written, nor inputs change their shape.
        return live.recipe is None or not (live.name in self._wants or last in RESHAPING)

    def _within(self, live: Live, recipe: Recipe) -> bool:
        return Adapter(self.builder, Random(0), frozenset(), 0).restrict(live, recipe) is not None

    def _argument(
        self, placement: Placement, name: str, use: int, values: Sequence[Live], chosen: dict[str, Live]
    ) -> Live | None:
        """The value meant by ``use`` among those of the argument's type."""
        if use < 1:
            return None
        kind, recipe = placement.type(name), placement.recipe(name)
        fitting = [
            live
            for live in values
            if (live.type.dtype, live.type.shape) == (kind.dtype, kind.shape)
            and live not in chosen.values()
            and self._usable(placement.record, name, live)
        ]
        if use > len(fitting):
            return None
        live = fitting[use - 1]
        return live if self._within(live, recipe) else None

    def _fresh(self, placement: Placement, name: str, step: Step) -> Live | None:
        record, kind = placement.record, placement.type(name)
        recipe = placement.recipe(name)
        if recipe["draw"] == "normal":
            recipe = _VALUES[0 if self.exact else step.manner.values]
        elif self.exact:
            small = small_integers(recipe, kind.dtype.is_float)
            if small is None:
                return None
            recipe = small
        made = {key: item for key, item in recipe.items() if key not in ("edges", "seed")}
        if made["draw"] not in ("constant", "values"):
            # Inputs must not be equal by accident: mistaken operands would not show.
            made["seed"] = len(self.builder.values)
        writes = name in record.writes
        if last_name(record.op) in BY_POSITION or made["draw"] == "definite" or (writes and step.manner.layout == 3):
            layout = 0
        else:
            layout = step.manner.layout
        if writes and last_name(record.op) in RESHAPING:
            return None
        live = self.builder.add_input(strided(TensorType(kind.dtype, kind.shape), layout), made)
        if live is not None and self.gradients and step.manner.gradient and kind.dtype.is_float and not writes:
            self._wants.add(live.name)
        return live

    def case(self) -> Case | None:
        """The program as a case, run once more from its text; None if that does something else, or nothing."""
        builder = self.builder
        produced = [live for live in builder.values if live.recipe is None and not live.dead]
        returned = [live for live in produced if not live.uses] or produced[-1:]
        if not returned:
            return None
        inputs = [live for live in builder.values if live.recipe is not None and live.uses]
        tainted = builder.tainted()
        try:
            graph, names = builder.graph([live.name for live in returned])
            check(graph, builder.bounds)
            wants = [
                live
                for live in inputs
                if live.name in self._wants and live.tensor.untyped_storage().data_ptr() not in tainted
            ]
            for chosen in (wants, []) if wants else ([],):
                recipes = {
                    names[live.name]: {**(live.recipe or {}), **({"requires_grad": True} if live in chosen else {})}
                    for live in inputs
                }
                made = run_again(Case(graph, recipes, exact=self.exact), inputs, tainted, returned)
                if made is not None:
                    return made.case
        except MisfoldError:
            return None
        return None


def assemble(
    steps: Sequence[Step],
    *,
    vocabulary: Vocabulary,
    bounds: Bounds,
    min_nodes: int = 1,
    max_nodes: int = 8,
    exact: bool = False,
    gradients: bool = False,
) -> Case | None:
    """The case that a list of steps makes, or None if fewer than ``min_nodes`` of them can be carried out."""
    assembly = Assembly(vocabulary, bounds, exact, gradients)
    # Old operators warn that they are old; that is no news here.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with torch.no_grad():
            for step in steps:
                if len(assembly.builder.nodes) < max_nodes:
                    assembly.add(step)
        return assembly.case() if len(assembly.builder.nodes) >= min_nodes else None
