"""Values by element: loaded from memory, or computed in place where they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from misfold.compiler.errors import Unsupported
from misfold.compiler.graph.ir import Node, Value
from misfold.compiler.loops.ir import Buffer, Const, Expr, Load, Var
from misfold.compiler.loops.operators import identity
from misfold.compiler.loops.visit import nodes

from .emitter import Emitter

Index = tuple[Expr, ...]
#: How an operator computes one element of its output: statements that it needs go to the reader's emitter.
Element = Callable[["Reader", Node, Index], Expr]

# Expressions are kept shallow: whoever reads IR recurses.
_MAX_DEPTH = 12
# An index of more nodes than this gets a variable before more is made of it: chains of reshapes would double in size
# each time, chains of slices become deep.
_LARGE = 12


class Reader:
    """Reads elements of the values of one graph.

    ``buffers`` are the values that lie in memory; all others are computed by ``elements`` from the nodes of ``body``.
    What is used more than once is bound by a ``let``, so that each value is computed once per index.
    """

    def __init__(
        self,
        emitter: Emitter,
        elements: Mapping[str, Element],
        pointwise: Iterable[str],
        body: Iterable[Node],
        outputs: Iterable[Value],
        buffers: Mapping[str, Buffer],
    ):
        self.emitter = emitter
        self.indices = emitter.indices
        self._elements = elements
        self._buffers = buffers
        self._pointwise = frozenset(pointwise)
        self._producers = {value.name: node for node in body for value in node.outputs}
        self._prepared: dict[str, list[Value]] = {}
        self._named = self._values_with_names(body, outputs)
        emitter.known.clear()

    def read(self, value: Value, index: Index) -> Expr:
        """The element of a value at an index that is within its shape."""
        if value.name not in self._buffers:
            index = tuple([self.short(position) for position in index])
        for before in self._before(value):
            self.operand(before, index)
        return self.operand(value, index)

    def operand(self, value: Value, index: Index) -> Expr:
        """``read`` for an operand at the index of the element that is being computed."""
        key = value.name, index
        known = self.emitter.known.get(key)
        if known is None:
            known = self._compute(value, index)
            if value.name in self._named:
                known = self.emitter.let(value.name, known)
                self.emitter.remember(key, known)
        return known

    def define(self, value: Value, index: Index, element: Expr) -> None:
        """Say what an element is: the result of a loop nest. It holds until the end of the block."""
        if value.name in self._named:
            element = self.emitter.let(value.name, element)
        self.emitter.remember((value.name, index), element)

    def short(self, position: Expr) -> Expr:
        """The same index, as a variable if it is long."""
        if isinstance(position, Const | Var) or sum(1 for _ in nodes(position)) <= _LARGE:
            return position
        return self.emitter.let("at", position)

    def is_pointwise(self, node: Node) -> bool:
        """Whether its element needs only the operands' elements at the same index."""
        return node.operator in self._pointwise

    def producer(self, value: Value) -> Node | None:
        """The node that computes a value in place."""
        return None if value.name in self._buffers else self._producers.get(value.name)

    def _compute(self, value: Value, index: Index) -> Expr:
        if value.type.elements == 0:  # in a loop that never runs
            return Const(identity("or" if value.type.dtype.is_bool else "add", value.type.dtype), value.type.dtype)
        buffer = self._buffers.get(value.name)
        if buffer is not None:
            return Load(buffer, index)
        node = self._producers[value.name]
        element = self._elements.get(node.operator)
        if element is None:
            raise Unsupported("cannot be computed by element, so it cannot be fused into its users", node.operator)
        return element(self, node, index)

    def _before(self, value: Value) -> list[Value]:
        """The named values that a value is computed from at the same index, operands first.

        Computing them one after the other keeps a chain of a thousand operators from recursing a thousand deep.
        """
        found = self._prepared.get(value.name)
        if found is not None:
            return found
        found = self._prepared[value.name] = []
        seen: set[str] = set()
        stack = [(value, False)]
        while stack:
            one, done = stack.pop()
            if done:
                found.append(one)
                continue
            if one.name in seen:
                continue
            seen.add(one.name)
            node = self.producer(one)
            if one.name in self._named and one is not value:
                stack.append((one, True))
            if node is None or node.operator not in self._pointwise:
                continue
            stack.extend([(operand, False) for operand in node.inputs])
        return found

    def _values_with_names(self, body: Iterable[Node], outputs: Iterable[Value]) -> set[str]:
        """Values that get a ``let``: those used more than once, and some of a long chain."""
        uses: dict[str, int] = {}
        for value in outputs:
            uses[value.name] = uses.get(value.name, 0) + 1
        for node in body:
            for value in node.inputs:
                uses[value.name] = uses.get(value.name, 0) + 1
        named = {name for name, count in uses.items() if count > 1}
        depths: dict[str, int] = {}
        for node in body:
            depth = 1 + max((depths.get(value.name, 0) for value in node.inputs), default=0)
            for value in node.outputs:
                if depth >= _MAX_DEPTH:
                    named.add(value.name)
                depths[value.name] = 0 if value.name in named else depth
        return named
