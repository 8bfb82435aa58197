"""A call taken apart, so that its parts can be changed one by one."""

from __future__ import annotations

from typing import Any

from misfold.programs.arguments import Argument, Symbol
from misfold.programs.types import TensorType

from .call import Call

# An index into ``Draft.values``, or a list of ``tuple``, ``list`` or ``slice`` and nodes.
Node = Any


class Draft:
    """A call as a list of leaves, ``values``, in a skeleton of sequences. Values may be replaced in place."""

    def __init__(self, call: Call):
        self.function = call.function
        self.values: list[Argument] = []
        self.args: list[Node] = [self.add(item) for item in call.args]
        self.kwargs: dict[str, Node] = {key: self.add(item) for key, item in call.kwargs}

    def add(self, item: Argument) -> Node:
        """A node for an argument that is not part of the call yet."""
        kind = type(item)
        if kind is tuple or kind is list:
            return [kind, *map(self.add, item)]
        if kind is slice:
            return [slice, self.add(item.start), self.add(item.stop), self.add(item.step)]
        self.values.append(item)
        return len(self.values) - 1

    def call(self) -> Call:
        """The call as it is now."""
        named = tuple(sorted((key, self._built(node)) for key, node in self.kwargs.items()))
        return Call(self.function, tuple(map(self._built, self.args)), named)

    def _built(self, node: Node) -> Argument:
        if type(node) is int:
            return self.values[node]
        kind, *parts = node
        items = [self._built(part) for part in parts]
        if kind is tuple:
            return tuple(items)
        return slice(*items) if kind is slice else items

    def places(self, *kinds: type) -> list[int]:
        """Positions of the values that are exactly of one of the types."""
        return [index for index, value in enumerate(self.values) if type(value) in kinds]

    @property
    def tensors(self) -> list[int]:
        return self.places(TensorType)

    @property
    def symbols(self) -> list[int]:
        return self.places(Symbol)

    def dims(self) -> list[tuple[int, int, int]]:
        """Every dimension: position of the tensor, axis, size."""
        return [(place, axis, size) for place in self.tensors for axis, size in enumerate(self.values[place].shape)]

    def sequences(self) -> list[list[Node]]:
        """Nodes of tuples and lists that hold integers only, or tensors only; they may be changed in place."""
        found: list[list[Node]] = []

        def visit(node: Node) -> None:
            if type(node) is list:
                kinds = {type(self.values[part]) if type(part) is int else None for part in node[1:]}
                if node[0] is not slice and kinds in ({int}, {TensorType}):
                    found.append(node)
                for part in node[1:]:
                    visit(part)

        for node in (*self.args, *self.kwargs.values()):
            visit(node)
        return found

    def resize(self, place: int, axis: int, size: int) -> None:
        """Give one dimension of the tensor at ``place`` another size."""
        kind = self.values[place]
        self.reshape(place, (*kind.shape[:axis], size, *kind.shape[axis + 1 :]))

    def reshape(self, place: int, shape: tuple[int, ...]) -> None:
        """Give the tensor at ``place`` another shape."""
        self.values[place] = TensorType(self.values[place].dtype, shape)
