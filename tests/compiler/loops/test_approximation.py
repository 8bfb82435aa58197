"""Which buffers are only right to a few ULP, and where the interpreter sees sums and products rounded."""

import numpy as np
import pytest

from misfold.compiler.loops.approximation import approximate
from misfold.compiler.loops.interpret import interpret
from misfold.compiler.loops.parser import parse_function


def function(*lines: str):
    body = "".join(f"    {line}\n" for line in lines)
    return parse_function(
        f"function f(x: in f32[2], y: out f32[2], z: out i32[2]) {{\n  for i in 0..2 {{\n{body}  }}\n}}\n"
    )


@pytest.mark.parametrize(
    ("lines", "rounded", "expected"),
    [
        (["y[i] = exp(x[i])", "z[i] = 1:i32"], False, {"y"}),
        (["y[i] = sqrt(x[i])", "z[i] = 1:i32"], False, set()),
        (["let t: f32 = exp(x[i])", "y[i] = x[i]", "z[i] = i32(t)"], False, {"z"}),
        (["y[i] = exp(x[i])", "z[i] = 1:i32", "if y[i] > 1.0:f32 {", "z[i] = 2:i32", "}"], False, {"y", "z"}),
        (["y[i] = x[i] + 1.0:f32", "z[i] = i32(y[i])"], False, set()),
        (["y[i] = x[i] + 1.0:f32", "z[i] = i32(y[i])"], True, {"y", "z"}),
        (["y[i] = 0.0:f32", "y[i] add= x[i]", "z[i] = 1:i32"], True, {"y"}),
        (["y[i] = x[i] / 3.0:f32", "z[i] = 1:i32 + 2:i32"], True, set()),
    ],
)
def test_what_an_approximate_value_reaches(lines, rounded, expected):
    assert approximate(function(*lines), rounded) == expected


@pytest.mark.parametrize(
    ("value", "dtype", "exact"),
    [
        ("1.0:f32 + 2.0:f32", "f32", True),
        ("16777216.0:f32 + 1.0:f32", "f32", False),
        ("16777216.0:f64 + 1.0:f64", "f64", True),
        ("0.1:f64 + 0.2:f64", "f64", False),
        ("1e-300:f64 * 1e-300:f64", "f64", False),
        ("0.5:f32 * 0.25:f32", "f32", True),
        ("1e30:f32 * 1e30:f32", "f32", False),
        ("inf:f32 - 1.0:f32", "f32", True),
        ("1.0:f32 / 3.0:f32", "f32", True),  # correctly rounded everywhere
        ("2048.0:f16 + 1.0:f16", "f16", False),
        ("256.0:bf16 + 1.0:bf16", "bf16", False),
        ("255.0:bf16 + 1.0:bf16", "bf16", True),
    ],
)
def test_rounded_sums_and_products_are_noted(value, dtype, exact):
    import ml_dtypes

    types = {"f16": np.float16, "bf16": ml_dtypes.bfloat16, "f32": np.float32, "f64": np.float64}
    parsed = parse_function(f"function f(y: out {dtype}[1]) {{\n  y[0] = {value}\n}}\n")
    places: list[str] = []
    interpret(parsed, [np.zeros(1, types[dtype])], rounding=places)
    assert (not places) == exact


def test_reductions_are_watched_too():
    parsed = parse_function("function f(y: inout f32[1]) {\n  for i in 0..3 {\n    y[0] add= 1.0:f32\n  }\n}\n")
    for start, exact in ((0.0, True), (16777215.0, False)):
        places: list[str] = []
        interpret(parsed, [np.array([start], np.float32)], rounding=places)
        assert (not places) == exact
