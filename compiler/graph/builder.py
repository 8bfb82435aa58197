"""Makes graphs node by node, with types inferred."""

from __future__ import annotations

from collections.abc import Sequence

from .ir import Attribute, Graph, Node, TensorType, Value
from .operators.base import infer


class Builder:
    """Appends nodes to a graph. Values are named ``x0, x1, …`` (inputs) and ``v0, v1, …`` unless a name is given."""

    def __init__(self, name: str = "graph"):
        self.name = name
        self.inputs: list[Value] = []
        self.nodes: list[Node] = []
        self._values = 0

    def input(self, type: TensorType, name: str | None = None) -> Value:
        """A new input of the graph."""
        value = Value(name or f"x{len(self.inputs)}", type)
        self.inputs.append(value)
        return value

    def apply(self, operator: str, *inputs: Value, **attributes: Attribute) -> tuple[Value, ...]:
        """Append a node; its outputs.

        Raises:
            IllTyped: the operator does not take these inputs or attributes.
        """
        types = infer(operator, [value.type for value in inputs], attributes)
        outputs = tuple(Value(f"v{self._values + number}", type) for number, type in enumerate(types))
        self._values += len(outputs)
        self.nodes.append(Node(operator, inputs, outputs, tuple(attributes.items())))
        return outputs

    def one(self, operator: str, *inputs: Value, **attributes: Attribute) -> Value:
        """``apply`` for operators with one output."""
        (output,) = self.apply(operator, *inputs, **attributes)
        return output

    def finish(self, outputs: Sequence[Value]) -> Graph:
        return Graph(self.name, tuple(self.inputs), tuple(self.nodes), tuple(outputs))
