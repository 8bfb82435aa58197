"""Composite operators become primitives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from misfold.compiler.graph.decompositions import decomposition, inline
from misfold.compiler.graph.ir import Graph, Node, Value
from misfold.compiler.graph.operators.base import operators
from misfold.compiler.graph.rewrite import Names
from misfold.compiler.passes.base import GraphPass


@dataclass(frozen=True)
class Decomposition(GraphPass):
    """Replaces each composite operator by the primitives that ``graph.decompositions`` has for it."""

    name: ClassVar[str] = "decomposition"
    precondition: ClassVar[str] = (
        "The operator is a composite. Its decomposition is its definition, so nothing changes but who sees the parts."
    )

    def run(self, graph: Graph) -> Graph:
        known = operators()
        if not any(known[node.operator].composite for node in graph.nodes):
            return graph
        names = Names(graph)
        nodes: list[Node] = []
        for node in graph.nodes:
            if known[node.operator].composite:
                nodes.extend(_decomposed(node, names))
            else:
                nodes.append(node)
        return Graph(graph.name, graph.inputs, tuple(nodes), graph.outputs)


def _decomposed(node: Node, names: Names) -> list[Node]:
    made = decomposition(node)
    last = made.outputs[0].name

    def fresh(value: Value) -> Value:
        # The result keeps its name and its strides.
        return node.output if value.name == last else Value(names.fresh("v"), value.type)

    nodes, _ = inline(made, node.inputs, fresh)
    return nodes
