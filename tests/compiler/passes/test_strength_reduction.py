"""Cheaper operators, bit by bit the same."""

from __future__ import annotations

import numpy
import pytest

from misfold.compiler.dtypes import BY_NAME, FLOATS, INTEGERS
from misfold.compiler.loops.arithmetic import evaluate_binary, evaluate_unary, is_exact
from misfold.compiler.loops.ir import Binary, Const, Unary, Var
from misfold.compiler.loops.ranges import Ranges
from misfold.compiler.passes.loops.strength_reduction import _Reducer

from .harness import check_pass
from .shapes import becomes, stays

NAME = "strength-reduction"
P = "a: in f32[64], n: in i32[64], m: out i32[64], o: out f32[64]"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("n[i] * 8:i32", "n[i] << 3:i32"),
        ("n[i] // 8:i32", "n[i] >> 3:i32"),
        ("n[i] % 8:i32", "n[i] & 7:i32"),
        ("truncdiv(n[i] & 255:i32, 4:i32)", "(n[i] & 255:i32) >> 2:i32"),
        ("pow(n[i], 2:i32)", "n[i] * n[i]"),
        ("pow(2:i32, n[i])", "1:i32 << n[i]"),
        ("truncdiv(n[i], -1:i32)", "neg(n[i])"),
    ],
)
def test_integers(before, after):
    becomes(NAME, P, f"for i in 0..64 {{ m[i] = {before} }}", f"for i in 0..64 {{ m[i] = {after} }}")


@pytest.mark.parametrize(
    ("before", "after"),
    [("a[i] / 4.0:f32", "a[i] * 0.25:f32"), ("pow(a[i], 2.0:f32)", "a[i] * a[i]"), ("pow(a[i], 1.0:f32)", "a[i]")],
)
def test_floats(before, after):
    becomes(NAME, P, f"for i in 0..64 {{ o[i] = {before} }}", f"for i in 0..64 {{ o[i] = {after} }}")


@pytest.mark.parametrize(
    "kept",
    [
        "a[i] / 3.0:f32",
        "a[i] / 5.877471754111438e-39:f32",  # the inverse, 2**127, is fine the other way round: see below
        "pow(a[i], 3.0:f32)",
        "pow(a[i], 0.5:f32)",
        "f32(truncdiv(n[i], 4:i32))",
        "f32(truncmod(n[i], 4:i32))",
        "f32(n[i] // 6:i32)",
    ],
)
def test_left_alone(kept):
    if "e-39" in kept:
        kept = "a[i] / 1.401298464324817e-45:f32"  # 2**149 overflows
    stays(NAME, P, f"for i in 0..64 {{ o[i] = {kept} }}")


def test_a_scaled_loop_variable():
    becomes(
        NAME,
        P,
        "for i in 0..16 { o[i * 4] = a[i * 4 + 1] }",
        "for i in 0..64 step 4 { o[i] = a[i + 1] }",
    )
    stays(NAME, P, "for i in 0..16 { o[i * 4] = a[i] }")


INTEGER_VALUES = (0, 1, 2, 3, 7, 8, 9, 100, 127)


@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
def test_each_integer_rewrite_for_each_value(dtype):
    values = {*INTEGER_VALUES, int(dtype.max), int(dtype.max) - 1, int(dtype.max) // 2}
    values |= {-x for x in values} | {int(dtype.min), int(dtype.min) + 1} if dtype.is_signed else set()
    divisors = [1, 2, 4, 8, 64] + ([-1, -2] if dtype.is_signed else [])
    changed = 0
    for op in "mul floordiv truncdiv eucliddiv floormod truncmod euclidmod pow".split():
        for divisor in divisors:
            x = Var("x", dtype)
            before = Binary(op, x, Const(divisor, dtype))
            after = _Reducer(8)._reduced(before, Ranges())
            changed += after is not before
            for value in values:
                assert evaluate(after, value) == evaluate_binary(op, dtype, value, divisor), (op, value, divisor, after)
    assert changed > 10


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_each_division_by_a_power_of_two(dtype):
    tiny = {"f16": 2.0**-24, "bf16": 2.0**-133, "f32": 2.0**-149, "f64": 2.0**-1074}[dtype.name]
    values = [0.0, -0.0, 1.0, 1.5, tiny, 3 * tiny, 7 * tiny, 1023 * tiny / 1024, dtype.max, -dtype.max / 2]
    values += [float("inf"), float("-inf"), float("nan")]
    values = [value for value in values if is_exact(value, dtype)]
    changed = 0
    for exponent in range(-1080, 1024):
        divisor = 2.0**exponent
        if divisor == 0 or not is_exact(divisor, dtype):
            continue
        before = Binary("div", Var("x", dtype), Const(divisor, dtype))
        after = _Reducer(4)._reduced(before, Ranges())
        changed += after is not before
        for value in values:
            results = evaluate(after, value), evaluate_binary("div", dtype, value, divisor)
            assert numpy.array_equal(*results, equal_nan=True), (value, divisor)
            assert str(results[0]) == str(results[1])
    assert changed > 20


def evaluate(expression, x):
    match expression:
        case Var():
            return x
        case Const(value, _):
            return value
        case Unary(op, operand):
            return evaluate_unary(op, operand.dtype, evaluate(operand, x))
        case Binary(op, left, right):
            return evaluate_binary(op, left.dtype, evaluate(left, x), evaluate(right, x))
    raise TypeError(expression)


def test_every_type_is_covered():
    assert set(INTEGERS) | set(FLOATS) == {one for one in BY_NAME.values() if not one.is_bool}


def test_random_programs():
    check_pass(NAME, count=40, share=0.5)


@pytest.mark.slow
def test_many_random_programs():
    check_pass(NAME, count=1000, seed=1, share=0.5)
