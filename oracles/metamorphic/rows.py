"""Which calls treat the rows of their first dimension independently of each other."""

from __future__ import annotations

from misfold.programs.arguments import Ref
from misfold.programs.graph import Node

from ..kinds import base_name
from .program import Program, argument, single

POINTWISE = frozenset(
    """
    abs absolute acos acosh add addcdiv addcmul asin asinh atan atan2 atanh bitwise_and bitwise_not bitwise_or
    bitwise_xor ceil celu clamp clamp_max clamp_min clip copysign cos cosh div divide elu eq erf erfc exp exp2 expm1
    floor fmax fmin fmod frac gcd ge gelu greater gt hardsigmoid hardswish hardtanh hypot isfinite isnan le leaky_relu
    less lerp log log10 log1p log2 logaddexp logical_and logical_not logical_or logical_xor logit logsigmoid lt
    maximum minimum mish mul multiply ne neg negative pow reciprocal relu relu6 remainder round rsqrt rsub selu sgn
    sigmoid sign silu sin sinh softplus softsign sqrt square sub subtract tan tanh tanhshrink true_divide trunc where
    xlogy
    """.split()
)
#: One operand, and a dimension along which it works; another dimension's rows are independent.
ALONG = {
    **dict.fromkeys("softmax log_softmax cumsum cumprod logcumsumexp logsumexp".split(), (1, "dim")),
    **dict.fromkeys("sum mean prod amax amin all any argmax argmin var std".split(), (1, "dim")),
}
#: Convolutions and poolings by the rank of an operand that has a batch.
BATCHED = {
    "conv1d": 3, "conv2d": 4, "conv3d": 5, "avg_pool1d": 3, "avg_pool2d": 4, "max_pool1d": 3, "max_pool2d": 4,
    "adaptive_avg_pool1d": 3, "adaptive_avg_pool2d": 4,
}  # fmt: skip


def row_operands(program: Program, index: int) -> tuple[str, ...] | None:
    """Values whose rows a call takes along, the others being shared by all rows; None where rows depend on each other.

    The call has one result, with two rows or more, and as many as each of these values.
    """
    node = program.graph.nodes[index]
    if not single(node):
        return None
    result = program.values[node.outputs[0].name]
    if result.dim() < 1 or result.shape[0] < 2:
        return None
    names = _names(program, node, base_name(node.op))
    if not names or any(program.values[name].shape[:1] != result.shape[:1] for name in names):
        return None
    return names


def _names(program: Program, node: Node, name: str) -> tuple[str, ...] | None:
    values = program.values
    result = values[node.outputs[0].name]
    first = node.args[0] if node.args else None
    if not isinstance(first, Ref):
        return None
    rank = values[first.name].dim()
    if name in POINTWISE:
        if any(values[item].dim() > result.dim() for item in node.uses):
            return None
        return tuple(item for item in node.uses if values[item].dim() == result.dim() and values[item].shape[0] > 1)
    if name in ALONG and len(node.uses) == 1:
        dim = argument(node, *ALONG[name])
        if type(dim) is not int or rank < 2 or dim % rank == 0 or not -rank <= dim < rank:
            return None
        return (first.name,)
    if name in ("mm", "bmm", "matmul") and len(node.args) == 2 and not node.kwargs and isinstance(node.args[1], Ref):
        other = values[node.args[1].name].dim()
        if rank == 2 and other == 2 and first != node.args[1]:
            return (first.name,)
        return tuple(node.uses) if rank == other and rank >= 3 else None
    if name == "linear" and rank >= 2:
        return (first.name,) if node.uses.count(first.name) == 1 and _once(node, first) else None
    if name == "layer_norm":
        shape = argument(node, 1, "normalized_shape", ())
        return (first.name,) if isinstance(shape, tuple | list) and len(shape) < rank and _once(node, first) else None
    if name in BATCHED:
        return (first.name,) if rank == BATCHED[name] and _once(node, first) else None
    return None


def _once(node: Node, ref: Ref) -> bool:
    return sum(item == ref for item in node.references()) == 1
