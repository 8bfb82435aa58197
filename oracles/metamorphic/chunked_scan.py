"""A cumulative sum in two chunks, the second carried on from the first."""

from __future__ import annotations

from collections.abc import Sequence

from misfold.programs.arguments import Ref
from misfold.programs.case import Case

from ..kinds import base_name
from .program import Program, Writer, argument, single
from .relation import Relation

#: How what came before goes into each element.
CARRY = {"cumsum": "torch.add", "cumprod": "torch.mul", "logcumsumexp": "torch.logaddexp"}


class ChunkedScan(Relation):
    """As kernels do that scan blocks in parallel and add what the blocks before have summed up."""

    name = "chunked-scan"
    statement = "cumsum(x) is cat(a, last(a) + cumsum(x[k:])) with a = cumsum(x[:k]); so cumprod and logcumsumexp"

    def sites(self, program: Program) -> Sequence[int]:
        found = []
        for index in program.calls(*CARRY):
            node = program.graph.nodes[index]
            dim = argument(node, 1, "dim")
            first = node.args[0] if node.args else None
            if not single(node) or not isinstance(first, Ref) or type(dim) is not int or set(node.kwargs) - {"dim"}:
                continue
            value = program.values[first.name]
            if value.dim() and -value.dim() <= dim < value.dim() and value.shape[dim] >= 2:
                found.append(index)
        return found

    def apply(self, program: Program, site: int) -> Case | None:
        node, writer = program.graph.nodes[site], Writer(program.graph)
        first, dim = node.args[0], argument(node, 1, "dim")
        size = program.values[first.name].shape[dim]
        cut = program.random.randrange(1, size)
        head = writer.again(node, {first.name: writer.call("torch.narrow", first, dim, 0, cut).name})
        tail = writer.again(node, {first.name: writer.call("torch.narrow", first, dim, cut, size - cut).name})
        carried = writer.call(CARRY[base_name(node.op)], writer.call("torch.narrow", head, dim, cut - 1, 1), tail)
        return program.with_nodes(site, writer.last(node.outputs[0], "torch.cat", [head, carried], dim))
