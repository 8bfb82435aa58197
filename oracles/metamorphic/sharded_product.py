"""A matrix product in two shards of its inner dimension, added."""

from __future__ import annotations

from collections.abc import Sequence

from misfold.programs.arguments import Ref
from misfold.programs.case import Case

from .program import Program, Writer, single
from .relation import Relation


class ShardedProduct(Relation):
    """As a model that is parallel in its inner dimension computes it."""

    name = "sharded-product"
    statement = "a @ b is a[:, :k] @ b[:k] + a[:, k:] @ b[k:]"

    def sites(self, program: Program) -> Sequence[int]:
        found = []
        for index in program.calls("mm", "bmm", "matmul"):
            node = program.graph.nodes[index]
            if not single(node) or node.kwargs or not all(isinstance(item, Ref) for item in node.args):
                continue
            ranks = [program.values[item.name].dim() for item in node.args]
            if min(ranks) >= 2 and program.values[node.args[0].name].shape[-1] >= 2:
                found.append(index)
        return found

    def apply(self, program: Program, site: int) -> Case | None:
        node, writer = program.graph.nodes[site], Writer(program.graph)
        left, right = node.args
        size = program.values[left.name].shape[-1]
        cut = program.random.randrange(1, size)
        parts = []
        for start, length in ((0, cut), (cut, size - cut)):
            first = writer.call("torch.narrow", left, -1, start, length)
            second = writer.call("torch.narrow", right, -2, start, length)
            parts.append(writer.call(node.op, first, second))
        return program.with_nodes(site, writer.last(node.outputs[0], "torch.add", *parts))
