"""Combining the lanes of a vector into one value."""

from __future__ import annotations

from misfold.compiler.dtypes import DType

from . import floats
from .emitter import Value


def across_lanes(op: str, value: Value, dtype: DType) -> Value:
    """All lanes combined; the language leaves the order of float sums and products open."""
    e, scalar = value.emitter, value.type.scalar
    if dtype.is_float and (dtype.bits == 16 or op in ("min", "max")):
        return _halving(op, value, dtype)
    name = op
    if op in ("min", "max"):
        name = ("s" if dtype.is_signed else "u") + op
    if dtype.is_float:
        start = e.literal(-0.0 if op == "add" else 1.0, scalar)
        return e.call(f"llvm.vector.reduce.f{op}.{value.type.mangled}", [start, value], scalar, "reassoc ")
    return e.call(f"llvm.vector.reduce.{name}.{value.type.mangled}", [value], scalar)


def _halving(op: str, value: Value, dtype: DType) -> Value:
    """Lanes are combined pairwise, rounded after each step: what LLVM's reductions do not do for our 16-bit floats."""
    e = value.emitter
    rest = None
    while (lanes := value.type.lanes) > 1:
        half = lanes // 2
        if lanes % 2:
            odd = e.lane(value, lanes - 1)
            rest = odd if rest is None else floats.binary(op, rest, odd, dtype)
        low, high = e.shuffle(value, list(range(half))), e.shuffle(value, list(range(half, 2 * half)))
        value = floats.binary(op, low, high, dtype)
    last = e.lane(value, 0)
    return last if rest is None else floats.binary(op, rest, last, dtype)
