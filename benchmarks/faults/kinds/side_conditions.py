"""Rewrite rules without a side condition that they need."""

from __future__ import annotations

from typing import Any

from misfold.compiler.loops.ir import Binary, Const
from misfold.compiler.loops.operators import identity
from misfold.compiler.loops.ranges import Linear
from misfold.compiler.passes.graph.rules_logic import _OPPOSITE
from misfold.compiler.passes.loops.simplify import write_linear

from ..catalogue import seeded
from ..witnesses import graph, kernel


@seeded(
    "mul-zero-of-floats",
    project="XLA, LLVM",
    models="x · 0 folded to 0 under fast-math, although x may be infinite or NaN",
    place="rule:mul-zero",
    trigger="a float that overflowed, times the constant 0",
    witness=graph(
        'def program(x: "float64[6]"):\n    v0 = torch.mul(x, 1000.0)\n    v1 = torch.exp(v0)\n'
        "    v2 = torch.mul(v1, 0.0)\n    return (v2,)\n"
    ),
)
def _(original: Any, site: Any) -> Any:
    return site.y if site.number(site.y) == 0 else None


@seeded(
    "sub-self-of-floats",
    project="ONNX Runtime, LLVM",
    models="x - x folded to 0, although infinities give NaN",
    place="rule:sub-self",
    trigger="a float that overflowed, minus itself",
    witness=graph(
        'def program(x: "float64[6]"):\n    v0 = torch.mul(x, 1000.0)\n    v1 = torch.exp(v0)\n'
        "    v2 = torch.sub(v1, v1)\n    return (v2,)\n"
    ),
)
def _(original: Any, site: Any) -> Any:
    return site.full(0.0 if site.dtype.is_float else 0) if site.x == site.y else None


@seeded(
    "negated-order-of-floats",
    project="LLVM, Inductor",
    models="not (x < y) rewritten to x >= y for floats, which is wrong for NaN",
    place="rule:not-of-comparison",
    trigger="the negation of an ordered comparison with a NaN",
    witness=graph(
        'def program(x: "float32[8]"):\n    v0 = torch.sqrt(x)\n    v1 = torch.lt(v0, 2.0)\n'
        "    v2 = torch.logical_not(v1)\n    return (v2,)\n"
    ),
)
def _(original: Any, site: Any) -> Any:
    inner = site.source(site.x, *_OPPOSITE) if site.dtype.is_bool else None
    return site.apply(_OPPOSITE[inner.operator], *inner.inputs) if inner else None


@seeded(
    "least-of-signed-is-zero",
    project="LLVM",
    models="a comparison rule for unsigned integers applied to signed ones: nothing is below 0",
    place="rule:compare-with-least",
    trigger="signed integers compared with 0 by lt or ge",
    witness=graph('def program(x: "int32[8]"):\n    v0 = torch.lt(x, 0)\n    return (v0,)\n'),
)
def _(original: Any, site: Any) -> Any:
    if site.dtype.is_float or site.number(site.y) != 0:
        return None
    return site.full(site.node.operator == "ge")


@seeded(
    "cast-through-integers",
    project="TVM, ONNX Runtime",
    models="a pair of casts that only seem to cancel is removed: float to integer and back",
    place="passes.graph.rules_logic:lossless",
    trigger="a float cast to an integer and back",
    witness=graph(
        'def program(x: "float32[8]"):\n    v0 = torch.div(x, 2.0)\n    v1 = v0.to(torch.int32)\n'
        "    v2 = v1.to(torch.float32)\n    return (v2,)\n"
    ),
)
def _(original: Any, source: Any, target: Any) -> bool:
    return original(source, target) or (source.is_float and target.is_integer and target.bits >= source.bits)


@seeded(
    "cast-through-narrow-integers",
    project="TVM",
    models="cast(cast(x, narrow), wide) simplified to cast(x, wide), so that the wrap-around is lost",
    place="rule:cast-wraps-twice",
    trigger="an integer cast to a narrower type and then to a wider one",
    witness=graph(
        'def program(x: "int32[8]"):\n    v0 = torch.mul(x, 100)\n    v1 = v0.to(torch.int8)\n'
        "    v2 = v1.to(torch.int64)\n    return (v2,)\n"
    ),
)
def _(original: Any, site: Any) -> Any:
    inner = site.source(site.x, "cast")
    target = site.attributes["dtype"]
    if inner is None or not (inner.inputs[0].type.dtype.is_integer and site.dtype.is_integer and target.is_integer):
        return None
    return site.apply("cast", inner.inputs[0], dtype=target)


@seeded(
    "select-of-select-wrong-arm",
    project="LLVM",
    models="a nested select under the same condition is replaced by the arm that is never taken",
    place="rule:select-of-select",
    trigger="where(c, where(c, a, b), d)",
    witness=graph(
        'def program(c: "bool[8]", x: "float32[8]", y: "float32[8]", z: "float32[8]"):\n'
        "    v0 = torch.where(c, x, y)\n    v1 = torch.where(c, v0, z)\n    return (v1,)\n",
        c=[True, False],
    ),
)
def _(original: Any, site: Any) -> Any:
    condition, then, other = site.node.inputs
    inner = site.source(then, "select")
    if inner is not None and inner.inputs[0] == condition:
        return site.apply("select", condition, inner.inputs[2], other)
    return None


