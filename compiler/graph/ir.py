"""The language of tensor programs: typed SSA.

Graphs are functional: a node's outputs are new tensors, and nothing writes a tensor. Shapes are constants. Operators
are strict: operands of an elementwise operator have one shape and one dtype; broadcasts and casts are nodes of their
own. What each operator is called, takes and means stands in ``operators/``.

``strides`` of a type say how a tensor lies in memory and never change what a graph computes. A graph's inputs and
outputs have the strides that the caller has; in between, None (row-major) unless the ``layout`` pass chose.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from misfold.compiler.dtypes import DType


@dataclass(frozen=True, slots=True)
class TensorType:
    """Element type, shape, and strides in elements (None: row-major)."""

    dtype: DType
    shape: tuple[int, ...]
    strides: tuple[int, ...] | None = None

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def elements(self) -> int:
        count = 1
        for size in self.shape:
            count *= size
        return count


@dataclass(frozen=True, slots=True)
class Value:
    """A tensor: an input of the graph or an output of one node. Names are unique within a graph and its bodies."""

    name: str
    type: TensorType


Attribute = int | float | bool | str | DType | tuple[int, ...] | tuple[float, ...] | tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class Node:
    """The application of an operator.

    ``attributes`` are in the order in which the operator declares them. ``body`` is only for ``fused``: a graph whose
    inputs stand for ``inputs``, that is computed in one loop nest.
    """

    operator: str
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    attributes: tuple[tuple[str, Attribute], ...] = ()
    body: Graph | None = None

    @property
    def output(self) -> Value:
        """The only output."""
        (output,) = self.outputs
        return output

    def attribute(self, name: str) -> Attribute:
        for key, value in self.attributes:
            if key == name:
                return value
        raise KeyError(f"{self.operator} has no attribute {name}")


@dataclass(frozen=True, slots=True)
class Graph:
    """``nodes`` are in an order in which each value is defined before it is used. An input may be an output too, and
    a value may be an output several times."""

    name: str
    inputs: tuple[Value, ...]
    nodes: tuple[Node, ...]
    outputs: tuple[Value, ...]


def users(graph: Graph) -> Mapping[str, list[Node]]:
    """The nodes that use each value, by its name; a node that uses a value twice stands there twice."""
    found: dict[str, list[Node]] = {value.name: [] for value in graph.inputs}
    for node in graph.nodes:
        for value in node.outputs:
            found[value.name] = []
        for value in node.inputs:
            found[value.name].append(node)
    return found


def producers(graph: Graph) -> Mapping[str, Node]:
    """The node that makes each value, by its name; inputs of the graph have none."""
    return {value.name: node for node in graph.nodes for value in node.outputs}
