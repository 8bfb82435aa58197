"""Rows in another order, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from misfold.programs.arguments import Ref
from misfold.programs.case import Case

from .program import Program, Writer
from .relation import Relation
from .rows import row_operands

_FLIP: tuple[Any, ...] = ("torch.flip", [0])


class PermutedRows(Relation):
    """Rows that do not depend on each other, reversed or rotated before a call and put back behind it."""

    name = "permuted-rows"
    statement = "f(x) is back(f(permuted(x))), where f treats the rows of x independently"

    def sites(self, program: Program) -> Sequence[int]:
        return [index for index in range(len(program.graph.nodes)) if row_operands(program, index)]

    def apply(self, program: Program, site: int) -> Case | None:
        names = row_operands(program, site)
        if names is None:
            return None
        node, writer = program.graph.nodes[site], Writer(program.graph)
        rows = program.values[names[0]].shape[0]
        shift = program.random.randrange(rows)
        there: tuple[Any, ...]
        back: tuple[Any, ...]
        there, back = (("torch.roll", shift, 0), ("torch.roll", -shift, 0)) if shift else (_FLIP, _FLIP)
        own = {name: writer.call(there[0], Ref(name), *there[1:]).name for name in names}
        result = writer.again(node, own)
        return program.with_nodes(site, writer.last(node.outputs[0], back[0], result, *back[1:]))
