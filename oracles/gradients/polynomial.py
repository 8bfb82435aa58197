"""Gradients that are known to the bit: of polynomials with whole coefficients at whole points.

Every honest evaluation of such a gradient, forward or backward, adds and multiplies whole numbers. The same program on
absolute values bounds all partial sums, in any order; below 2^24 (float32) none of them rounds, and the bits must agree
whatever was fused. That the gradient is the right one is checked by finite differences, which for a polynomial of
degree d are exact with d + 1 points: neither autograd nor any formula for a derivative has a part in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import torch

from misfold.programs.arguments import Ref
from misfold.programs.case import Case, parse_case
from misfold.programs.graph import Graph, Node
from misfold.targets.torch_values import cotangent, make_inputs, to_value

from ..calls import Call, make_call
from ..exactness import SIGNIFICAND
from ..kinds import base_name

SERVICE = "misfold.oracles.gradients.polynomial:serve"

#: Operators that arrange elements: the degree stays.
ARRANGE = frozenset(
    """
    cat concat concatenate contiguous clone expand flatten flip movedim narrow permute ravel repeat reshape roll select
    squeeze stack swapaxes swapdims t tile transpose tril triu unflatten unsqueeze view
    """.split()
)
SUMS = frozenset("add sub subtract sum cumsum trace".split())
PRODUCTS = frozenset("mul multiply mm bmm matmul dot mv outer linear einsum".split())
#: Degrees beyond this need points at which values would leave what float64 holds exactly.
MOST = 8
#: Of the drawn inputs, in absolute value.
LARGEST = 2


class Beyond(Exception):
    """A whole number beyond 2^53."""


def degrees(graph: Graph) -> dict[str, int] | None:
    """For each value of a graph the degree of the polynomial that it is in the inputs of float types; None where some
    value is none."""
    found = {value.name: int(value.known.dtype.is_float) for value in graph.inputs}
    for node in graph.nodes:
        degree = _degree(node, found)
        if degree is None or degree > MOST:
            return None
        found.update({value.name: degree for value in node.outputs})
    return found


def _degree(node: Node, known: dict[str, int]) -> int | None:
    name = base_name(node.op)
    operands = [known[ref.name] for ref in node.references()]
    numbers = [item for item in (*node.args, *node.kwargs.values()) if isinstance(item, float)]
    if any(item != int(item) for item in numbers) or "dtype" in node.kwargs or "out" in node.kwargs:
        return None
    if node.op.endswith("_"):
        return None
    if name in ARRANGE or name in SUMS or name in ("neg", "negative"):
        return max(operands, default=0)
    if name in PRODUCTS:
        return sum(operands)
    if name == "square":
        return 2 * operands[0]
    if name == "pow" and len(node.args) == 2 and node.args[1] in (1, 2, 3) and not isinstance(node.args[1], Ref):
        return int(node.args[1]) * operands[0]
    return None


def whole_inputs(case: Case) -> Case:
    """The case with small whole numbers as inputs, and gradients for all of a float type."""
    recipes = {}
    for index, value in enumerate(case.graph.inputs):
        recipe: dict[str, Any] = dict(case.recipes[value.name])
        if value.known.dtype.is_float:
            recipe = {
                "draw": "integers", "seed": recipe.get("seed", index), "low": -LARGEST, "high": LARGEST,
                "requires_grad": True,
            }  # fmt: skip
        recipes[value.name] = recipe
    return replace(case, recipes=recipes, exact=True)


def serve(request: dict[str, Any]) -> dict[str, Any]:
    """For the case ``case``: ``reason`` why its gradients are not known to the bit, or None.

    Then ``text`` is the case on whole inputs, ``gradients`` are its gradients (TensorValues as data), and ``wrong`` is
    None or where reverse mode itself, in float64, contradicts finite differences.
    """
    case = whole_inputs(parse_case(request["case"]))
    reason = unfit(case)
    if reason is not None:
        return {"reason": reason}
    inputs = make_inputs(case)
    widened = [_wide(item) for item in inputs]
    slopes = _gradients(case.graph, widened)
    if slopes is None:
        return {"reason": "nothing is differentiable"}
    limit = min(2.0 ** SIGNIFICAND[item.dtype] for item in inputs if item.requires_grad)
    largest = _largest(case.graph, widened)
    if not largest <= limit:
        return {"reason": f"partial sums of up to {largest:.3g} may round"}
    try:
        wrong = contradiction(case.graph, widened, slopes)
    except Beyond:
        return {"reason": "finite differences need values beyond what float64 holds exactly"}
    leaves = [item for item in inputs if item.requires_grad]
    exact = [to_value(slope.to(leaf.dtype)).to_data() for slope, leaf in zip(slopes, leaves, strict=True)]
    return {"reason": None, "text": case.text, "gradients": exact, "wrong": wrong}


def unfit(case: Case) -> str | None:
    """Why a case's gradients cannot be known to the bit, or None."""
    if not case.gradient:
        return "no input is of a float type"
    known = degrees(case.graph)
    if known is None:
        return "the program is no polynomial with whole coefficients, of a degree up to 8"
    return None


