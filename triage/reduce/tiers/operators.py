"""Plainer operators: functions for methods, functional forms for in-place ones, and one member for a whole family.

A fault that does not depend on which operator of a family is there (a vectoriser's tail, a wrong reuse of memory)
shows with any of them. Reduced to the first of its family in these lists, all its findings look alike; a fault of one
operator stays with that operator, since no other shows it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from misfold.oracles.kinds import base_name
from misfold.programs.aliasing import written_arguments
from misfold.programs.arguments import Argument, Ref
from misfold.programs.case import Case
from misfold.programs.graph import Graph, Node
from misfold.programs.operators import is_operator

from ..surgery import attempt, mapped, untyped, with_nodes

# Families of operators of the same operands and shapes, plainest first: what replaces what is tried from the left.
_UNARY = (
    "neg", "abs", "relu", "exp", "sin", "sigmoid", "tanh", "sqrt", "floor", "bitwise_not", "logical_not",
)  # fmt: skip
_BINARY = ("add", "mul", "sub", "maximum", "minimum", "div", "bitwise_and", "logical_and")
_COMPARISONS = ("gt", "eq")
_REDUCTIONS = ("sum", "amax", "mean", "prod")
_CUMULATIVE = ("cumsum", "cumprod")
FAMILIES: tuple[tuple[str, ...], ...] = (_UNARY, _BINARY, _COMPARISONS, _REDUCTIONS, _CUMULATIVE)

# What else belongs to a family, without being tried for others.
_FURTHER = {
    **dict.fromkeys(
        "acos acosh angle asin asinh atan atanh ceil clone cos cosh deg2rad digamma elu erf erfc erfinv exp2 expm1 fix "
        "frac gelu hardsigmoid hardswish hardtanh i0 isfinite isinf isnan leaky_relu lgamma log log10 log1p log2 "
        "logsigmoid mish nan_to_num positive rad2deg reciprocal relu6 round rsqrt selu sgn sign signbit silu sinc sinh "
        "softplus softsign square tan tanhshrink trunc celu clamp clip threshold hardshrink softshrink".split(), 0),
    **dict.fromkeys(
        "atan2 bitwise_or bitwise_xor copysign divide fmax fmin fmod floor_divide hypot ldexp logaddexp logaddexp2 "
        "logical_or logical_xor multiply nextafter pow remainder rsub subtract true_divide xlogy heaviside gcd lcm "
        "bitwise_left_shift bitwise_right_shift max min float_power".split(), 1),
    **dict.fromkeys("ge le lt ne greater less greater_equal less_equal not_equal".split(), 2),
    **dict.fromkeys("amin std var nansum nanmean logsumexp norm count_nonzero all any median".split(), 3),
    **dict.fromkeys("logcumsumexp cummax cummin".split(), 4),
}  # fmt: skip
_FAMILY = {**_FURTHER, **{name: number for number, names in enumerate(FAMILIES) for name in names}}
_SPELLINGS = ("torch", "torch.nn.functional")
_PLAINEST = {f"torch.{family[0]}" for family in FAMILIES}
#: So many elements in a row are different ones; a prime, so that rows of usual lengths do not begin alike.
DISTINCT = 13


def rank(op: str) -> int:
    """How plain an operator is within its family; methods and in-place forms come after functions."""
    last, base = op.rpartition(".")[2], base_name(op)
    family = FAMILIES[_FAMILY[base]] if base in _FAMILY else ()
    place = family.index(base) if base in family else 15
    # One operand is plainer than two.
    place += _FAMILY.get(base, 0)
    return 4 * place + (last != base) * 2 + op.startswith("torch.Tensor.")


def functions(case: Case) -> Iterator[Case]:
    """A function for a method of the same name."""
    for index, node in enumerate(case.graph.nodes):
        space, _, last = node.op.rpartition(".")
        if space == "torch.Tensor" and is_operator(f"torch.{last}"):
            other = Node(f"torch.{last}", node.args, node.kwargs, node.outputs, node.unpack)
            yield from attempt(with_nodes, case, {index: other})


def plainer(case: Case) -> Iterator[Case]:
    """A plainer operator of the same family, or the plainest one on an operand that may have the output's type."""
    for index, node in enumerate(case.graph.nodes):
        space, base = node.op.rpartition(".")[0], base_name(node.op)
        if written_arguments(node):
            continue
        if rank(node.op):
            for name in _like_the_output(case.graph, node):
                unary = Node(f"torch.{_UNARY[0]}", (Ref(name),), {}, node.outputs)
                yield from attempt(with_nodes, case, {index: unary})
        for name in FAMILIES[_FAMILY[base]] if base in _FAMILY else ():
            if name == base:
                break
            op = next((f"{one}.{name}" for one in (*_SPELLINGS, space) if is_operator(f"{one}.{name}")), None)
            if op is None:
                continue
            for args, kwargs in _forms(node):
                other = Node(op, args, kwargs, node.outputs, node.unpack)
                yield from attempt(with_nodes, case, {index: other})


