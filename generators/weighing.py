"""Choosing by weights, and what records and rules of tensors of one element weigh."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from random import Random

# PyTorch's samples are fond of tensors of one element, and of reductions to one.
SINGLE = 0.3
REDUCING = 0.4
# What is near.
REACH = 0.12


def weight_of(single: bool, reduces: bool) -> float:
    """What a way to call an operator weighs: ``single`` if its inputs have one element each, ``reduces`` if its output
    has one while an input may have several."""
    return SINGLE if single else REDUCING if reduces else 1.0


def pick(random: Random, sums: Sequence[float]) -> int:
    """A position, drawn by weights of which ``sums`` are the running totals."""
    return at(random.random(), sums)


def near(random: Random, place: float | None, sums: Sequence[float]) -> int:
    """The position at about a place from 0 to 1; any one, as ``pick``, if that is None."""
    return pick(random, sums) if place is None else at(place + random.uniform(-REACH, REACH), sums)


def at(place: float, sums: Sequence[float]) -> int:
    """The position at which a place from 0 to 1, beyond which it begins again, falls among running totals."""
    return bisect_left(sums, place % 1 * sums[-1], 0, len(sums) - 1)
