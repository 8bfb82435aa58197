"""Math functions against more precise ones: numpy's on long double for f64, on float64 for f32."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import mpmath  # type: ignore[import-untyped]
import numpy as np
import pytest
from scipy import special

from misfold.compiler import dtypes
from misfold.compiler.arrays import numpy_dtype
from misfold.compiler.codegen import Compiled, build, error_ulp
from misfold.compiler.codegen import math as codegen_math
from misfold.compiler.codegen.math import from_library
from misfold.compiler.dtypes import F32, F64, DType
from misfold.compiler.loops.arithmetic import evaluate_binary, evaluate_unary
from misfold.compiler.loops.ir import Binary, Buffer, Load, Unary, Var
from misfold.compiler.loops.operators import BINARY

from .support import array, elementwise, extremes

UNARY_FUNCTIONS = (
    "exp exp2 expm1 log log2 log10 log1p sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh erf erfc".split()
)
FUNCTIONS = [*UNARY_FUNCTIONS, "pow", "atan2"]
AT = Var("i")

_REFERENCES: dict[str, Callable] = {
    **{name: getattr(np, name) for name in "exp exp2 expm1 log log2 log10 log1p sin cos tan sinh cosh tanh".split()},
    **{name: getattr(np, name.replace("a", "arc", 1)) for name in "asin acos atan asinh acosh atanh".split()},
    "erf": special.erf,
    "erfc": special.erfc,
    "pow": np.power,
    "atan2": np.arctan2,
}


def _arity(op: str) -> int:
    return 2 if op in BINARY else 1


def _compiled(op: str, dtype: DType, size: int, form: str = "vectorised") -> Compiled:
    operands = [Buffer(name, dtype, (size,)) for name in ("a", "b")[: _arity(op)]]
    loads = [Load(one, (AT,)) for one in operands]
    value = Binary(op, *loads) if len(loads) == 2 else Unary(op, *loads)
    return build(elementwise(size, operands, [(Buffer("o", dtype, (size,)), value)], AT, form))


def _arguments(op: str, dtype: DType, size: int) -> list[np.ndarray]:
    """Of all exponents; from the ranges where functions are interesting; and the extreme values."""
    rng = np.random.default_rng(3)
    special_values = [*extremes(dtype), 88.72, 89.1, -104.0, 709.5, 710.4, -745.0, 0.9999, 1.0001, 22.0, 2.0**31, 1e22]
    result = []
    for _ in range(_arity(op)):
        numbers = rng.integers(0, 1 << dtype.bits, size, dtype=f"u{dtype.bytes}").view(numpy_dtype(dtype))
        half = size // 2
        numbers[:half] = rng.uniform(-1, 1, half) * rng.choice([0.1, 0.5, 1, 3, 10, 100, 700], half)
        numbers[: len(special_values) ** 2] = np.resize(rng.permutation(special_values), len(special_values) ** 2)
        result.append(numbers)
    if len(result) == 2:
        # Every pair of special values.
        grid = np.meshgrid(special_values, special_values)
        for numbers, one in zip(result, grid):
            numbers[: one.size] = one.ravel()
    return result


@pytest.mark.parametrize("op", FUNCTIONS)
def test_called_or_inlined_it_is_the_same(op: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for dtype in (F32, F64):
        arguments = _arguments(op, dtype, 2048)
        for form in ("scalar", "vectorised"):
            found = []
            for few in (0, 4096):
                monkeypatch.setattr(codegen_math, "FEW", few)
                compiled = _compiled(op, dtype, 2048, form)
                assert ("@misfold." in compiled.llvm_ir()) == (few > 0 and not from_library(op, dtype))
                output = np.zeros(2048, numpy_dtype(dtype))
                compiled(*arguments, output)
                found.append(output)
            np.testing.assert_array_equal(*found)
            numbers = ~np.isnan(found[0])
            np.testing.assert_array_equal(*[np.signbit(one[numbers]) for one in found])


def test_long_loops_inline() -> None:
    assert "@misfold.exp" in _compiled("exp", F32, 512).llvm_ir()
    assert "@misfold.exp" not in _compiled("exp", F32, 1 << 20).llvm_ir()


def _by_mpmath(op: str, x: float) -> np.longdouble:
    if not 0 < abs(x) < 30:
        return np.longdouble(_REFERENCES[op](x))
    with mpmath.workdps(30):
        return np.longdouble(mpmath.nstr(getattr(mpmath, op)(x), 25))


def _worst(op: str, dtype: DType, arguments: Sequence[np.ndarray], got: np.ndarray) -> tuple[float, list]:
    """The largest error in ULP, and where; infinite for a wrong infinity, NaN or sign of a zero."""
    wide = np.longdouble if dtype == F64 else np.float64
    reference = _REFERENCES[op]
    if dtype == F64 and op in ("erf", "erfc"):
        # scipy has them in float64 only.
        reference = np.vectorize(lambda x: _by_mpmath(op, float(x)), otypes=[np.longdouble])
    with np.errstate(all="ignore"):
        exact = reference(*[one.astype(wide) for one in arguments])
        wanted = exact.astype(got.dtype)
        finite = np.isfinite(wanted) & np.isfinite(got)
        error = np.abs(got.astype(wide) - exact) / np.spacing(np.abs(wanted))
    same = (got == wanted) & ((got != 0) | (np.signbit(got) == np.signbit(wanted)))
    same |= np.isnan(got) & np.isnan(wanted)
    error = np.where(same, np.minimum(np.nan_to_num(error, nan=0.0), 0.5), np.where(finite, error, np.inf))
    error = np.where(finite & (got == 0) & (wanted == 0) & ~same, np.inf, error)
    at = int(np.argmax(error))
    return float(error[at]), [float(one[at]) for one in arguments] + [float(got[at]), float(wanted[at])]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("op", FUNCTIONS)
def test_f32_error_is_what_is_stated(op: str) -> None:
    size = 1 << 17
    arguments = _arguments(op, F32, size)
    got = np.zeros(size, np.float32)
    _compiled(op, F32, size)(*arguments, got)
    error, where = _worst(op, F32, arguments, got)
    assert error <= error_ulp(op, F32), where
    assert error >= 0.4


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("op", FUNCTIONS)
def test_f64_error_is_what_is_stated(op: str) -> None:
    slow = op in ("erf", "erfc")
    size = 1 << (11 if slow else 14 if from_library(op, F64) else 16)
    arguments = _arguments(op, F64, size)
    got = np.zeros(size, np.float64)
    _compiled(op, F64, size)(*arguments, got)
    error, where = _worst(op, F64, arguments, got)
    assert error <= error_ulp(op, F64), where


@pytest.mark.parametrize("op", FUNCTIONS)
def test_scalar_code_computes_the_same(op: str) -> None:
    for dtype in (F32, F64):
        arguments = _arguments(op, dtype, 1 << 12)
        scalar, vector = (np.zeros(1 << 12, numpy_dtype(dtype)) for _ in range(2))
        _compiled(op, dtype, 1 << 12, "scalar")(*arguments, scalar)
        _compiled(op, dtype, 1 << 12, "vectorised")(*arguments, vector)
        assert ((scalar == vector) | (np.isnan(scalar) & np.isnan(vector))).all()


@pytest.mark.parametrize("dtype", [dtypes.F16, dtypes.BF16], ids=str)
def test_16_bit_floats(dtype: DType) -> None:
    """Within half a unit, and a little for what lies that close to the middle of two numbers."""
    patterns = np.arange(0, 1 << 16, 7, dtype=np.uint16)[:9000]
    arguments = [patterns.view(numpy_dtype(dtype)), np.roll(patterns, 411).view(numpy_dtype(dtype))]
    values = [one.astype(np.float64).tolist() for one in arguments]
    for op in FUNCTIONS:
        got = np.zeros(len(patterns), numpy_dtype(dtype))
        _compiled(op, dtype, len(patterns))(*arguments[: _arity(op)], got)
        if _arity(op) == 1:
            wanted = [evaluate_unary(op, dtype, a) for a in values[0]]
        else:
            wanted = [evaluate_binary(op, dtype, a, b) for a, b in zip(*values)]
        want = array(wanted, dtype)
        differ = (got != want) & ~(np.isnan(got.astype(np.float32)) & np.isnan(want.astype(np.float32)))
        distance = np.abs(got.view(np.uint16).astype(int) - want.view(np.uint16).astype(int))
        assert differ.mean() < 0.002, op
        assert (distance[differ] <= 1).all(), (op, got[differ], want[differ])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("op", ["exp", "exp2", "log", "tanh", "erf", "sin"])
def test_all_of_f32(op: str) -> None:
    size = 1 << 22
    compiled = _compiled(op, F32, size)
    got = np.zeros(size, np.float32)
    for block in range(0, 1 << 32, size):
        arguments = np.arange(block, block + size, dtype=np.uint64).astype(np.uint32).view(np.float32)
        compiled(arguments, got)
        error, where = _worst(op, F32, [arguments], got)
        assert error <= error_ulp(op, F32), where
