"""Intervals of integers, and what the operators of the loop IR make of them.

R. E. Moore, *Interval Analysis*, Prentice-Hall 1966. Results are those over the mathematical integers: who uses them
compares with the type, in which everything wraps around.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from misfold.compiler.dtypes import BOOL, INTEGERS, DType


@dataclass(frozen=True, slots=True)
class Interval:
    """All integers from ``low`` to ``high``, both included; never empty. False is 0 and True is 1."""

    low: int
    high: int

    def within(self, other: Interval) -> bool:
        return other.low <= self.low and self.high <= other.high

    def meet(self, other: Interval) -> Interval:
        """The common part. Where there is none, the place is never reached and any answer is sound: ``self``."""
        low, high = max(self.low, other.low), min(self.high, other.high)
        return Interval(low, high) if low <= high else self

    def join(self, other: Interval) -> Interval:
        return Interval(min(self.low, other.low), max(self.high, other.high))

    @property
    def single(self) -> int | None:
        """The only member, where there is just one."""
        return self.low if self.low == self.high else None


_FULL = {one.name: Interval(int(one.min), int(one.max)) for one in (BOOL, *INTEGERS)}


def full(dtype: DType) -> Interval:
    """All values of an integer type or bool."""
    return _FULL[dtype.name]


def scaled(x: Interval, factor: int) -> Interval:
    """``factor · x``."""
    a, b = x.low * factor, x.high * factor
    return Interval(a, b) if a <= b else Interval(b, a)


# An operator gives None where nothing is known.


def _product(x: Interval, y: Interval) -> Interval:
    corners = (x.low * y.low, x.low * y.high, x.high * y.low, x.high * y.high)
    return Interval(min(corners), max(corners))


def _floordiv(x: Interval, y: Interval) -> Interval | None:
    if y.low <= 0 <= y.high:
        return None
    # For a divisor of one sign, the quotient is monotonic in each operand: the corners bound it.
    corners = [a // b for a in (x.low, x.high) for b in (y.low, y.high)]
    return Interval(min(corners), max(corners))


def _truncdiv(x: Interval, y: Interval) -> Interval | None:
    if y.low <= 0 <= y.high:
        return None
    corners = [abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1) for a in (x.low, x.high) for b in (y.low, y.high)]
    return Interval(min(corners), max(corners))


def _eucliddiv(x: Interval, y: Interval) -> Interval | None:
    return _floordiv(x, y) if y.low > 0 else None


def _floormod(x: Interval, y: Interval) -> Interval | None:
    if y.low <= 0:
        return Interval(y.low + 1, 0) if y.high < 0 else None
    return Interval(0, min(y.high - 1, x.high) if x.low >= 0 else y.high - 1)


def _truncmod(x: Interval, y: Interval) -> Interval | None:
    if y.low <= 0 <= y.high:
        return None
    size = max(abs(y.low), abs(y.high)) - 1
    return Interval(max(-size, min(x.low, 0)), min(size, max(x.high, 0)))


def _euclidmod(x: Interval, y: Interval) -> Interval | None:
    if y.low <= 0 <= y.high:
        return None
    size = max(abs(y.low), abs(y.high)) - 1
    return Interval(0, min(size, x.high) if x.low >= 0 else size)


def _and(x: Interval, y: Interval) -> Interval | None:
    highs = [one.high for one in (x, y) if one.low >= 0]
    return Interval(0, min(highs)) if highs else None


def _or(x: Interval, y: Interval) -> Interval | None:
    if x.low < 0 or y.low < 0:
        return None
    return Interval(0, (1 << max(x.high, y.high).bit_length()) - 1)


def _shl(x: Interval, y: Interval) -> Interval | None:
    if not 0 <= y.low <= y.high < 64:
        return None
    return _product(x, Interval(1 << y.low, 1 << y.high))


def _shr(x: Interval, y: Interval) -> Interval:
    # However large the amount, the result is never further from 0 (or, below zero, from -1) than the operand.
    if not 0 <= y.low <= y.high < 64:
        return Interval(min(x.low, 0), max(x.high, -1 if x.high < 0 else 0))
    corners = [a >> b for a in (x.low, x.high) for b in (y.low, y.high)]
    return Interval(min(corners), max(corners))


#: Intervals of results by operator, for those that are not linear in their operands.
OPERATORS: dict[str, Callable[[Interval, Interval], Interval | None]] = {
    "mul": _product,
    "floordiv": _floordiv,
    "truncdiv": _truncdiv,
    "eucliddiv": _eucliddiv,
    "floormod": _floormod,
    "truncmod": _truncmod,
    "euclidmod": _euclidmod,
    "min": lambda x, y: Interval(min(x.low, y.low), min(x.high, y.high)),
    "max": lambda x, y: Interval(max(x.low, y.low), max(x.high, y.high)),
    "and": _and,
    "or": _or,
    "xor": _or,
    "shl": _shl,
    "shr": _shr,
}