def _wide(item: torch.Tensor) -> torch.Tensor:
    data = item.detach()
    return data.double().requires_grad_(item.requires_grad) if data.is_floating_point() else data


def _run(graph: Graph, inputs: Sequence[torch.Tensor], absolute: bool = False) -> list[torch.Tensor]:
    env = {value.name: item for value, item in zip(graph.inputs, inputs, strict=True)}
    for node in graph.nodes:
        call = make_call(_absolute(node) if absolute else node, torch.float64)
        assert isinstance(call, Call), "only widening can fail"
        env.update(zip((value.name for value in node.outputs), call(env), strict=False))
    return [env[name] for name in graph.returns]


def _absolute(node: Node) -> Node:
    """The call that adds where the node subtracts, and takes no signs from its numbers."""
    name = base_name(node.op)
    op = node.op
    if name in ("sub", "subtract"):
        op = "torch.add"
    elif name in ("neg", "negative"):
        op = "torch.clone"
    args = tuple(abs(item) if type(item) is float or _factor(name, item) else item for item in node.args)
    kwargs = {key: abs(item) if key == "alpha" else item for key, item in node.kwargs.items()}
    return Node(op, args, kwargs, node.outputs, node.unpack)


def _factor(name: str, item: Any) -> bool:
    return type(item) is int and name in ("add", "sub", "subtract", "mul", "multiply")


def _gradients(graph: Graph, inputs: Sequence[torch.Tensor], absolute: bool = False) -> list[torch.Tensor] | None:
    outputs = [item for item in _run(graph, inputs, absolute) if item.requires_grad]
    leaves = [item for item in inputs if item.requires_grad]
    if not outputs:
        return None
    weights = [cotangent(item).abs() if absolute else cotangent(item) for item in outputs]
    found = torch.autograd.grad(outputs, leaves, weights, allow_unused=True)
    return [torch.zeros_like(leaf) if slope is None else slope for slope, leaf in zip(found, leaves, strict=True)]


def _largest(graph: Graph, inputs: Sequence[torch.Tensor]) -> float:
    """A bound on every partial sum of the program and its gradient, in any order."""
    ones = [
        item.detach().abs().clamp_min(1.0)
        if item.is_floating_point()
        else item
        if item.dtype is torch.bool
        else item.abs()
        for item in inputs
    ]
    ones = [item.requires_grad_(own.requires_grad) for item, own in zip(ones, inputs, strict=True)]
    slopes = _gradients(graph, ones, True) or []
    everything = [*(item.detach() for item in _run(graph, ones, True)), *slopes]
    return max((float(item.double().max()) for item in everything if item.numel()), default=0.0)


def contradiction(graph: Graph, inputs: Sequence[torch.Tensor], slopes: Sequence[torch.Tensor]) -> str | None:
    """Where the gradient contradicts the derivative along one direction, found by finite differences; or None.

    Raises:
        Beyond: some value on the way is more than float64 holds exactly.
    """
    known = degrees(graph) or {}
    degree = max((known[name] for name in graph.returns), default=0)
    leaves = [item for item in inputs if item.requires_grad]
    directions = [cotangent(leaf.detach()) for leaf in leaves]
    points = list(range(-((degree + 1) // 2), (degree + 1) // 2 + 1))
    values = []
    for step in points:
        moved = iter([leaf.detach() + step * way for leaf, way in zip(leaves, directions, strict=True)])
        outputs = _run(graph, [next(moved) if item.requires_grad else item for item in inputs])
        total = sum(
            (float((item * cotangent(item)).sum()) for item in outputs if item.is_floating_point() and item.numel()),
            0.0,
        )
        if not abs(total) < 2.0**53 or total != int(total):
            raise Beyond
        values.append(int(total))
    along = sum(weight * value for weight, value in zip(_weights(points), values, strict=True))
    claimed = sum(float((slope * way).sum()) for slope, way in zip(slopes, directions, strict=True))
    if along == Fraction(claimed):
        return None
    return f"along (1, 2, -1, ...) the derivative is {along}, and the gradient says {claimed:g}"


def _weights(points: Sequence[int]) -> list[Fraction]:
    """Weights of values at whole points for the derivative at 0 of the polynomial through them (Lagrange)."""
    found = []
    for point in points:
        others = [item for item in points if item != point]
        below = Fraction(1)
        for item in others:
            below *= point - item
        above = Fraction(0)
        for left in others:
            product = Fraction(1)
            for item in others:
                if item != left:
                    product *= -item
            above += product
        found.append(above / below)
    return found
