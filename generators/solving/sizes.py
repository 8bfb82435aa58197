"""Which sizes and numbers are tried: those at which compilers change what they do are drawn more often than others."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Sequence
from itertools import accumulate
from math import floor, log2
from random import Random

from ..options import Options

# Small sizes keep programs cheap; most dimensions have one.
SMALL = (2, 3, 4, 5, 6)
# Next to lengths that vectors of 8, 16 and 32 elements take whole: powers of two and their neighbours.
VECTORS = (7, 8, 9, 15, 16, 17, 31, 32, 33)
# No block size divides these.
PRIMES = (7, 11, 13, 19, 23, 29, 37)
LONG = (47, 63, 64, 65, 67)
# How often each kind is drawn; programs of tensors of one element test little, so 1 comes seldom.
_KINDS: tuple[tuple[Sequence[int], float], ...] = ((SMALL, 0.62), (VECTORS, 0.2), (PRIMES, 0.12), ((1,), 0.06))
_SUMS = list(accumulate(weight for _, weight in _KINDS))
# Elements of a fresh tensor: long dimensions are for tensors of few others.
_ROOM = 4096


def draw_size(random: Random, options: Options, rank: int = 2, zero: bool = False) -> int:
    """A size for a dimension of a tensor of a rank; with ``zero`` sometimes 0. ``options.large`` is the fraction of
    long ones for vectors."""
    if zero and random.random() < 0.2:
        return 0
    if rank <= 3 and random.random() < options.large / max(rank, 1):
        return random.choice(LONG)
    kind, _ = _KINDS[bisect_left(_SUMS, random.random() * _SUMS[-1])]
    size = random.choice(kind)
    # An equal share of the room for each dimension, so that the product fits.
    return size if rank <= 2 or size <= max(4, int(_ROOM ** (1 / rank))) else random.choice(SMALL)


def bin_of(value: float) -> int:
    """The bin of a number: each sign has 0, 1, 2, 3 to 4, 5 to 8, and so on by powers of two."""
    magnitude = abs(value)
    place = 0 if magnitude == 0 else 1 + max(0, floor(log2(magnitude)) + (not log2(magnitude).is_integer()))
    return -place if value < 0 else place


def draw_integer(random: Random, seen: Collection[int]) -> int:
    """An integer between the smallest and the largest that are known to be taken, each bin of them as likely.

    Raises:
        ValueError: none is known.
    """
    low, high = min(seen), max(seen)
    if low == high:
        return low
    bins = range(bin_of(low), bin_of(high) + 1)
    chosen = bins[int(random.random() * len(bins))]
    least, most = _ends(chosen)
    return random.randint(max(least, low), min(most, high))


def _ends(place: int) -> tuple[int, int]:
    """The smallest and the largest integer of a bin."""
    if place < 0:
        least, most = _ends(-place)
        return -most, -least
    return (place, place) if place < 3 else (2 ** (place - 2) + 1, 2 ** (place - 1))


_FLOATS = (0.0, 0.25, 0.5, 1.0, 1.5, 2.0, -1.0)


def draw_float(random: Random, seen: Sequence[float]) -> float:
    """A float that is known to be taken, or one between two of them.

    Raises:
        ValueError: none is known.
    """
    low, high = min(seen), max(seen)
    chance = random.random()
    if chance < 0.6 or low == high:
        return float(random.choice(seen))
    between = [value for value in _FLOATS if low <= value <= high]
    return random.choice(between) if between and chance < 0.85 else round(random.uniform(low, high), 3)
