"""Sizes and element types of seeds."""

from __future__ import annotations

import random as randomness

FLOATS = ("float32", "float32", "float32", "float64", "float16")
INTEGERS = ("int32", "int64", "int8", "uint8", "int16", "uint32")
#: A seed has at most so many elements in one buffer: what is compiled is the same for larger ones, and the interpreter
#: takes a microsecond for each step.
MOST = 400


def size(random: randomness.Random) -> int:
    """Mostly small; now and then one that is no multiple of a vector's lanes, or exactly one."""
    return random.choice((1, 2, 3, 4, 4, 5, 6, 7, 8, 8, 12, 16, 17))


def shape(random: randomness.Random, rank: int | None = None, least: int = 1) -> tuple[int, ...]:
    """A shape of at most ``MOST`` elements, each size at least ``least``."""
    rank = random.choice((1, 2, 2, 3, 4)) if rank is None else rank
    found: list[int] = []
    room = MOST
    for left in range(rank, 0, -1):
        fitting = max(least, room // max(least, 2) ** (left - 1))
        found.append(max(least, min(size(random), fitting)))
        room = max(room // found[-1], 1)
    random.shuffle(found)
    return tuple(found)


def dtype(random: randomness.Random, integers: float = 0.35) -> str:
    """An element type."""
    return random.choice(INTEGERS if random.random() < integers else FLOATS)
