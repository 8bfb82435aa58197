"""Nodes whose outputs nobody uses disappear."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from misfold.compiler.graph.ir import Graph, Node
from misfold.compiler.passes.base import GraphPass


@dataclass(frozen=True)
class DeadCodeElimination(GraphPass):
    """Keeps what the outputs depend on, in one walk from the end. Outputs of ``fused`` that nobody uses disappear too,
    with what its body computes for them alone. Inputs of the graph stay."""

    name: ClassVar[str] = "dead-code-elimination"
    precondition: ClassVar[str] = (
        "No output of the graph depends on the node. Nodes have no effects; an index out of range whose result nobody "
        "uses is not reported then."
    )

    def run(self, graph: Graph) -> Graph:
        nodes = _live(graph, tuple([value.name for value in graph.outputs]))
        if len(nodes) == len(graph.nodes) and all(a is b for a, b in zip(nodes, graph.nodes)):
            return graph
        return Graph(graph.name, graph.inputs, tuple(nodes), graph.outputs)


def _live(graph: Graph, outputs: tuple[str, ...]) -> list[Node]:
    used = set(outputs)
    kept = []
    for node in reversed(graph.nodes):
        live = [value.name in used for value in node.outputs]
        if any(live):
            node = node if node.body is None or all(live) else _narrowed(node, live)
            kept.append(node)
            used.update([value.name for value in node.inputs])
    return kept[::-1]


def _narrowed(node: Node, live: list[bool]) -> Node:
    """A ``fused`` node without some of its outputs."""
    body = node.body
    assert body is not None
    outputs = tuple([value for value, keep in zip(body.outputs, live) if keep])
    nodes = _live(body, tuple([value.name for value in outputs]))
    read = {value.name for inner in nodes for value in inner.inputs} | {value.name for value in outputs}
    inputs = [(outer, inner) for outer, inner in zip(node.inputs, body.inputs) if inner.name in read]
    return Node(
        "fused",
        tuple([outer for outer, _ in inputs]),
        tuple([value for value, keep in zip(node.outputs, live) if keep]),
        (),
        Graph(body.name, tuple([inner for _, inner in inputs]), tuple(nodes), outputs),
    )
