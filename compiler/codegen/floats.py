"""Operators on floats.

The 16-bit floats are held as binary32 numbers and rounded after every operation. For add, sub, mul, div and sqrt this
equals rounding once, since 24 ≥ 2·11 + 2 (Figueroa, "When is double rounding innocuous?", 1995).

bfloat16 is rounded by integer arithmetic: x86's VCVTNEPS2BF16, which LLVM takes for ``fptrunc`` to ``bfloat``, turns
subnormals into zero.
"""

from __future__ import annotations

from misfold.compiler.dtypes import DType

from . import math
from .emitter import Value, absolute, bits, convert, copysign, from_bits, select, square_root

_ARITHMETIC = {"add": "fadd", "sub": "fsub", "mul": "fmul", "div": "fdiv"}
_COMPARISONS = {"eq": "oeq", "ne": "une", "lt": "olt", "le": "ole", "gt": "ogt", "ge": "oge"}
_EXACT = {"floor": "floor", "ceil": "ceil", "trunc": "trunc", "round": "roundeven"}


def _half(x: Value) -> Value:
    """A binary32 number as binary16.

    Without the fence LLVM makes one rounding of two where the number was rounded from binary64 before: another result
    for ties, and for single numbers a call of ``__truncdfhf2``, which processes need not have: a jump to nowhere.
    """
    return convert("fptrunc", x.emitter.intrinsic("arithmetic.fence", (x,), x.type), "half")


def rounded(x: Value, dtype: DType) -> Value:
    """A binary32 number rounded to a 16-bit float; other dtypes as they are."""
    if dtype.name == "f16":
        return convert("fpext", _half(x), "float")
    if dtype.name == "bf16":
        pattern = bits(x)
        even = pattern + ((pattern.lshr(16) & 1) + 0x7FFF)
        quiet = pattern | 0x400000
        return from_bits(select(x.is_nan(), quiet, even) & -0x10000)
    return x


def to_memory(x: Value, dtype: DType) -> Value:
    """A value of this dtype in its memory type; exact."""
    if dtype.name == "f16":
        return _half(x)
    if dtype.name == "bf16":
        return convert("trunc", bits(x).lshr(16), "i16")
    return x


def from_memory(x: Value, dtype: DType) -> Value:
    if dtype.name == "f16":
        return convert("fpext", x, "float")
    if dtype.name == "bf16":
        return from_bits(convert("zext", x, "i32") << 16)
    return x


def unary(op: str, x: Value, dtype: DType) -> Value:
    if op in _EXACT:
        return x.emitter.intrinsic(_EXACT[op], (x,), x.type)
    match op:
        case "neg":
            return -x
        case "abs":
            return absolute(x)
        case "sqrt":
            return rounded(square_root(x), dtype)
    return rounded(math.call(op, (x,)), dtype)


def binary(op: str, x: Value, y: Value, dtype: DType) -> Value:
    emitter = x.emitter
    if op in _ARITHMETIC and dtype.bits > 16:
        return emitter.arithmetic(_ARITHMETIC[op], x, y)
    # All other operators consist of steps that must not be fused with what comes before or after.
    flags, emitter.flags = emitter.flags, ""
    try:
        return _strict(op, x, y, dtype)
    finally:
        emitter.flags = flags


def _strict(op: str, x: Value, y: Value, dtype: DType) -> Value:
    emitter = x.emitter
    if op in _ARITHMETIC:
        return rounded(emitter.arithmetic(_ARITHMETIC[op], x, y), dtype)
    if op in _COMPARISONS:
        return emitter.compare(_COMPARISONS[op], x, y)
    match op:
        case "min" | "max":
            # NaN if either is; of zeros the first. This is what x86's MINPS and a blend do.
            better = select(y.lt(x) if op == "min" else y.gt(x), y, x)
            return select(y.is_nan(), y, better)
        case "copysign":
            return emitter.intrinsic("copysign", (x, y), x.type)
        case "truncmod":
            return emitter.arithmetic("frem", x, y)
        case "floormod":
            return rounded(_floormod(x, y), dtype)
        case "floordiv":
            return rounded(_floordiv(x, y), dtype)
    return rounded(math.call(op, (x, y)), dtype)


def _floormod(x: Value, y: Value) -> Value:
    """Steps are in the type that values are held in, for ``_floordiv`` too."""
    remainder = x.emitter.arithmetic("frem", x, y)
    moved = select(remainder.lt(0.0) ^ y.lt(0.0), remainder + y, remainder)
    return select(remainder.eq(0.0), copysign(0.0, x.emitter.broadcast(y, x.type.lanes)), moved)


def _floordiv(x: Value, y: Value) -> Value:
    """As CPython does it (Objects/floatobject.c, _float_div_mod): whole up to rounding, so the nearest integer."""
    remainder = x.emitter.arithmetic("frem", x, y)
    quotient = (x - remainder) / y
    differ = remainder.ne(0.0) & (remainder.lt(0.0) ^ y.lt(0.0))
    quotient = select(differ, quotient - 1.0, quotient)
    floor = x.emitter.intrinsic("floor", (quotient,), quotient.type)
    nearest = select((quotient - floor).gt(0.5), floor + 1.0, floor)
    plain = x / y
    nearest = select(quotient.eq(0.0), copysign(0.0, plain), nearest)
    return select(y.eq(0.0), plain, nearest)


def to_odd(x: Value) -> Value:
    """A binary64 number as binary32, rounded to odd, so that rounding it again to fewer bits is right.

    Boldo and Melquiond, "Emulation of FMA and correctly rounded sums: proved algorithms using rounding to odd", 2008.
    """
    near = convert("fptrunc", x, "float")
    back = convert("fpext", near, "double")
    inexact = back.ne(x) & ~x.is_nan()
    too_large = absolute(back).gt(absolute(x))
    pattern = bits(near)
    towards_zero = select(too_large, pattern - 1, pattern)
    return from_bits(select(inexact, towards_zero | 1, pattern))
