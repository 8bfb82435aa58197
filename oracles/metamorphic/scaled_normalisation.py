"""A normalisation does not see the scale of its operand, nor a softmax what is added to all."""

from __future__ import annotations

from collections.abc import Sequence

from misfold.programs.arguments import Ref
from misfold.programs.case import Case
from misfold.programs.graph import Node

from ..kinds import base_name
from .program import Program, Writer, argument, single
from .relation import Relation

#: Where the small number stands that a normalisation adds to the variance, and what it is if not given.
EPSILON = {"layer_norm": (4, "eps", 1e-5), "group_norm": (4, "eps", 1e-5), "instance_norm": (7, "eps", 1e-5)}
_FACTOR = 4.0
#: Beyond this, scaling could overflow the narrowest type.
_LARGEST = 1000.0


class ScaledNormalisation(Relation):
    """The factor is a power of two, and the small number added to the variance is scaled with its square, so that the
    equation holds exactly. Softmax is shifted by a whole number. No running statistics; operands below 1000."""

    name = "scaled-normalisation"
    statement = "norm(4 x, 16 eps) is norm(x, eps); softmax(x + 3) is softmax(x)"

    def sites(self, program: Program) -> Sequence[int]:
        found = []
        for index in program.calls(*EPSILON, "softmax", "log_softmax"):
            node = program.graph.nodes[index]
            first = node.args[0] if node.args else None
            if not single(node) or not isinstance(first, Ref) or not program.is_float(first.name):
                continue
            statistics = base_name(node.op) == "instance_norm" and len(node.uses) > 1
            size = program.values[first.name].abs()
            if not statistics and size.numel() and float(size.max()) < _LARGEST and _once(node, first):
                found.append(index)
        return found

    def apply(self, program: Program, site: int) -> Case | None:
        node, writer = program.graph.nodes[site], Writer(program.graph)
        first, name = node.args[0], base_name(node.op)
        if name not in EPSILON:
            shifted = writer.call("torch.add", first, 3.0)
            return program.with_nodes(
                site, [*writer.nodes, Node(node.op, (shifted, *node.args[1:]), node.kwargs, node.outputs)]
            )
        position, keyword, default = EPSILON[name]
        epsilon = argument(node, position, keyword, default)
        if type(epsilon) is not float:
            return None
        scaled = writer.call("torch.mul", first, _FACTOR)
        args, kwargs = [scaled, *node.args[1:]], dict(node.kwargs)
        if len(args) > position:
            args[position] = epsilon * _FACTOR**2
        else:
            kwargs[keyword] = epsilon * _FACTOR**2
        return program.with_nodes(site, [*writer.nodes, Node(node.op, tuple(args), kwargs, node.outputs)])


def _once(node: Node, ref: Ref) -> bool:
    return sum(item == ref for item in node.references()) == 1
