"""Each operator against numpy, or against what defines it, on the ends of every type."""

from __future__ import annotations

import math
import random
import struct
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from misfold.compiler.arrays import numpy_dtype
from misfold.compiler.dtypes import ALL, BF16, BOOL, F16, F32, F64, FLOATS, I8, I64, INTEGERS, U8, U64, DType
from misfold.compiler.loops.arithmetic import binary, cast, evaluate_binary, evaluate_unary, is_exact, select
from misfold.compiler.loops.operators import BINARY, UNARY
from misfold.compiler.rounding import round_float, round_integer

from .strategies import values

INF, NAN = math.inf, math.nan
POINTS = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, 2.5, -2.5, 3.0, -7.25, 0.1, 88.7, -103.9, 709.5, 1e4, -1e10, 65504.0]
POINTS += [INF, -INF, NAN, 1e-40, 1e-45, -6e-8, 3e38, -1e-30, 2.0**24 + 1, 4503599627370497.0]


def floats(dtype: DType) -> list[float]:
    return [round_float(point, dtype) for point in POINTS] + [float(dtype.max), float(dtype.min)]


def integers(dtype: DType) -> list[int]:
    low, high = int(dtype.min), int(dtype.max)
    near = [n for n in (-7, -3, -2, -1, 0, 1, 2, 3, 5, 7, 8, 31, 64, 65) if low <= n <= high]
    return sorted({low, low + 1, high // 2, high - 1, high, *near})


def same(a: object, b: object) -> bool:
    """Equal bit by bit, any NaN equal to any."""
    return repr(a) == repr(b)


# ----------------------------------------------------------------------------------------------------------- rounding


@pytest.mark.parametrize("dtype", [F16, BF16, F32])
def test_rounding_goes_to_the_nearest_and_ties_to_even(dtype: DType):
    source = random.Random(0)
    unsigned = np.dtype(f"uint{dtype.bits}")

    def value(bits: int) -> float:
        return float(np.array([bits], unsigned).view(numpy_dtype(dtype))[0])

    infinity = int(np.array([INF]).astype(numpy_dtype(dtype)).view(unsigned)[0])
    for bits in [0, 1, 2, infinity - 2, *[source.randrange(infinity - 1) for _ in range(2000)]]:
        low, high = Fraction(value(bits)), Fraction(value(bits + 1))
        even = low if bits % 2 == 0 else high
        middle = (low + high) / 2
        for exact, expected in [(low, low), (high, high), (middle, even)]:
            for sign in (1, -1):
                assert round_float(float(sign * exact), dtype) == sign * expected
        assert round_float(math.nextafter(float(middle), 0.0), dtype) == low
        assert round_float(math.nextafter(float(middle), INF), dtype) == high
    halfway = float(dtype.max) + (float(dtype.max) - value(infinity - 2)) / 2
    assert round_float(halfway, dtype) == INF and round_float(-halfway, dtype) == -INF
    assert round_float(math.nextafter(halfway, 0.0), dtype) == dtype.max
    assert same(round_float(-1e-300, dtype), -0.0) and round_float(1e300, dtype) == INF
    assert math.isnan(round_float(NAN, dtype))


@given(st.integers(-(2**64), 2**64), st.sampled_from([F16, BF16, F32, F64]))
def test_integers_are_rounded_once(value: int, dtype: DType):
    result = round_integer(value, dtype)
    if math.isinf(result):
        assert abs(value) > dtype.max
        return
    spacing = max(1, 2 ** (abs(value).bit_length() - dtype.precision))
    assert abs(Fraction(result) - value) <= Fraction(spacing, 2)
    assert round_float(result, dtype) == result


@pytest.mark.parametrize(
    ("value", "dtype", "expected"),
    [
        (2**24 + 1, F32, 2.0**24),
        (2**24 + 3, F32, 2.0**24 + 4),
        # Through float64 these would be ties.
        (2**54 + 2**30 + 1, F32, 2.0**54 + 2**31),
        (2**63 - 1, F64, 2.0**63),
        (2**54 + 2**46 + 1, BF16, 2.0**54 + 2**47),
        (65520, F16, INF),
        (65519, F16, 65504.0),
        (10**400, F64, INF),
        (-(10**300), F32, -INF),
    ],
)
def test_integers_are_rounded_to_even_unless_more_is_there(value, dtype, expected):
    assert round_integer(value, dtype) == expected


# ----------------------------------------------------------------------------------------------------------- integers


@pytest.mark.parametrize("dtype", INTEGERS)
def test_integers_agree_with_numpy(dtype: DType):
    kind = numpy_dtype(dtype)
    functions = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "min": np.minimum, "max": np.maximum}
    functions |= {"and": np.bitwise_and, "or": np.bitwise_or, "xor": np.bitwise_xor, "eq": np.equal, "lt": np.less}
    functions |= {"ne": np.not_equal, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal}
    with np.errstate(all="ignore"):
        for a, b in product(integers(dtype), repeat=2):
            for op, function in functions.items():
                expected = function(np.array(a, kind), np.array(b, kind)).item()
                assert same(evaluate_binary(op, dtype, a, b), expected), (op, a, b)
        for a in integers(dtype):
            assert evaluate_unary("neg", dtype, a) == np.negative(np.array(a, kind)).item()
            assert evaluate_unary("abs", dtype, a) == np.abs(np.array(a, kind)).item()
            assert evaluate_unary("not", dtype, a) == np.invert(np.array(a, kind)).item()


@pytest.mark.parametrize("dtype", INTEGERS)
def test_divisions_are_what_defines_them(dtype: DType):
    modulus = 1 << dtype.bits
    for x, y in product(integers(dtype), repeat=2):
        for name in ("floor", "trunc", "euclid"):
            if y == 0:
                with pytest.raises(ZeroDivisionError):
                    evaluate_binary(f"{name}div", dtype, x, y)
                with pytest.raises(ZeroDivisionError):
                    evaluate_binary(f"{name}mod", dtype, x, y)
                continue
            q, r = (evaluate_binary(f"{name}{part}", dtype, x, y) for part in ("div", "mod"))
            assert is_exact(q, dtype) and is_exact(r, dtype)
            assert (q * y + r - x) % modulus == 0
            assert abs(r) < abs(y)
            exact = Fraction(x, y)
            if name == "euclid":
                assert r >= 0
            elif q * y + r == x:
                assert q == (math.floor(exact) if name == "floor" else math.trunc(exact))
    if dtype.kind == "int":
        for op in ("floordiv", "truncdiv", "eucliddiv"):
            assert evaluate_binary(op, dtype, dtype.min, -1) == dtype.min


@pytest.mark.parametrize("dtype", INTEGERS)
def test_shifts_and_powers_are_what_defines_them(dtype: DType):
    low, modulus = int(dtype.min), 1 << dtype.bits

    def wrap(value: int) -> int:
        return (value - low) % modulus + low

    for a, b in product(integers(dtype), repeat=2):
        inside = 0 <= b < dtype.bits
        assert evaluate_binary("shl", dtype, a, b) == (wrap(a * 2**b) if inside else 0)
        assert evaluate_binary("shr", dtype, a, b) == (a // 2**b if inside else -1 if a < 0 else 0)
        power = evaluate_binary("pow", dtype, a, b)
        if 0 <= b < 70:
            assert power == wrap(a**b)
        elif b < 0:
            assert power == (int(Fraction(a) ** b) if a and b > -70 else 0 if abs(a) != 1 else a if b % 2 else 1)
        else:
            assert power == wrap(pow(a, b, modulus))


def test_bools():
    for a, b in product([False, True], repeat=2):
        for op, expected in {"and": a and b, "or": a or b, "xor": a != b, "lt": b and not a, "ge": a or not b}.items():
            assert evaluate_binary(op, BOOL, a, b) is expected
    assert evaluate_unary("not", BOOL, True) is False
    assert evaluate_unary("not", BOOL, False) is True
    assert (select(True, 1, 2), select(False, 1, 2)) == (1, 2)


# ------------------------------------------------------------------------------------------------------------- floats

# numpy computes f16 in f32 and rounds, ml_dtypes bf16 likewise: for these that is the correctly rounded result.
ROUNDED = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide}
COMPARED = {"eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal, "gt": np.greater}
EXACT = {"truncmod": np.fmod, "min": np.minimum, "max": np.maximum, "copysign": np.copysign}
EXACT_UNARY = {"neg": np.negative, "abs": np.abs, "floor": np.floor, "ceil": np.ceil, "trunc": np.trunc}
EXACT_UNARY |= {"round": np.rint, "sqrt": np.sqrt}
FUNCTIONS = {
    name: getattr(np, name) for name in "exp exp2 expm1 log log2 log10 log1p sin cos tan sinh cosh tanh".split()
}
FUNCTIONS |= {"asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "asinh": np.arcsinh, "acosh": np.arccosh}
FUNCTIONS |= {"atanh": np.arctanh, "erf": special.erf, "erfc": special.erfc}


@pytest.mark.parametrize("dtype", FLOATS)
def test_floats_agree_with_numpy(dtype: DType):
    kind = numpy_dtype(dtype)
    with np.errstate(all="ignore"):
        for a, b in product(floats(dtype), repeat=2):
            arrays = np.array(a, kind), np.array(b, kind)
            for op, function in (ROUNDED | COMPARED).items():
                expected = function(*arrays)
                expected = bool(expected) if op in COMPARED else float(expected)
                assert same(evaluate_binary(op, dtype, a, b), expected), (op, a, b)
            for op, function in EXACT.items():
                expected = float(function(np.float64(a), np.float64(b)))
                result = evaluate_binary(op, dtype, a, b)
                assert result == expected or (result != result and expected != expected), (op, a, b)
                assert op in ("min", "max") or same(result, expected)
        for a in floats(dtype):
            for op, function in EXACT_UNARY.items():
                assert same(evaluate_unary(op, dtype, a), float(function(np.array(a, kind)))), (op, a)


@pytest.mark.parametrize("dtype", [F32, F64])
def test_remainders_and_quotients_rounded_down_agree_with_numpy(dtype: DType):
    kind = numpy_dtype(dtype)
    with np.errstate(all="ignore"):
        for a, b in product(floats(dtype), repeat=2):
            arrays = np.array(a, kind), np.array(b, kind)
            assert same(evaluate_binary("floormod", dtype, a, b), float(np.remainder(*arrays))), (a, b)
            assert same(evaluate_binary("floordiv", dtype, a, b), float(np.floor_divide(*arrays))), (a, b)


@pytest.mark.parametrize("dtype", [F16, BF16])
def test_short_remainders_and_quotients_are_rounded_once(dtype: DType):
    for a, b in product([-7.5, -3.0, 0.0, 2.0, 7.0, 100.0], [-3.0, 0.5, 2.0]):
        assert evaluate_binary("floormod", dtype, a, b) == round_float(a % b, dtype)
        assert evaluate_binary("floordiv", dtype, a, b) == round_float(a // b, dtype)
    assert evaluate_binary("floordiv", F16, 60000.0, 0.5) == INF
    assert same(evaluate_binary("floordiv", dtype, -1.0, 0.0), -INF)
    assert math.isnan(evaluate_binary("floormod", dtype, 1.0, 0.0))


@pytest.mark.parametrize("dtype", FLOATS)
def test_functions_agree_with_numpy(dtype: DType):
    assert set(FUNCTIONS) | set(EXACT_UNARY) == {op for op, fact in UNARY.items() if "float" in fact.kinds}
    with np.errstate(all="ignore"):
        for a in floats(dtype):
            for op, function in FUNCTIONS.items():
                assert near(evaluate_unary(op, dtype, a), float(function(np.float64(a))), dtype), (op, a)
        for a, b in product(floats(dtype), repeat=2):
            assert near(evaluate_binary("atan2", dtype, a, b), math.atan2(a, b), dtype)
            if a != -INF:  # numpy gives NaN for (-inf) to the power of a half; C, annex F.10.4.4, gives infinity
                expected = float(np.power(np.float64(a), np.float64(b)))
                assert near(evaluate_binary("pow", dtype, a, b), expected, dtype), (a, b)


def near(result: float, expected: float, dtype: DType) -> bool:
    """Whether a result is the expected one, rounded, up to four units in the last place of float64 before that."""
    if dtype != F64 or not math.isfinite(expected):
        candidates = (expected, math.nextafter(expected, INF), math.nextafter(expected, -INF))
        return any(same(result, round_float(candidate, dtype)) for candidate in candidates)
    return abs(result - expected) <= 4 * math.ulp(expected)


def test_powers_of_minus_infinity():
    for b, expected in [(0.5, INF), (3.0, -INF), (2.0, INF), (-3.0, -0.0), (-0.5, 0.0), (0.0, 1.0)]:
        assert same(evaluate_binary("pow", F64, -INF, b), expected)


@pytest.mark.parametrize("op", ["min", "max"])
def test_nan_wins(op):
    assert math.isnan(evaluate_binary(op, F32, NAN, 1.0))
    assert math.isnan(evaluate_binary(op, F32, 1.0, NAN))


@given(st.sampled_from([F16, BF16, F32]), st.data())
def test_sums_products_and_quotients_are_rounded_once(dtype: DType, data: st.DataObject):
    a, b = data.draw(values(dtype)), data.draw(values(dtype))
    if not (math.isfinite(a) and math.isfinite(b) and b):
        return
    exact = {"add": Fraction(a) + Fraction(b), "mul": Fraction(a) * Fraction(b), "div": Fraction(a) / Fraction(b)}
    for op, value in exact.items():
        result = evaluate_binary(op, dtype, a, b)
        if math.isfinite(result):
            with np.errstate(over="ignore"):
                ends = np.array([INF, -INF]).astype(numpy_dtype(dtype))
                away = np.nextafter(np.array(result, numpy_dtype(dtype)), ends).astype(float).tolist()
            error = abs(Fraction(result) - value)
            assert all(math.isinf(other) or error <= abs(Fraction(other) - value) for other in away)


# -------------------------------------------------------------------------------------------------------------- casts


@pytest.mark.parametrize(("source", "target"), list(product(ALL, ALL)))
def test_casts(source: DType, target: DType):
    points = [False, True] if source.is_bool else floats(source) if source.is_float else integers(source)
    for value in points:
        result = cast(value, source, target)
        assert is_exact(result, target)
        if target.is_bool:
            assert result is (value != 0)
        elif target.is_float:
            expected = round_float(value, target) if source.is_float else round_integer(int(value), target)
            assert same(result, expected)
        elif not source.is_float:
            bits = struct.pack("<q", value) if int(value) < 2**63 else struct.pack("<Q", value)
            assert result == int.from_bytes(bits[: target.bytes], "little", signed=target.kind == "int")
        elif value != value:
            assert result == 0
        else:
            low, high = int(target.min), int(target.max)
            assert result == (low if value < low else high if value > high else math.trunc(value))


# ------------------------------------------------------------------------------------------------------------ all of it


@pytest.mark.parametrize("dtype", ALL)
def test_every_operator_keeps_to_its_type_and_refuses_others(dtype: DType):
    points = [False, True] if dtype.is_bool else floats(dtype)[::3] if dtype.is_float else integers(dtype)
    for operator in UNARY.values():
        if dtype.kind not in operator.kinds:
            with pytest.raises(ValueError, match=f"{operator.name} does not take {dtype}"):
                evaluate_unary(operator.name, dtype, points[0])
            continue
        assert all(is_exact(evaluate_unary(operator.name, dtype, a), dtype) for a in points)
    for operator in BINARY.values():
        if dtype.kind not in operator.kinds:
            with pytest.raises(ValueError, match=f"{operator.name} does not take {dtype}"):
                binary(operator.name, dtype)
            continue
        for a, b in product(points, repeat=2):
            if b or not operator.partial or dtype.is_float:
                result = evaluate_binary(operator.name, dtype, a, b)
                assert is_exact(result, BOOL if operator.compares else dtype), (operator.name, a, b)


@pytest.mark.parametrize(
    ("value", "dtype", "exact"),
    [
        *[
            (1, I8, True),
            (128, I8, False),
            (True, I8, False),
            (1.0, I8, False),
            (-1, U8, False),
            (2**64 - 1, U64, True),
        ],
        *[(0.1, F64, True), (0.1, F32, False), (NAN, F16, True), (INF, BF16, True), (1, F32, False), (1, BOOL, False)],
        *[(2**63, I64, False), (70000.0, F16, False)],
    ],
)
def test_what_a_literal_can_be(value, dtype, exact):
    assert is_exact(value, dtype) is exact
