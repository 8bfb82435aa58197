"""Math functions outside the range that they were made for."""

from __future__ import annotations

from typing import Any

from misfold.compiler.codegen.emitter import absolute, copysign, select
from misfold.compiler.codegen.math import exponentials, inverse_trigonometric, logarithms
from misfold.compiler.codegen.math.precision import narrowed, widened

from ..catalogue import seeded
from ..witnesses import graph


@seeded(
    "exp-clamped-early",
    project="TVM, LLVM",
    models="a polynomial exp whose argument is clamped well within the range of results",
    place="codegen.math.exponentials:exp",
    trigger="exp of a number above 60 or below -60 that neither overflows nor underflows",
    witness=graph(
        'def program(x: "float32[8]"):\n    v0 = torch.mul(x, 8.0)\n    v1 = torch.exp(v0)\n    return (v1,)\n'
    ),
)
def _(original: Any, x: Any) -> Any:
    return original(exponentials._clamped(x, (-60.0, 60.0)))


@seeded(
    "tanh-saturates-early",
    project="TVM, ONNX Runtime",
    models="a rational tanh clamped to an interval at whose ends it is not 1 yet",
    place="codegen.math.hyperbolic:tanh",
    trigger="tanh of a number beyond 3",
    witness=graph('def program(x: "float32[8]"):\n    v0 = torch.tanh(x)\n    return (v0,)\n'),
)
def _(original: Any, x: Any) -> Any:
    return original(exponentials._clamped(x, (-3.0, 3.0)))


@seeded(
    "log1p-adds-first",
    project="Inductor, TVM",
    models="log1p(x) as log(1 + x), which loses all of a small x",
    place="codegen.math.logarithms:log1p",
    trigger="log1p of a number near zero",
    witness=graph(
        'def program(x: "float32[4]"):\n    v0 = torch.log1p(x)\n    return (v0,)\n', x=[1e-6, 3e-8, -2e-7, 1e-4]
    ),
)
def _(original: Any, x: Any) -> Any:
    return logarithms.log(x + 1.0)


@seeded(
    "expm1-subtracts-last",
    project="Inductor, ONNX Runtime",
    models="expm1(x) as exp(x) - 1, which cancels near zero",
    place="codegen.math.exponentials:expm1",
    trigger="expm1 of a number near zero",
    witness=graph(
        'def program(x: "float32[4]"):\n    v0 = torch.expm1(x)\n    return (v0,)\n', x=[1e-6, 3e-8, -2e-7, 1e-4]
    ),
)
def _(original: Any, x: Any) -> Any:
    return exponentials.exp(x) - 1.0


@seeded(
    "atan2-in-two-quadrants",
    project="TVM, ONNX Runtime",
    models="atan2(y, x) computed as atan(y / x)",
    place="codegen.math.inverse_trigonometric:atan2",
    trigger="atan2 with a negative second operand",
    witness=graph(
        'def program(y: "float32[8]", x: "float32[8]"):\n    v0 = torch.atan2(y, x)\n    return (v0,)\n',
        y=[1.0, -2.0, 3.0, -4.0],
        x=[-2.0, -3.0, 5.0, 6.0],
    ),
)
def _(original: Any, y: Any, x: Any) -> Any:
    return inverse_trigonometric.atan(y / x)


@seeded(
    "odd-powers-are-positive",
    project="TVM, Inductor",
    models="pow by way of the logarithm of |x|, without the sign that odd powers have",
    place="codegen.math.power:power",
    trigger="a negative float to an odd power",
    witness=graph('def program(x: "float32[8]"):\n    v0 = torch.pow(x, 5)\n    return (v0,)\n'),
)
def _(original: Any, x: Any, y: Any) -> Any:
    return original(absolute(x), y)


@seeded(
    "sine-reduced-by-a-short-constant",
    project="LLVM, TVM",
    models="argument reduction by the first part of the constant alone, whose other digits are missing",
    place="codegen.math.trigonometric:sin",
    trigger="the sine of a number of several turns",
    witness=graph(
        'def program(x: "float32[4]"):\n    v0 = torch.sin(x)\n    return (v0,)\n',
        x=[12345.0, 99999.0, -54321.0, 7777.0],
    ),
)
def _(original: Any, x: Any) -> Any:
    turns = x.emitter.intrinsic("roundeven", (x * 0.15915494,), x.type)
    return original(x - turns * 6.28125)


@seeded(
    "log-of-subnormals",
    project="LLVM, XLA",
    models="a logarithm that takes the exponent from the bits of a subnormal number",
    place="codegen.math.logarithms:log",
    trigger="the logarithm of a float32 below 1e-38",
    witness=graph(
        'def program(x: "float32[4]"):\n    v0 = torch.log(x)\n    return (v0,)\n',
        x=[5e-39, 2e-39, 1e-40, 1e-38],
    ),
)
def _(original: Any, x: Any) -> Any:
    tiny = absolute(x).lt(1.1754943508222875e-38)
    return select(tiny & x.gt(0.0), original(x * 0.0 + 1.1754943508222875e-38), original(x))


@seeded(
    "erf-is-tanh",
    project="ONNX Runtime, TVM",
    models="erf replaced by an approximation through tanh that is good to three digits",
    place="codegen.math.error_functions:erf",
    trigger="erf, or what is made of it, of any number around 1",
    witness=graph(
        'def program(x: "float32[8]"):\n    v0 = torch.mul(x, 0.25)\n    v1 = torch.erf(v0)\n    return (v1,)\n'
    ),
)
def _(original: Any, x: Any) -> Any:
    from misfold.compiler.codegen.math.hyperbolic import tanh

    return tanh((x + x * x * x * 0.0895) * 1.12838)


@seeded(
    "asin-beyond-a-half",
    project="TVM",
    models="a series for asin used beyond where it converges",
    place="codegen.math.inverse_trigonometric:asin",
    trigger="asin of a number whose magnitude is above one half",
    witness=graph(
        'def program(x: "float32[8]"):\n    v0 = torch.div(x, 10.0)\n    v1 = torch.asin(v0)\n    return (v1,)\n'
    ),
)
def _(original: Any, x: Any) -> Any:
    wide = widened(x) if x.type.element == "float" else x
    square = wide * wide
    series = wide * (((square * (15.0 / 336.0) + 3.0 / 40.0) * square + 1.0 / 6.0) * square + 1.0)
    series = copysign(absolute(series), wide)
    return narrowed(series) if x.type.element == "float" else series
