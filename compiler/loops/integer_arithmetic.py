"""The operators on integers and bools, as functions of Python ints and bools."""

from __future__ import annotations

import operator
from collections.abc import Callable

from misfold.compiler.dtypes import DType

Integer = Callable[..., int]


def wrapping(dtype: DType) -> Callable[[int], int]:
    """The function that takes an integer modulo 2ⁿ into the range of its type."""
    mask = (1 << dtype.bits) - 1
    if dtype.kind == "uint":
        return lambda value: value & mask
    half = 1 << (dtype.bits - 1)
    return lambda value: ((value + half) & mask) - half


def _wrapped(function: Integer, dtype: DType) -> Integer:
    """``function`` of two operands, wrapped around; results in range, nearly all, take the short way."""
    low, high, wrap = dtype.min, dtype.max, wrapping(dtype)

    def wrapped(a: int, b: int) -> int:
        result = function(a, b)
        return result if low <= result <= high else wrap(result)

    return wrapped


def integer_unary(op: str, dtype: DType) -> Integer:
    """``neg``, ``abs`` or ``not`` on an integer type."""
    wrap = wrapping(dtype)
    match op:
        case "neg":
            return lambda a: wrap(-a)
        case "abs":
            return lambda a: wrap(abs(a))
        case "not":
            return lambda a: wrap(~a)
    raise KeyError(op)


def integer_binary(op: str, dtype: DType) -> Integer:
    """A binary operator, not a comparison, on an integer type. Divisions raise ZeroDivisionError."""
    if op in _PLAIN:
        return _PLAIN[op]
    if op in _WRAPPED:
        return _wrapped(_WRAPPED[op], dtype)
    if op in ("shl", "shr"):
        return _shift(op, dtype)
    if op == "pow":
        return _power(dtype)
    raise KeyError(op)


def truncated_quotient(a: int, b: int) -> int:
    """a / b rounded to zero."""
    quotient = abs(a) // abs(b)
    return quotient if (a < 0) == (b < 0) else -quotient


def _truncated_remainder(a: int, b: int) -> int:
    return a - b * truncated_quotient(a, b)


def _euclidean_remainder(a: int, b: int) -> int:
    return a % abs(b)


def _euclidean_quotient(a: int, b: int) -> int:
    return (a - a % abs(b)) // b


# These never leave the range of their operands.
_PLAIN: dict[str, Integer] = {
    "floormod": operator.mod,
    "truncmod": _truncated_remainder,
    "euclidmod": _euclidean_remainder,
    "min": min,
    "max": max,
    "and": operator.and_,
    "or": operator.or_,
    "xor": operator.xor,
}
_WRAPPED: dict[str, Integer] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "floordiv": operator.floordiv,
    "truncdiv": truncated_quotient,
    "eucliddiv": _euclidean_quotient,
}


def unwrapped(op: str, dtype: DType) -> Integer | None:
    """The mathematical result of an operator that can leave the range of its operands' type, for operands of which it
    has one; None: the operator never does."""
    if op == "shl":
        # An amount that is out of range shifts everything out, which is no overflow.
        return lambda a, b: a << b if 0 <= b < dtype.bits else 0
    return _WRAPPED.get(op) or _UNBOUNDED.get(op)


# A negative power is no overflow.
_UNBOUNDED: dict[str, Integer] = {
    "neg": operator.neg,
    "abs": abs,
    # From 64 on, each power of what is not -1, 0 or 1 is out of every range.
    "pow": lambda a, b: 0 if b < 0 else a ** min(b, 64 + b % 2),
}


def _shift(op: str, dtype: DType) -> Integer:
    bits, wrap = dtype.bits, wrapping(dtype)

    def left(a: int, b: int) -> int:
        return wrap(a << b) if 0 <= b < bits else 0

    def right(a: int, b: int) -> int:
        return a >> b if 0 <= b < bits else (-1 if a < 0 else 0)

    return left if op == "shl" else right


def _power(dtype: DType) -> Integer:
    modulus, wrap = 1 << dtype.bits, wrapping(dtype)

    def power(a: int, b: int) -> int:
        if b >= 0:
            return wrap(pow(a, b, modulus))
        if a in (1, -1):
            return a if b & 1 else 1
        return 0

    return power
