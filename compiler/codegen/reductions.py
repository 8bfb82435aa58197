"""Combining the lanes of a vector into one value."""

from __future__ import annotations

import math
from collections.abc import Callable

from misfold.compiler.dtypes import DType

from . import floats
from .emitter import Value, select


def across_lanes(op: str, value: Value, dtype: DType) -> Value:
    """All lanes combined; the language leaves the order of float sums and products open."""
    e, scalar = value.emitter, value.type.scalar
    if dtype.is_float and op in ("min", "max"):
        # NaN is looked for once, in all lanes.
        return e.select(e.any(value.is_nan()), math.nan, _halving(value, _smaller if op == "min" else _larger))
    if dtype.is_float and dtype.bits == 16:
        # Rounded after each step, which LLVM's reductions do not do for our 16-bit floats.
        return _halving(value, lambda x, y: floats.binary(op, x, y, dtype))
    name = op
    if op in ("min", "max"):
        name = ("s" if dtype.is_signed else "u") + op
    if dtype.is_float:
        start = e.literal(-0.0 if op == "add" else 1.0, scalar)
        return e.call(f"llvm.vector.reduce.f{op}.{value.type.mangled}", [start, value], scalar, "reassoc ")
    return e.call(f"llvm.vector.reduce.{name}.{value.type.mangled}", [value], scalar)


def _smaller(x: Value, y: Value) -> Value:
    return select(y.lt(x), y, x)


def _larger(x: Value, y: Value) -> Value:
    return select(y.gt(x), y, x)


def _halving(value: Value, combine: Callable[[Value, Value], Value]) -> Value:
    """Lanes are combined pairwise."""
    e = value.emitter
    rest = None
    while (lanes := value.type.lanes) > 1:
        half = lanes // 2
        if lanes % 2:
            odd = e.lane(value, lanes - 1)
            rest = odd if rest is None else combine(rest, odd)
        if half == 1:
            value = combine(e.lane(value, 0), e.lane(value, 1))
            break
        low, high = e.shuffle(value, list(range(half))), e.shuffle(value, list(range(half, 2 * half)))
        value = combine(low, high)
    last = e.lane(value, 0)
    return last if rest is None else combine(rest, last)
