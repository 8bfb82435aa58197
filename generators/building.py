"""A program under construction: values that exist as tensors, nodes that have run, and the way back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from misfold.programs.aliasing import written_arguments
from misfold.programs.arguments import Argument
from misfold.programs.bounds import Bounds, footprint, growth, is_heavy, multiply_adds
from misfold.programs.graph import Graph, Node, Value
from misfold.programs.types import TensorType
from misfold.targets.torch_values import tensor_of

from .calling import call, is_finite, outputs_of, renamed, type_of
from .records import ANY_RANK
from .undefined import last_name, undefined

Recipe = Mapping[str, Any]

# Operators that change the shape of the tensor they are called on: its earlier names must not be used any more.
RESHAPING = frozenset("squeeze_ unsqueeze_ t_ transpose_ swapaxes_ swapdims_ as_strided_ moveaxis_ movedim_".split())

# Compilers have limits of their own on ranks; nothing is learnt from meeting them.
MAX_RANK = 8

_NO_OUTPUTS = (Value("v"),)

_WIDE_UNSIGNED = frozenset({"uint16", "uint32", "uint64"})

# What torch raises where it refuses a call's arguments; some of its functions are written in Python and compute with
# them first, such as a quotient of sizes by a number of groups.
REFUSALS = (RuntimeError, ValueError, TypeError, LookupError, ArithmeticError, AssertionError, AttributeError)


@dataclass(eq=False)
class Live:
    """A value that exists: its name, its tensor, and what is known of it.

    ``recipe`` is that of an input, None for other values. ``dead`` values must not be used any more.
    """

    name: str
    tensor: torch.Tensor
    type: TensorType
    recipe: Recipe | None = None
    dead: bool = False
    uses: int = 0
    _range: tuple[int, float, float] | None = None

    def range(self) -> tuple[float, float]:
        """Smallest and largest element (0, 0 of an empty tensor)."""
        version = self.tensor._version
        if self._range is None or self._range[0] != version:
            if self.tensor.numel():
                # torch has no extremes of the wide unsigned types, but their elements are numpy's as well.
                wide = self.type.dtype.name in _WIDE_UNSIGNED
                array = self.tensor.detach().numpy() if wide else None
                low, high = torch.aminmax(self.tensor) if array is None else (array.min(), array.max())
                self._range = (version, low.item(), high.item())
            else:
                self._range = (version, 0, 0)
        return self._range[1], self._range[2]

    def forget(self) -> None:
        """Drop what is known of the elements: they may have been written."""
        self._range = None


@dataclass
class Mark:
    """A point to go back to."""

    values: int
    nodes: int
    elements: int
    bytes: int
    work: int
    given: dict[str, int]


@dataclass
class Builder:
    """Values and nodes so far, and what they cost. Everything added is executed at once.

    Attributes:
        values: all values in the order of their making, inputs included.
        nodes: the calls; their arguments refer to values by the names in ``values``.
        kinds: element types and ranks of the values that calls made, and of some that were tried; each element type
            with ``ANY_RANK`` too.
        written: for each node the names of the values it writes.
        finite: whether outputs must be finite.
        given: how many names inputs (``x0``, ``x1`` …) and other values (``v0``, ``v1`` …) have.
    """

    bounds: Bounds
    finite: bool = True
    values: list[Live] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    written: list[tuple[str, ...]] = field(default_factory=list)
    env: dict[str, torch.Tensor] = field(default_factory=dict)
    live: dict[str, Live] = field(default_factory=dict)
    kinds: dict[tuple[str, int], None] = field(default_factory=dict)
    elements: int = 0
    bytes: int = 0
    work: int = 0
    given: dict[str, int] = field(default_factory=lambda: {"x": 0, "v": 0})
    _saved: list[tuple[torch.Tensor, torch.Tensor]] = field(default_factory=list)

    def mark(self) -> Mark:
        """The present state, as a point to go back to."""
        self._saved.clear()
        return Mark(len(self.values), len(self.nodes), self.elements, self.bytes, self.work, dict(self.given))

    def undo(self, mark: Mark) -> None:
        """Forget everything since ``mark``, and give written tensors their elements back."""
        for tensor, copy in reversed(self._saved):
            tensor.copy_(copy)
        self._saved.clear()
        for live in self.values[mark.values :]:
            del self.env[live.name], self.live[live.name]
        for node in self.nodes[mark.nodes :]:
            for name in node.uses:
                if name in self.live:
                    self.live[name].uses -= 1
        del self.values[mark.values :], self.nodes[mark.nodes :], self.written[mark.nodes :]
        self.elements, self.bytes, self.work = mark.elements, mark.bytes, mark.work
        self.given = dict(mark.given)

    def usable(self) -> list[Live]:
        """Values that an operator may use."""
        return [live for live in self.values if not live.dead]

    def fresh_name(self, letter: str) -> str:
        """The next name; in most programs the names are in order in the end, so that nothing has to be renamed."""
        number = self.given[letter]
        self.given[letter] = number + 1
        return f"{letter}{number}"

    def add_input(self, kind: TensorType, recipe: Recipe) -> Live | None:
        """A new input drawn by a recipe, or None if it would break a bound."""
        size = footprint(kind)
        if size > self.bounds.elements or not self._fits(size, size * kind.dtype.itemsize, 0):
            return None
        return self._add(tensor_of(recipe, kind), kind, self.fresh_name("x"), recipe)

    def adopt(self, tensor: torch.Tensor, kind: TensorType, recipe: Recipe) -> Live:
        """An input whose tensor exists already."""
        return self._add(tensor, kind, self.fresh_name("x"), recipe)

    def _add(self, tensor: torch.Tensor, kind: TensorType, name: str, recipe: Recipe | None = None) -> Live:
        live = Live(name, tensor, kind, recipe)
        self.values.append(live)
        if recipe is None:
            name_of = kind.dtype.name
            self.kinds[name_of, kind.rank] = self.kinds[name_of, ANY_RANK] = None
        self.live[name] = live
        self.env[name] = tensor
        size = footprint(kind)
        self.elements += size
        self.bytes += size * kind.dtype.itemsize
        return live

    def _fits(self, elements: int, size: int, work: int) -> bool:
        """Whether so many elements, bytes and multiply-adds more leave the program within its bounds."""
        bounds = self.bounds
        return (
            self.elements + elements <= bounds.total
            and self.bytes + size <= bounds.bytes
            and self.work + work <= bounds.multiply_adds
        )

    def apply(
        self, op: str, args: Sequence[Argument], kwargs: Mapping[str, Argument] | None = None
    ) -> list[Live] | None:
        """Call an operator on existing values; its outputs, or None if it is undefined, refuses, or breaks a bound.

        After None the state is as before, but for tensors that the call has written: those are saved for ``undo``.
        """
        node = Node(op, tuple(args), kwargs or {}, _NO_OUTPUTS)
        uses = node.uses
        heavy = is_heavy(op)
        types = {name: self.live[name].type for name in uses}
        if heavy and growth(node, types) > self.bounds.elements:
            return None
        if heavy and self.work + multiply_adds(node, types, ()) > self.bounds.multiply_adds:
            return None
        written = written_arguments(node)
        reshaping = bool(written) and last_name(op) in RESHAPING
        if reshaping and any(self._same_tensor(name) for name in written):
            return None
        try:
            if undefined(node, self.env, written):
                return None
            for name in written:
                tensor = self.env[name]
                self._saved.append((tensor, tensor.clone()))
            result = call(node, self.env)
        except REFUSALS:
            return None
        outputs = outputs_of(result)
        kinds = [] if outputs is None else [type_of(tensor) for tensor in outputs]
        sizes = [footprint(kind) for kind in kinds]
        # As ``bounds.check`` counts, so that the finished program need not be counted again.
        work = multiply_adds(node, types, kinds)
        within = max(sizes, default=0) <= self.bounds.elements and self._fits(
            sum(sizes), sum([size * kind.dtype.itemsize for size, kind in zip(sizes, kinds)]), work
        )
        if outputs is None or not within or not self._acceptable(outputs, written):
            if reshaping:
                self._restore_shape(self.live[written[0]])
            return None
        self.work += work
        if written:
            for live in self.values:
                live.forget()  # some operators write without telling torch's version counter
        for name in uses:
            self.live[name].uses += 1
        if reshaping:
            for name in written:
                self.live[name].dead = True
        names = [self.fresh_name("v") for _ in kinds]
        values = tuple([Value(name, kind) for name, kind in zip(names, kinds)])
        self.nodes.append(Node(op, node.args, node.kwargs, values, not isinstance(result, torch.Tensor)))
        self.written.append(written)
        return [self._add(tensor, kind, name) for tensor, kind, name in zip(outputs, kinds, names)]

    def _same_tensor(self, name: str) -> bool:
        """Whether a value is an input, or one tensor under several names, so that reshaping it shows elsewhere."""
        live = self.live[name]
        others = sum(1 for other in self.values if other.tensor is live.tensor)
        return live.recipe is not None or others > 1

    def _restore_shape(self, live: Live) -> None:
        strides = live.type.strides
        if strides is None:
            strides = torch.empty(live.type.shape, device="meta").stride()
        live.tensor.as_strided_(live.type.shape, strides)

    def _acceptable(self, outputs: Sequence[torch.Tensor], written: Sequence[str]) -> bool:
        for tensor in outputs:
            if tensor.dim() > MAX_RANK:
                return False
            if self.finite and not is_finite(tensor):
                return False
        return not (self.finite and written) or all(is_finite(self.env[name]) for name in written)

    # -- the finished program -------------------------------------------------------------------------------------

    def tainted(self) -> set[int]:
        """Storage addresses that some node writes."""
        return {self.env[name].untyped_storage().data_ptr() for names in self.written for name in names}

    def graph(self, returns: Sequence[str]) -> tuple[Graph, dict[str, str]]:
        """The program, with values named in order (inputs ``x0 …``, others ``v0 …``), and the new names by the old."""
        inputs = [live for live in self.values if live.recipe is not None and live.uses]
        names = {live.name: f"x{index}" for index, live in enumerate(inputs)}
        produced = (value.name for node in self.nodes for value in node.outputs)
        names.update({name: f"v{index}" for index, name in enumerate(produced)})

        nodes = tuple(self.nodes)
        if any(old != new for old, new in names.items()):
            nodes = tuple(
                [
                    Node(
                        node.op,
                        renamed(node.args, names),
                        {key: renamed(item, names) for key, item in node.kwargs.items()},
                        tuple([Value(names[value.name], value.type) for value in node.outputs]),
                        node.unpack,
                    )
                    for node in nodes
                ]
            )
        graph = Graph(
            tuple(Value(names[live.name], live.type) for live in inputs), nodes, tuple(names[name] for name in returns)
        )
        return graph, names