def plainest(case: Case) -> Iterator[Case]:
    """The plainest operators that may be in a node's place, on inputs of which each element is another: the inputs at
    hand may be just those for which it gives what is right by chance."""
    for candidate in plainer(case):
        changed = {
            node.op
            for node, before in zip(candidate.graph.nodes, case.graph.nodes, strict=True)
            if node.op != before.op
        }
        if changed <= _PLAINEST:
            yield from attempt(_ascending, candidate)


def _like_the_output(graph: Graph, node: Node) -> Iterator[str]:
    """Operands that an operator of one operand may turn into what a node gives: of the same type, or one of two."""
    if node.unpack:
        return
    binary = _FAMILY.get(base_name(node.op)) == FAMILIES.index(_BINARY)
    kind = graph.values[node.outputs[0].name].type
    for name in node.uses:
        own = graph.values[name].type
        if binary or (kind is not None and own is not None and (own.dtype, own.shape) == (kind.dtype, kind.shape)):
            yield name


def _forms(node: Node) -> Iterator[tuple[tuple[Argument, ...], dict[str, Argument]]]:
    """The arguments as they are; and those that are tensors alone, since others may be this operator's own."""
    yield node.args, dict(node.kwargs)
    tensors = tuple(item for item in node.args if isinstance(item, Ref))
    if len(tensors) < len(node.args) or node.kwargs:
        yield tensors, {}


def functional(case: Case) -> Iterator[Case]:
    """The functional form of an in-place operator; later uses of what it wrote use its result."""
    for index, node in enumerate(case.graph.nodes):
        if not written_arguments(node) or node.unpack or not node.args or not isinstance(node.args[0], Ref):
            continue
        space, _, last = node.op.rpartition(".")
        written, result = node.args[0].name, node.outputs[0].name
        for op in (f"torch.{last.rstrip('_')}", f"{space}.{last.rstrip('_')}"):
            if last.endswith("_") and is_operator(op):
                break
        else:
            if node.kwargs.get("inplace") is not True:
                continue
            op = node.op
        kwargs = {key: value for key, value in node.kwargs.items() if key != "inplace"}
        other = Node(op, node.args, kwargs, node.outputs)

        def leaf(item: Argument, written: str = written, result: str = result) -> Argument:
            return Ref(result) if isinstance(item, Ref) and item.name == written else item

        nodes = (*case.graph.nodes[:index], other, *(mapped(later, leaf) for later in case.graph.nodes[index + 1 :]))
        returns = tuple(dict.fromkeys(result if name == written else name for name in case.graph.returns))
        yield from attempt(_with, case, untyped(Graph(case.graph.inputs, nodes, returns)))


def _ascending(case: Case) -> Case:
    recipes = {}
    for value in case.graph.inputs:
        recipe = dict(case.recipes[value.name])
        if value.known.dtype.name != "bool":
            grad = {"requires_grad": True} if recipe.get("requires_grad") else {}
            recipe = {"draw": "values", "values": list(range(1, 1 + min(value.known.elements, DISTINCT))), **grad}
        recipes[value.name] = recipe
    return replace(case, recipes=recipes)


def _with(case: Case, graph: Graph) -> Case:
    return replace(case, graph=graph)
