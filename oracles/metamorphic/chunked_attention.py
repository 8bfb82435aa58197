"""Attention over parts of its queries, or written out."""

from __future__ import annotations

import math
from collections.abc import Sequence

from misfold.programs.arguments import Ref
from misfold.programs.case import Case

from .program import Program, Writer, argument, single
from .relation import Relation


class ChunkedAttention(Relation):
    """Without mask, causality or dropout. Written out, its operands are of a type whose softmax keeps its precision."""

    name = "chunked-attention"
    statement = "attention is attention of parts of the queries put together, and softmax(q k' / sqrt d) v"

    def sites(self, program: Program) -> Sequence[int]:
        found = []
        for index in program.calls("scaled_dot_product_attention"):
            node = program.graph.nodes[index]
            plain = argument(node, 3, "attn_mask") is None and not argument(node, 4, "dropout_p", 0.0)
            plain = plain and not argument(node, 5, "is_causal", False) and not set(node.kwargs) - {"scale"}
            if plain and single(node) and len(node.args) >= 3 and len(node.uses) == 3:
                found.append(index)
        return found

    def apply(self, program: Program, site: int) -> Case | None:
        node, writer = program.graph.nodes[site], Writer(program.graph)
        query, key, value = node.args[:3]
        if not all(isinstance(item, Ref) for item in (query, key, value)):
            return None
        count, width = program.values[query.name].shape[-2:]
        if count >= 2 and program.random.random() < 0.5:
            cut = program.random.randrange(1, count)
            parts = []
            for start, length in ((0, cut), (cut, count - cut)):
                part = writer.call("torch.narrow", query, -2, start, length)
                parts.append(writer.again(node, {query.name: part.name}))
            return program.with_nodes(site, writer.last(node.outputs[0], "torch.cat", parts, -2))
        scale = argument(node, 6, "scale")
        scale = 1 / math.sqrt(width) if scale is None else scale
        turned = writer.call("torch.transpose", key, -2, -1)
        scores = writer.call("torch.mul", writer.call("torch.matmul", query, turned), scale)
        weights = writer.call("torch.softmax", scores, -1)
        return program.with_nodes(site, writer.last(node.outputs[0], "torch.matmul", weights, value))
