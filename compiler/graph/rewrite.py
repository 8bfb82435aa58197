"""What passes over graphs share: new names, and graphs built anew with some values replaced."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .ir import Attribute, Graph, Node, Value
from .operators.base import infer
from .printer import print_attribute


class Names:
    """Names that a graph and its bodies do not have yet."""

    def __init__(self, graph: Graph):
        self._taken = {value.name for value in graph.inputs}
        for node in graph.nodes:
            self._taken.update([value.name for value in node.outputs])
            if node.body is not None:
                self._taken.update([value.name for value in node.body.inputs])
                self._taken.update([value.name for inner in node.body.nodes for value in inner.outputs])
        self._next: dict[str, int] = {}

    def fresh(self, prefix: str) -> str:
        """``prefix0``, or the first such name that is free."""
        number = self._next.get(prefix, 0)
        while f"{prefix}{number}" in self._taken:
            number += 1
        self._next[prefix] = number + 1
        name = f"{prefix}{number}"
        self._taken.add(name)
        return name


class Rebuild:
    """A copy of a graph under construction, node by node in its order.

    Outputs of the graph keep their types: a value in their place has the same strides.
    """

    def __init__(self, graph: Graph):
        self.graph = graph
        self.nodes: list[Node] = []
        self.changed = False
        #: The new node that makes a value, by the value's name.
        self.producers: dict[str, Node] = {}
        self._replaced: dict[str, Value] = {}
        self._names: Names | None = None
        self.outputs = {value.name for value in graph.outputs}

    def inputs(self, node: Node) -> Node:
        """The node with its inputs replaced where those were."""
        if not any(value.name in self._replaced for value in node.inputs):
            return node
        found = tuple([self._replaced.get(value.name, value) for value in node.inputs])
        return Node(node.operator, found, node.outputs, node.attributes, node.body)

    def append(self, node: Node) -> None:
        """The next node of the new graph."""
        self.nodes.append(node)
        for value in node.outputs:
            self.producers[value.name] = node

    def apply(self, operator: str, inputs: Sequence[Value], attributes: Mapping[str, Attribute]) -> Node:
        """A new node with one output of a fresh name; it is not appended."""
        (type,) = infer(operator, [value.type for value in inputs], attributes)
        return Node(operator, tuple(inputs), (Value(self.fresh(), type),), tuple(attributes.items()))

    def fresh(self, prefix: str = "v") -> str:
        self._names = self._names or Names(self.graph)
        return self._names.fresh(prefix)

    def replace(self, old: Value, new: Value) -> bool:
        """Let ``new`` stand for ``old`` from here on, if that can be: an output of the graph needs the same strides."""
        if old.name in self.outputs and old.type != new.type:
            return False
        self._replaced[old.name] = new
        self.changed = True
        return True

    def finish(self) -> Graph:
        """The new graph; the old one if nothing was replaced and ``changed`` was not set."""
        if not self.changed:
            return self.graph
        outputs = tuple(self._replaced.get(value.name, value) for value in self.graph.outputs)
        return Graph(self.graph.name, self.graph.inputs, tuple(self.nodes), outputs)


def row_major(shape: Sequence[int]) -> tuple[int, ...]:
    """The strides of a row-major tensor."""
    strides, step = [], 1
    for size in reversed(shape):
        strides.append(step)
        step *= max(size, 1)
    return tuple(reversed(strides))


def attribute_key(node: Node) -> tuple[Any, ...]:
    """Attributes as a key of dictionaries: unlike numbers in Python, 0.0 and -0.0, or 1 and 1.0, differ as keys."""
    return tuple([(name, print_attribute(value)) for name, value in node.attributes])


def splat(node: Node | None) -> int | float | bool | None:
    """The number of which a node's output consists; None: there is no such, or it is not known."""
    if node is not None and node.operator == "full":
        value = node.attributes[0][1]
        assert isinstance(value, int | float)
        return value
    return None
