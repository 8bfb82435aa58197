"""(a ∘ b) ∘ c = a ∘ (b ∘ c)."""

from __future__ import annotations

from collections.abc import Sequence

from misfold.programs.arguments import Ref
from misfold.programs.case import Case

from ..kinds import base_name
from .program import Program, Writer, single
from .relation import Relation

#: Associative to the bit, and associative but for rounding, which the bounds of both programs answer for.
ASSOCIATIVE = frozenset(
    """
    add mul multiply maximum minimum fmax fmin logical_and logical_or logical_xor bitwise_and bitwise_or bitwise_xor
    """.split()
)


class Reassociated(Relation):
    """All three operands have one type, so that no intermediate is wider than another."""

    name = "reassociated"
    statement = "(a + b) + c is a + (b + c), and so for other associative operators; sums and products within bounds"

    def sites(self, program: Program) -> Sequence[int]:
        return [index for index in range(len(program.graph.nodes)) if self._operands(program, index)]

    def _operands(self, program: Program, index: int) -> tuple[Ref, Ref, Ref] | None:
        graph = program.graph
        node = graph.nodes[index]
        if not _plain(program, index) or node.args[0].name not in graph.producers:
            return None
        before = graph.producers[node.args[0].name]
        inner = graph.nodes[before]
        if not _plain(program, before) or base_name(inner.op) != base_name(node.op):
            return None
        three = inner.args[0], inner.args[1], node.args[1]
        if len({program.values[item.name].dtype for item in three}) > 1:
            return None
        return three

    def apply(self, program: Program, site: int) -> Case | None:
        operands = self._operands(program, site)
        if operands is None:
            return None
        node, writer = program.graph.nodes[site], Writer(program.graph)
        inner = writer.call(node.op, operands[1], operands[2])
        return program.with_nodes(site, writer.last(node.outputs[0], node.op, operands[0], inner))


def _plain(program: Program, index: int) -> bool:
    node = program.graph.nodes[index]
    return (
        single(node)
        and base_name(node.op) in ASSOCIATIVE
        and not node.kwargs
        and len(node.args) == 2
        and all(isinstance(item, Ref) for item in node.args)
    )
