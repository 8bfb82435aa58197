"""The scalar operators of ``loops.operators`` on whole numpy arrays, with exactly the meaning stated there.

f16 and bf16 are computed in f32 and rounded once. For add, sub, mul, div and sqrt that is the correctly rounded result,
since f32 has more than twice their precision and two bits more (Figueroa, "When is double rounding innocuous?", 1995).
Functions that are not exact are computed in f64 for all narrower floats.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import ml_dtypes
import numpy as np

from misfold.compiler.dtypes import ALL, BF16, BOOL, DType
from misfold.compiler.errors import UndefinedBehaviour

Array = np.ndarray[Any, Any]

_NAMES = {"i": "int", "u": "uint", "f": "float"}
#: The numpy dtype of each element type.
NUMPY: Mapping[str, np.dtype[Any]] = {
    dtype.name: np.dtype(
        np.bool_ if dtype.is_bool else ml_dtypes.bfloat16 if dtype == BF16 else f"{_NAMES[dtype.name[0]]}{dtype.bits}"
    )
    for dtype in ALL
}


def unary(name: str, x: Array, dtype: DType) -> Array:
    """A one-operand operator of ``loops.operators`` on elements of ``dtype``."""
    with np.errstate(all="ignore"):
        if name in _EXACT:
            return _narrow(_EXACT[name](_widen(x, dtype)), dtype)
        return cast(_INEXACT[name](x.astype(np.float64)), dtype)


def binary(name: str, x: Array, y: Array, dtype: DType) -> Array:
    """A two-operand operator of ``loops.operators`` on elements of ``dtype``.

    Raises:
        UndefinedBehaviour: an integer is divided by zero.
    """
    with np.errstate(all="ignore"):
        if name in _COMPARISONS:
            return np.asarray(_COMPARISONS[name](_widen(x, dtype), _widen(y, dtype)))
        if dtype.is_float and name in _INEXACT_BINARY:
            return cast(_INEXACT_BINARY[name](x.astype(np.float64), y.astype(np.float64)), dtype)
        if dtype.is_float:
            return _narrow(_FLOAT_BINARY[name](_widen(x, dtype), _widen(y, dtype)), dtype)
        if name in _DIVISIONS:
            if np.any(y == 0):
                raise UndefinedBehaviour("division by zero", "an integer", name)
            return np.asarray(_DIVISIONS[name](x, y))
        return np.asarray(_INTEGER_BINARY[name](x, y))


def cast(x: Array, dtype: DType) -> Array:
    """Each element converted to ``dtype``."""
    target = NUMPY[dtype.name]
    if x.dtype == target:
        return x
    with np.errstate(all="ignore"):
        if dtype == BOOL:
            return np.asarray(x != 0)
        if x.dtype.kind in "biu":
            return _to_bf16(_sticky(x)) if dtype == BF16 and x.dtype.itemsize >= 4 else x.astype(target)
        if dtype == BF16:
            return _to_bf16(x.astype(np.float64))
        if dtype.is_float:
            return x.astype(target) if x.dtype.kind == "f" else x.astype(np.float32).astype(target)
        return _saturate(x.astype(np.float64), dtype)


def _saturate(x: Array, dtype: DType) -> Array:
    """Floats to integers: towards zero, the nearest integer for what is out of range, 0 for NaN."""
    above, below = x >= float(dtype.max) + (dtype.bits < 64), x <= float(dtype.min)
    result = np.trunc(np.where(above | below | np.isnan(x), 0.0, x)).astype(NUMPY[dtype.name])
    result = np.where(above, NUMPY[dtype.name].type(dtype.max), result)
    return np.asarray(np.where(below, NUMPY[dtype.name].type(dtype.min), result))


def _sticky(x: Array) -> Array:
    """Integers as f64, so that rounding those to bf16 gives what rounding the integers would: low bits that f64 cannot
    hold are replaced by one that says whether any was set."""
    if x.dtype.itemsize < 8:
        return x.astype(np.float64)
    low = x.dtype.type(0xFFF)
    wide = np.absolute(x.astype(np.float64)) >= 2.0**53
    return np.where(wide, (x & ~low) | np.where(x & low, x.dtype.type(0x800), x.dtype.type(0)), x).astype(np.float64)


def _to_bf16(x: Array) -> Array:
    """f64 to bf16 with one rounding: by way of f32 rounded to odd (Boldo and Melquiond, "Emulation of FMA and correctly
    rounded sums: proved algorithms using rounding to odd", 2008)."""
    nearest = np.asarray(x.astype(np.float32))
    back = nearest.astype(np.float64)
    inexact = (back != x) & ~np.isnan(x)
    bits = nearest.view(np.uint32) - (inexact & (np.absolute(back) > np.absolute(x))).astype(np.uint32)
    odd = np.where(inexact, bits | np.uint32(1), bits).astype(np.uint32)
    return np.asarray(odd.view(np.float32).astype(ml_dtypes.bfloat16))


def _widen(x: Array, dtype: DType) -> Array:
    return x.astype(np.float32) if dtype.is_float and dtype.bits == 16 else x


def _narrow(x: Array, dtype: DType) -> Array:
    return np.asarray(np.asarray(x).astype(NUMPY[dtype.name], copy=False))


def _scalar(function: Callable[[float], float]) -> Callable[[Array], Array]:
    over_all = np.frompyfunc(function, 1, 1)
    return lambda x: np.asarray(over_all(x)).astype(np.float64)


def _floormod(x: Array, y: Array) -> Array:
    remainder = np.fmod(x, y)
    moved = (remainder != 0) & (np.signbit(remainder) != np.signbit(y))
    # Zero has the sign of the divisor, as in Python.
    return np.where(moved, remainder + y, np.where(remainder == 0, np.copysign(remainder, y), remainder))


def _divided(x: Array, y: Array) -> tuple[Array, Array]:
    """Quotient rounded down and remainder; the smallest value divided by -1 is itself."""
    if x.dtype.kind == "u":
        return np.floor_divide(x, y), np.remainder(x, y)
    minus = y == -1
    divisor = np.where(minus, x.dtype.type(1), y)
    quotient = np.where(minus, np.negative(x), np.floor_divide(x, divisor))
    return quotient, np.where(minus, x.dtype.type(0), np.remainder(x, divisor))


def _truncated(x: Array, y: Array) -> tuple[Array, Array]:
    quotient, remainder = _divided(x, y)
    moved = (remainder != 0) & ((x < 0) != (y < 0))
    return np.where(moved, quotient + x.dtype.type(1), quotient), np.where(moved, remainder - y, remainder)


def _euclidean(x: Array, y: Array) -> tuple[Array, Array]:
    quotient, remainder = _divided(x, y)
    moved = (remainder != 0) & (y < 0)
    return np.where(moved, quotient + x.dtype.type(1), quotient), np.where(moved, remainder - y, remainder)


def _power(x: Array, y: Array) -> Array:
    """By squaring, modulo 2ⁿ."""
    one, zero = x.dtype.type(1), x.dtype.type(0)
    result, square = np.full_like(x, 1), x.copy()
    exponent = np.where(y < 0, zero, y)
    for bit in range(int(exponent.max(initial=0)).bit_length()):
        result = np.where((exponent >> x.dtype.type(bit)) & one, result * square, result)
        square = square * square
    if x.dtype.kind == "u":
        return result
    minus_one = np.where(y & one, x.dtype.type(-1), one)
    return np.where(y < 0, np.where(x == 1, one, np.where(x == -1, minus_one, zero)), result)


def _shift(x: Array, y: Array, left: bool) -> Array:
    inside = (y >= 0) & (y < x.dtype.itemsize * 8)
    amount = np.where(inside, y, x.dtype.type(0))
    shifted = np.left_shift(x, amount) if left else np.right_shift(x, amount)
    out = np.zeros_like(x) if left or x.dtype.kind == "u" else np.where(x < 0, x.dtype.type(-1), x.dtype.type(0))
    return np.where(inside, shifted, out)


_Unary = Mapping[str, Callable[[Array], Array]]
_Binary = Mapping[str, Callable[[Array, Array], Array]]

_EXACT: _Unary = {
    "neg": np.negative,
    "abs": np.absolute,
    "not": np.invert,
    "sqrt": np.sqrt,
    "floor": np.floor,
    "ceil": np.ceil,
    "trunc": np.trunc,
    "round": np.rint,
}
_INEXACT: _Unary = {
    **{name: getattr(np, name) for name in "exp exp2 expm1 log log2 log10 log1p sin cos tan sinh cosh tanh".split()},
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "asinh": np.arcsinh,
    "acosh": np.arccosh,
    "atanh": np.arctanh,
    "erf": _scalar(math.erf),
    "erfc": _scalar(math.erfc),
}
_INEXACT_BINARY: _Binary = {"pow": np.power, "atan2": np.arctan2}
_FLOAT_BINARY: _Binary = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "floordiv": np.floor_divide,
    "floormod": _floormod,
    "truncmod": np.fmod,
    "copysign": np.copysign,
    "min": np.minimum,
    "max": np.maximum,
}
_INTEGER_BINARY: _Binary = {
    **{name: _FLOAT_BINARY[name] for name in ("add", "sub", "mul", "min", "max")},
    "pow": _power,
    "and": np.bitwise_and,
    "or": np.bitwise_or,
    "xor": np.bitwise_xor,
    "shl": lambda x, y: _shift(x, y, left=True),
    "shr": lambda x, y: _shift(x, y, left=False),
}
_DIVISIONS: _Binary = {
    "floordiv": lambda x, y: _divided(x, y)[0],
    "floormod": lambda x, y: _divided(x, y)[1],
    "truncdiv": lambda x, y: _truncated(x, y)[0],
    "truncmod": lambda x, y: _truncated(x, y)[1],
    "eucliddiv": lambda x, y: _euclidean(x, y)[0],
    "euclidmod": lambda x, y: _euclidean(x, y)[1],
}
_COMPARISONS: _Binary = {
    "eq": np.equal,
    "ne": np.not_equal,
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
}