@seeded(
    "reduce-of-another-reduce",
    project="ONNX Runtime, Inductor",
    models="two reductions merged into one without a look at whether they combine by the same operator",
    place="rule:reduce-of-reduce",
    trigger="a reduction of a reduction by another operator",
    witness=graph(
        'def program(x: "int64[4, 6]"):\n    v0 = torch.amax(x, 1)\n    v1 = torch.sum(v0, 0)\n    return (v1,)\n'
    ),
)
def _(original: Any, site: Any) -> Any:
    inner = site.source(site.x, "reduce")
    if inner is None or (site.dtype.is_float and site.attributes["op"] in ("add", "mul")):
        return None
    done = dict(inner.attributes)["dims"]
    left = [dim for dim in range(inner.inputs[0].type.rank) if dim not in done]
    dims = tuple(sorted((*done, *(left[dim] for dim in site.attributes["dims"]))))
    return site.apply("reduce", inner.inputs[0], op=site.attributes["op"], dims=dims)


@seeded(
    "same-operator-same-value",
    project="Inductor, ONNX Runtime",
    models="common subexpressions are told by operator and operands, and not by attributes",
    place="passes.graph.common_subexpression_elimination:_key",
    trigger="an operator applied twice to one tensor with other attributes and a result of the same shape",
    witness=graph(
        'def program(x: "int64[5, 5]"):\n    v0 = torch.amax(x, 0)\n    v1 = torch.amax(x, 1)\n    return v0, v1\n'
    ),
)
def _(original: Any, node: Any) -> Any:
    types = [(value.type.dtype.name, value.type.shape, value.type.strides) for value in node.outputs]
    constant = original(node) if not node.inputs else ()
    return (node.operator, *(value.name for value in node.inputs), *types, constant)


@seeded(
    "any-operator-commutes",
    project="XLA, Inductor",
    models="operands of an operator that does not commute are put in order before nodes are compared",
    place="passes.graph.common_subexpression_elimination:_key",
    trigger="x op y and y op x for sub, div, a comparison or another operator that does not commute",
    witness=graph(
        'def program(x: "float32[6]", y: "float32[6]"):\n    v0 = torch.sub(x, y)\n    v1 = torch.sub(y, x)\n'
        "    return v0, v1\n"
    ),
)
def _(original: Any, node: Any) -> Any:
    key = original(node)
    inputs = len(node.inputs)
    return (key[0], *sorted(key[1 : 1 + inputs]), *key[1 + inputs :]) if inputs == 2 else key


@seeded(
    "comparison-moved-across-overflow",
    project="TVM, LLVM",
    models="x + a < b rewritten to x < b - a without a proof that x + a does not overflow",
    place="passes.loops.simplify:_compared",
    trigger="a comparison of a sum of narrow integers with a constant, where the sum wraps around",
    witness=kernel(
        "simplify",
        "function f(x: in i64[16], y: out i64[16]) {\n  for i in 0..16 {\n"
        "    let t: i8 = i8(x[i] * 37)\n    y[i] = i64(t + 100:i8 < 90:i8)\n  }\n}\n",
    ),
)
def _(original: Any, comparison: Any, ranges: Any) -> Any:
    dtype = comparison.left.dtype
    if not isinstance(comparison.right, Const):
        return comparison
    form = ranges.linear(comparison.left)
    limit = int(comparison.right.value) - form.constant
    if not form.terms or not dtype.min <= limit <= dtype.max:
        return comparison
    rest = Linear(0, form.terms)
    return Binary(comparison.op, write_linear(rest, dtype), Const(limit, dtype))


@seeded(
    "zero-is-always-neutral",
    project="TVM, LLVM",
    models="an update by 0 removed as doing nothing, whatever the operator",
    place="passes.loops.simplify:_does_nothing",
    trigger="a reduction by min, max or mul of the constant 0",
    witness=kernel(
        "simplify",
        "function f(x: in i64[16], y: out i64[16]) {\n  for i in 0..16 {\n    y[i] = x[i]\n    y[i] max= 0\n  }\n}\n",
    ),
)
def _(original: Any, op: str, value: Any) -> bool:
    if isinstance(value, Const) and value.dtype.is_integer:
        return value.value in (0, identity(op, value.dtype))
    return original(op, value)


@seeded(
    "nested-clamp-wrong-bound",
    project="TVM",
    models="max(max(x, a), b) simplified to max(x, min(a, b))",
    place="passes.loops.identities:_nested",
    trigger="a clamp of a clamp of integers by two constants",
    witness=kernel(
        "simplify",
        "function f(x: in i64[16], y: out i64[16]) {\n  for i in 0..16 {\n    y[i] = max(max(x[i], -2), 3)\n  }\n}\n",
    ),
)
def _(original: Any, e: Any, ranges: Any) -> Any:
    match e:
        case Binary(op, Binary(inner, x, Const(a, _)), Const(b, dtype)) if op == inner and dtype.is_integer:
            return Binary(op, x, Const(max(a, b) if op == "min" else min(a, b), dtype))
    return None


@seeded(
    "mirrored-comparison-not-strict",
    project="LLVM, TVM",
    models="c < x turned round to x >= c instead of x > c",
    place="passes.loops.identities:MIRRORED[lt]",
    trigger="a comparison lt with a constant on its left side that the other side can equal",
    witness=kernel(
        "simplify",
        "function f(x: in i64[16], y: out i64[16]) {\n  for i in 0..16 {\n    y[i] = i64(3 < i)\n  }\n}\n",
    ),
)
def _(original: Any) -> str:
    return "ge"
