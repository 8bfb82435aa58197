"""What is computed twice is computed once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from misfold.compiler.graph.ir import Graph, Node
from misfold.compiler.graph.rewrite import Rebuild, attribute_key
from misfold.compiler.loops.operators import BINARY
from misfold.compiler.passes.base import GraphPass


@dataclass(frozen=True)
class CommonSubexpressionElimination(GraphPass):
    """Nodes that apply the same operator to the same values share the first's outputs (Cocke, "Global common
    subexpression elimination", 1970; graphs in SSA form need nothing but a table). Operands of commutative operators
    are compared in any order. Bodies of ``fused`` are left alone."""

    name: ClassVar[str] = "common-subexpression-elimination"
    precondition: ClassVar[str] = (
        "Operator, operands and attributes are equal: operators are functions, so the results are. An output of the "
        "graph is replaced only by a value with the same strides."
    )

    def run(self, graph: Graph) -> Graph:
        new = Rebuild(graph)
        seen: dict[tuple[Any, ...], Node] = {}
        for old in graph.nodes:
            node = new.inputs(old)
            if node.body is None:
                first = seen.setdefault(_key(node), node)
                if first is not node and all(new.replace(*pair) for pair in zip(node.outputs, first.outputs)):
                    continue
            new.append(node)
        return new.finish()


def _key(node: Node) -> tuple[Any, ...]:
    names = [value.name for value in node.inputs]
    if node.operator in BINARY and BINARY[node.operator].commutes:
        names.sort()
    return (node.operator, *names, attribute_key(node))
