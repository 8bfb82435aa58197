"""A batch in two parts, one after the other."""

from __future__ import annotations

from collections.abc import Sequence

from misfold.programs.arguments import Ref
from misfold.programs.case import Case

from .program import Program, Writer
from .relation import Relation
from .rows import row_operands


class BatchSplit(Relation):
    """Rows that do not depend on each other, computed in two calls and put together again."""

    name = "batch-split"
    statement = "f(x) is cat(f(x[:k]), f(x[k:])), where f treats the rows of x independently"

    def sites(self, program: Program) -> Sequence[int]:
        return [index for index in range(len(program.graph.nodes)) if row_operands(program, index)]

    def apply(self, program: Program, site: int) -> Case | None:
        names = row_operands(program, site)
        if names is None:
            return None
        node, writer = program.graph.nodes[site], Writer(program.graph)
        rows = program.values[names[0]].shape[0]
        cut = program.random.randrange(1, rows)
        parts = []
        for start, length in ((0, cut), (cut, rows - cut)):
            own = {name: writer.call("torch.narrow", Ref(name), 0, start, length).name for name in names}
            parts.append(writer.again(node, own))
        return program.with_nodes(site, writer.last(node.outputs[0], "torch.cat", parts, 0))
