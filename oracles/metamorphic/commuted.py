"""Operands of commutative operators exchanged."""

from __future__ import annotations

from collections.abc import Sequence

from misfold.programs.arguments import Ref
from misfold.programs.case import Case
from misfold.programs.graph import Node

from ..kinds import base_name
from .program import Program, single
from .relation import Relation

#: Commutative to the bit. IEEE 754 leaves which of two NaNs comes out, and nobody compares that.
COMMUTATIVE = frozenset(
    """
    add mul multiply maximum minimum fmax fmin eq ne not_equal logical_and logical_or logical_xor bitwise_and
    bitwise_or bitwise_xor gcd lcm hypot logaddexp
    """.split()
)
#: What compares the other way round.
MIRRORED = {
    "torch.lt": "torch.gt", "torch.gt": "torch.lt", "torch.le": "torch.ge", "torch.ge": "torch.le",
}  # fmt: skip


class Commuted(Relation):
    """Both operands are tensors, so that the types that they promote to are the same either way round."""

    name = "commuted"
    statement = "a + b is b + a, and so for the other commutative operators; a < b is b > a"

    def sites(self, program: Program) -> Sequence[int]:
        found = []
        for index, node in enumerate(program.graph.nodes):
            plain = single(node) and not node.kwargs and len(node.args) == 2
            known = base_name(node.op) in COMMUTATIVE or node.op in MIRRORED
            if plain and known and all(isinstance(item, Ref) for item in node.args) and len(node.uses) == 2:
                found.append(index)
        return found

    def apply(self, program: Program, site: int) -> Case | None:
        node = program.graph.nodes[site]
        op = MIRRORED.get(node.op, node.op)
        return program.with_nodes(site, [Node(op, (node.args[1], node.args[0]), {}, node.outputs)])
