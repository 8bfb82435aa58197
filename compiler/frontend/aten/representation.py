"""What depends on how floats are held: by exact arithmetic on powers of two, as the graph IR has no bits of floats."""

from __future__ import annotations

import math

from misfold.compiler.dtypes import BF16, F16, F32, F64, I32, DType
from misfold.compiler.frontend.registry import Context, aten
from misfold.compiler.frontend.tensor import Tensor

#: Bits of the significand, and the exponent of the smallest number that is held.
_FORMATS: dict[DType, tuple[int, int]] = {F16: (11, -24), BF16: (8, -133), F32: (24, -149), F64: (53, -1074)}


@aten("nextafter.default")
def nextafter(c: Context, a: Tensor, b: Tensor) -> Tensor:
    """One step: between half of one and one and a half is added, and rounded to a number of the dtype.

    As in Rump, Zimmermann, Boldo and Melquiond, "Computing predecessor and successor in rounding to nearest" (2009).
    Short floats are computed in f64; f64 itself near its smallest numbers 2¹⁰⁰ times as large.
    """
    dtype = c.dtype
    a, b = c.operands(a, b, dtype=F64)
    bits, smallest = _FORMATS[dtype]
    # a little more than half of the distance from a power of two to the next number
    share = 2.0**-bits * (1 + 2.0**-20 if dtype != F64 else 1 + 2.0**-52)
    scale = 2.0**100 if dtype == F64 else 1.0
    scaled = a * scale
    step = (scaled.abs() * share).maximum(0.75 * 2.0**smallest * scale if dtype != F64 else 0.75 * 2.0**-974)
    moved = (b > a).where(scaled + step, scaled - step)
    if dtype == F64:
        # as they are where 2¹⁰⁰ times as much would be too large
        plain = a.abs() * share
        large = (b > a).where(a + plain, a - plain)
        moved = (a.abs() > 2.0**-800).where(large, moved / scale)
    # from infinity it is one step to the largest number
    largest = a.full(float(dtype.max)).binary("copysign", a)
    moved = a.is_infinite().where(largest, moved)
    return a.equals(b).where(b, (a.is_nan() | b.is_nan()).where(math.nan, moved))


@aten("frexp.Tensor", "prims.frexp.default")
def frexp(c: Context, x: Tensor) -> tuple[Tensor, Tensor]:
    """Mantissa in [1/2, 1) and exponent. Both are zero for zero; infinities and NaN are their own mantissas."""
    mantissa, exponent = x.cast(F64), x.full(0, dtype=I32)
    tiny = (mantissa.abs() < 2.0**-600) & mantissa.differs(0)
    mantissa, exponent = tiny.where(mantissa * 2.0**600, mantissa), tiny.where(-600, exponent)
    size = mantissa.abs()
    for power in (512, 256, 128, 64, 32, 16, 8, 4, 2, 1):
        # down to below 2, or up to at least 1/2, by ever smaller powers; never past either end
        high = (size >= 2.0**power) & (size < math.inf)
        low = (size < 2.0**-power) & (size > 0)
        factor = high.where(2.0**-power, low.where(2.0**power, size.full(1.0)))
        moved = high.where(power, low.where(-power, exponent.full(0)))
        size, mantissa, exponent = size * factor, mantissa * factor, exponent + moved
    high = (size >= 1) & (size < math.inf)
    return high.where(mantissa * 0.5, mantissa), high.where(exponent + 1, exponent)
