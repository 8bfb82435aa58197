"""Casts between dtypes, as ``loops.operators`` defines them."""

from __future__ import annotations

from misfold.compiler.dtypes import DType

from .emitter import Value, convert, select
from .floats import rounded, to_odd
from .types import register_type


def cast(x: Value, source: DType, target: DType) -> Value:
    """A register value of ``source`` as one of ``target``."""
    if source == target:
        return x
    element = register_type(target).element
    if target.is_bool:
        return x.ne(0.0 if source.is_float else 0)
    if source.is_bool:
        return convert("uitofp" if target.is_float else "zext", x, element)
    if not source.is_float and not target.is_float:
        if target.bits == source.bits:
            return x
        if target.bits < source.bits:
            return convert("trunc", x, element)
        return convert("sext" if source.is_signed else "zext", x, element)
    if not target.is_float:
        return _to_integer(x, target)
    if not source.is_float:
        return _from_integer(x, source, target)
    if source.name == "f64":
        # Rounding to binary32 first and then to 16 bits would round twice.
        return rounded(to_odd(x), target) if target.bits == 16 else convert("fptrunc", x, element)
    return convert("fpext", x, "double") if target.name == "f64" else rounded(x, target)


def _to_integer(x: Value, target: DType) -> Value:
    name = "fptosi" if target.is_signed else "fptoui"
    result = register_type(target, x.type.lanes)
    return x.emitter.call(f"llvm.{name}.sat.{result.mangled}.{x.type.mangled}", [x], result)


def _from_integer(x: Value, source: DType, target: DType) -> Value:
    opcode = "sitofp" if source.is_signed else "uitofp"
    if target.bits > 16:
        return convert(opcode, x, register_type(target).element)
    if source.bits <= 16 or target.name == "f16":
        # Exact in binary32, or so large that it overflows to infinity however it is rounded.
        return rounded(convert(opcode, x, "float"), target)
    if source.bits == 64:
        # Beyond binary64's 53 bits, only whether there are more bits set matters for rounding to 8.
        low = x & 0x7FF
        sticky = (x & -0x800) | select(low.eq(0), low, 0x800)
        small = (x + (1 << 53)).ult(1 << 54) if source.is_signed else x.ult(1 << 53)
        x = select(small, x, sticky)
    return rounded(to_odd(convert(opcode, x, "double")), target)
