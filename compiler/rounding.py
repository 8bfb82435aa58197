"""Rounding to a float type: to nearest, ties to even (IEEE 754-2019, section 4.3.1), subnormals and infinities kept."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from struct import Struct

from .dtypes import DType

# The smallest exponents of normal numbers, and so where the spacing of subnormals stands.
_LEAST_EXPONENT = {"f16": -14, "bf16": -126, "f32": -126, "f64": -1022}


def round_float(value: float, dtype: DType) -> float:
    """The value of the float type nearest to a Python float; infinity where that overflows."""
    return rounding(dtype)(value)


def round_integer(value: int, dtype: DType) -> float:
    """The value of the float type nearest to an integer of any size, rounded once."""
    size = value.bit_length()
    if size <= 53:
        return rounding(dtype)(float(value))
    try:
        rounded = float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
    if dtype.precision == 53:
        return rounded
    # Rounding to odd first makes the second rounding right: Boldo and Melquiond, "Emulation of FMA and correctly
    # rounded sums", theorem 3.
    magnitude, excess = abs(value), size - 53
    odd = magnitude >> excess
    if magnitude & ((1 << excess) - 1):
        odd |= 1
    return rounding(dtype)(math.copysign(math.ldexp(odd, excess), rounded))


@cache
def rounding(dtype: DType) -> Callable[[float], float]:
    """The function that rounds a Python float to a float type."""
    if dtype.precision == 53:
        return float
    if dtype.precision == 24:
        return _to_f32
    return _by_addition(dtype)


_F32 = Struct("f")


def _to_f32(value: float, pack: Callable[..., bytes] = _F32.pack, unpack: Callable[..., tuple] = _F32.unpack) -> float:
    try:
        return unpack(pack(value))[0]
    except OverflowError:
        return math.copysign(math.inf, value)


def _by_addition(dtype: DType) -> Callable[[float], float]:
    # In f64, x + m - m with m = 3·2⁵¹·q rounds x to a multiple of q, ties to even, for |x| < 2⁵¹·q.
    least = _LEAST_EXPONENT[dtype.name]

    def magic(exponent: int) -> float:
        return math.ldexp(3.0, max(exponent - 1, least) - (dtype.precision - 1) + 51)

    highest = math.frexp(dtype.max)[1]
    magics = {exponent: magic(exponent) for exponent in range(least - 2, highest + 1)}
    smallest = magic(least)
    largest = dtype.max
    frexp, copysign, infinity = math.frexp, math.copysign, math.inf

    def rounded(value: float) -> float:
        exponent = frexp(value)[1]
        if exponent > highest:
            return copysign(infinity, value)
        m = magics.get(exponent, smallest)
        result = copysign((value + m) - m, value)
        return result if -largest <= result <= largest or value != value else copysign(infinity, value)

    return rounded
