"""Documented ranges as intervals: ``[0,inf)``, ``(0,1]``; values inside, at the ends and just outside."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

_TEXT = re.compile(r"([\[(])([^,]+),([^,]+)([\])])")


@dataclass(frozen=True)
class Interval:
    """Numbers between two ends; ``closed`` says of each end whether it belongs to it."""

    low: float
    high: float
    closed: tuple[bool, bool]

    def __contains__(self, value: float) -> bool:
        above = value >= self.low if self.closed[0] else value > self.low
        below = value <= self.high if self.closed[1] else value < self.high
        return above and below


def interval(text: str) -> Interval | None:
    """The interval that a canonical range names, None if its ends are not numbers."""
    match = _TEXT.fullmatch(text)
    if match is None:
        return None
    try:
        low, high = float(match[2]), float(match[3])
    except ValueError:
        return None
    return Interval(low, high, (match[1] == "[", match[4] == "]")) if low <= high else None


def inside(text: str, whole: bool) -> float | int | None:
    """A value in a range, away from its ends where there is room; None if there is none or the range is no interval."""
    found = interval(text)
    if found is None:
        return None
    for value in (1, 0.5, 2, 0, -0.5, -1, found.low, found.high, found.low + 1, found.high - 1):
        if value in found and math.isfinite(value) and (not whole or value == int(value)):
            return int(value) if whole else float(value)
    return None


def outside(text: str, whole: bool) -> list[float | int]:
    """Values that break a range: just beyond an end, and far from it."""
    found = interval(text)
    if found is None:
        return []
    step = 1 if whole else 0.5
    values: list[float] = []
    if math.isfinite(found.low):
        values += [found.low - step, found.low - 10 * step] + ([] if found.closed[0] else [found.low])
    if math.isfinite(found.high):
        values += [found.high + step, found.high + 10 * step] + ([] if found.closed[1] else [found.high])
    return [int(value) if whole else float(value) for value in values if not whole or value == int(value)]
