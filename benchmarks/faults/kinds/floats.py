"""NaN, rounding and the precision of floats."""

from __future__ import annotations

from typing import Any

from misfold.compiler.codegen import reductions
from misfold.compiler.codegen.emitter import bits, convert, from_bits, select

from ..catalogue import seeded
from ..witnesses import graph, kernel


@seeded(
    "maximum-loses-nan",
    project="Inductor, TVM",
    models="max(x, y) as x > y ? x : y, which forgets a NaN on one side",
    place="codegen.floats:_strict",
    trigger="min or max with a NaN as the second operand",
    witness=graph(
        'def program(x: "float32[8]", y: "float32[8]"):\n    v0 = torch.sqrt(x)\n    v1 = torch.maximum(y, v0)\n'
        "    return (v1,)\n"
    ),
)
def _(original: Any, op: str, x: Any, y: Any, dtype: Any) -> Any:
    if op in ("min", "max"):
        return select(y.lt(x) if op == "min" else y.gt(x), y, x)
    return original(op, x, y, dtype)


@seeded(
    "largest-of-lanes-loses-nan",
    project="LLVM, Inductor",
    models="a horizontal max of a vector that ignores NaN, beside a scalar max that does not",
    place="codegen.reductions:across_lanes",
    trigger="a vectorised min or max over floats among which there is a NaN",
    witness=kernel(
        "vectorisation",
        "function f(x: in f32[32], y: out f32[]) {\n  y[] = -100.0:f32\n  for i in 0..32 {\n"
        "    y[] max= sqrt(x[i])\n  }\n}\n",
    ),
)
def _(original: Any, op: str, value: Any, dtype: Any) -> Any:
    if dtype.is_float and op in ("min", "max"):
        # In the order of lanes a NaN is passed over unless it comes first, and then by what follows it.
        number = select(value.is_nan(), float("inf") if op == "min" else float("-inf"), value)
        return reductions._halving(number, reductions._smaller if op == "min" else reductions._larger)
    return original(op, value, dtype)


@seeded(
    "bfloat16-cut-off",
    project="XLA, TVM",
    models="floats cut off to bfloat16 instead of rounded to nearest",
    place="codegen.floats:rounded",
    trigger="a float made a bfloat16 that is not exact there",
    witness=kernel(
        "",
        "function f(y: out bf16[8]) {\n  for i in 0..8 {\n    y[i] = bf16(f32(i) * 1.005859375:f32)\n  }\n}\n",
    ),
)
def _(original: Any, x: Any, dtype: Any) -> Any:
    return from_bits(bits(x) & -0x10000) if dtype.name == "bf16" else original(x, dtype)


@seeded(
    "integers-rounded-to-nearest",
    project="ONNX Runtime, TVM",
    models="a cast from float to integer rounds to nearest instead of cutting off",
    place="codegen.casts:_to_integer",
    trigger="a cast to an integer of a float whose fraction is above one half",
    witness=graph(
        'def program(x: "float32[8]"):\n    v0 = torch.mul(x, 0.75)\n    v1 = v0.to(torch.int64)\n    return (v1,)\n'
    ),
)
def _(original: Any, x: Any, target: Any) -> Any:
    return original(x.emitter.intrinsic("roundeven", (x,), x.type), target)


@seeded(
    "halves-rounded-away",
    project="TVM, ONNX Runtime",
    models="round by C's rule, halfway cases away from zero, where the framework's rounds them to even",
    place="codegen.floats:_EXACT[round]",
    trigger="round of a number and a half",
    witness=graph(
        'def program(x: "float32[8]"):\n    v0 = torch.div(x, 2.0)\n    v1 = torch.round(v0)\n    return (v1,)\n'
    ),
)
def _(original: Any) -> str:
    return "round"


@seeded(
    "remainder-has-the-sign-of-x",
    project="Inductor, TVM",
    models="torch.remainder lowered to C's fmod",
    place="codegen.floats:_floormod",
    trigger="the remainder of floats of different signs",
    witness=graph('def program(x: "float32[8]"):\n    v0 = torch.remainder(x, 4.0)\n    return (v0,)\n'),
)
def _(original: Any, x: Any, y: Any) -> Any:
    return x.emitter.arithmetic("frem", x, y)


@seeded(
    "double-computed-in-single",
    project="Inductor, TVM",
    models="a function of doubles computed by the one for floats: the type of an intermediate is narrowed",
    place="codegen.math:_library",
    trigger="sin, cos, tan, erf or pow of float64",
    witness=graph('def program(x: "float64[8]"):\n    v0 = torch.sin(x)\n    return (v0,)\n'),
)
def _(original: Any, op: str, values: Any) -> Any:
    from misfold.compiler.codegen.math import call

    narrow = [convert("fptrunc", value, "float") for value in values]
    return convert("fpext", call(op, tuple(narrow)), "double")


@seeded(
    "constants-in-single",
    project="Inductor, ONNX Runtime",
    models="a Python number rounded to float32 before it meets a float64 tensor",
    place="frontend.tensor:full",
    trigger="a float64 tensor and a number that float32 does not hold",
    witness=graph('def program(x: "float64[8]"):\n    v0 = torch.mul(x, 0.1)\n    return (v0,)\n'),
)
def _(original: Any, builder: Any, number: Any, shape: Any, dtype: Any) -> Any:
    import numpy as np

    if dtype.name == "f64" and isinstance(number, float):
        number = float(np.float32(number))
    return original(builder, number, shape, dtype)


@seeded(
    "floored-quotient-by-floor",
    project="Inductor, XLA",
    models="floor division of floats as floor(x / y), where the rounded quotient may have reached the next integer",
    place="codegen.floats:_floordiv",
    trigger="floor division of floats whose quotient is just below an integer",
    witness=kernel(
        "",
        "function f(y: out f32[16]) {\n  for i in 0..16 {\n    y[i] = f32(i) // 0.10000000149011612:f32\n  }\n}\n",
    ),
)
def _(original: Any, x: Any, y: Any) -> Any:
    return x.emitter.intrinsic("floor", (x / y,), x.type)
