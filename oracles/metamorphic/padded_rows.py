"""More rows than are wanted, and the rest thrown away."""

from __future__ import annotations

from collections.abc import Sequence

from misfold.programs.arguments import Ref
from misfold.programs.case import Case

from .program import Program, Writer
from .relation import Relation
from .rows import row_operands


class PaddedRows(Relation):
    """The rows added are copies of the first ones: every call is defined on them, whatever its domain."""

    name = "padded-rows"
    statement = "f(x) is f(cat(x, x[:k]))[:n], where f treats the n rows of x independently"

    def sites(self, program: Program) -> Sequence[int]:
        return [index for index in range(len(program.graph.nodes)) if row_operands(program, index)]

    def apply(self, program: Program, site: int) -> Case | None:
        names = row_operands(program, site)
        if names is None:
            return None
        node, writer = program.graph.nodes[site], Writer(program.graph)
        rows = program.values[names[0]].shape[0]
        more = program.random.randrange(1, rows + 1)
        own = {}
        for name in names:
            top = writer.call("torch.narrow", Ref(name), 0, 0, more)
            own[name] = writer.call("torch.cat", [Ref(name), top], 0).name
        padded = writer.again(node, own)
        return program.with_nodes(site, writer.last(node.outputs[0], "torch.narrow", padded, 0, 0, rows))
