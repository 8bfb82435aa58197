"""A reduction in two shards, combined."""

from __future__ import annotations

from collections.abc import Sequence

from misfold.programs.arguments import Ref
from misfold.programs.case import Case

from ..kinds import base_name
from .program import Program, Writer, argument, single
from .relation import Relation

#: What combines the results of two shards.
COMBINE = {
    "sum": "torch.add", "prod": "torch.mul", "amax": "torch.maximum", "amin": "torch.minimum",
    "all": "torch.logical_and", "any": "torch.logical_or", "logsumexp": "torch.logaddexp",
}  # fmt: skip


class ShardedReduction(Relation):
    """The operand is cut along the reduced dimension, each part is reduced, and the two results are combined.

    Not for half types, whose partial sums each compiler keeps as it likes; not for ``all`` and ``any`` of ``uint8``,
    which give ``uint8``.
    """

    name = "sharded-reduction"
    statement = "sum(x) is sum(x[:k]) + sum(x[k:]), and so for prod, amax, amin, all, any, logsumexp"

    def sites(self, program: Program) -> Sequence[int]:
        found = []
        for index in program.calls(*COMBINE):
            node = program.graph.nodes[index]
            first = node.args[0] if node.args else None
            if not single(node) or not isinstance(first, Ref) or set(node.kwargs) - {"dim", "keepdim"}:
                continue
            value, dim = program.values[first.name], argument(node, 1, "dim")
            dim = dim[0] if isinstance(dim, tuple | list) and len(dim) == 1 else dim
            if type(dim) is not int or not -value.dim() <= dim < value.dim() or value.shape[dim] < 2:
                continue
            if str(value.dtype) in ("torch.float16", "torch.bfloat16", "torch.uint8") or value.is_complex():
                continue
            found.append(index)
        return found

    def apply(self, program: Program, site: int) -> Case | None:
        node, writer = program.graph.nodes[site], Writer(program.graph)
        first = node.args[0]
        dim = argument(node, 1, "dim")
        dim = dim[0] if isinstance(dim, tuple | list) else dim
        size = program.values[first.name].shape[dim]
        cut = program.random.randrange(1, size)
        parts = []
        for start, length in ((0, cut), (cut, size - cut)):
            part = writer.call("torch.narrow", first, dim, start, length)
            parts.append(writer.again(node, {first.name: part.name}))
        return program.with_nodes(site, writer.last(node.outputs[0], COMBINE[base_name(node.op)], *parts))
