"""Conversions between element types."""

from __future__ import annotations

from typing import Any

from tvm import tirx

from misfold.compiler.dtypes import BF16, BOOL, F16, F32, F64, U32, DType
from misfold.compiler.loops.intervals import Interval
from misfold.targets.protocol import Unsupported

from .emitter import Emitter, cast, constant, type_name, wide


def convert(emitter: Emitter, value: Any, source: DType, target: DType, known: Interval | None = None) -> Any:
    """A value of one type as another. ``known`` are all values that an integer can have.

    Raises:
        Unsupported: it would be rounded twice.
    """
    if source == target:
        return value
    if target == BF16:
        return _to_bf16(emitter, value, source, known)
    source = wide(source)
    if source == target:
        return value
    if target == BOOL:
        return tirx.NE(value, constant(0, source))
    if source.is_float and not target.is_float:
        return _saturated(emitter, value, source, target)
    return cast(target, value)


def rounded(emitter: Emitter, value: Any) -> Any:
    """An f32 rounded to the nearest bf16, to even: the carry out of the lower half of its bits."""
    value = emitter.held(value, F32)
    bits = emitter.cell(tirx.Select(tirx.isnan(value), constant(0, U32), _bits(value)), U32)
    odd = tirx.bitwise_and(tirx.shift_right(bits, constant(16, U32)), constant(1, U32))
    carried = tirx.Add(bits, tirx.Add(odd, constant(0x7FFF, U32)))
    near = _float(tirx.bitwise_and(carried, constant(0xFFFF0000, U32)))
    return tirx.Select(tirx.isnan(value), value, near)


def _bits(value: Any) -> Any:
    return tirx.reinterpret("uint32", value)


def _float(bits: Any) -> Any:
    return tirx.reinterpret(type_name(F32), bits)


def _to_bf16(emitter: Emitter, value: Any, source: DType, known: Interval | None) -> Any:
    if source == F32:
        return rounded(emitter, value)
    if source in (BOOL, F16) or source.bits < 32:
        return rounded(emitter, cast(F32, value))
    if source != F64:
        exact = 1 << F64.precision
        if source.bits > 32 and (known is None or not -exact <= known.low <= known.high <= exact):
            raise Unsupported(
                f"a cast from {source} to bf16 goes through f64 and is rounded twice", f"{source} to bf16"
            )
        value = cast(F64, value)
    # Rounded to odd in between, which makes the second rounding right: S. Boldo and G. Melquiond, "Emulation of a FMA
    # and correctly rounded sums: proved algorithms using rounding to odd", IEEE Trans. Computers 57, 2008.
    value = emitter.held(value, F64)
    near = emitter.held(cast(F32, value), F32)
    back = emitter.held(cast(F64, near), F64)
    above = tirx.Select(tirx.GT(tirx.abs(back), tirx.abs(value)), constant(1, U32), constant(0, U32))
    bits = emitter.cell(_bits(near), U32)
    lower = tirx.Sub(bits, tirx.Min(bits, above))
    odd = _float(tirx.bitwise_or(lower, constant(1, U32)))
    same = tirx.Or(tirx.EQ(back, value), tirx.isnan(value))
    return rounded(emitter, tirx.Select(same, near, odd))


def _saturated(emitter: Emitter, value: Any, source: DType, target: DType) -> Any:
    """A float truncated to an integer; what does not fit gives the nearest that does, NaN gives 0."""
    if source == F16:
        value = cast(F32, value)
        source = F32
    value = emitter.held(value, source)
    low, beyond = constant(float(target.min), source), constant(float(target.max + 1), source)
    fits = emitter.held(tirx.And(tirx.GE(value, low), tirx.LT(value, beyond)), BOOL)
    inside = cast(target, tirx.Select(fits, value, constant(0.0, source)))
    above = tirx.Select(tirx.GE(value, beyond), constant(target.max, target), constant(0, target))
    outside = tirx.Select(tirx.LT(value, low), constant(target.min, target), above)
    return tirx.Select(fits, inside, outside)
