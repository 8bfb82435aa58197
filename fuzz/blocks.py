"""Blocks: the unit in which a campaign makes cases, commits them, and takes them up again when it is resumed."""

from __future__ import annotations

# Cases per block: enough that the quarter of them with a backward pass fill one of Inductor's merged compiles.
BLOCK = 40
# Cases of a campaign before its first feedback and its first finding: a server's call costs as much as making two
# kernels, and compiling five graphs at once about as much as compiling one.
_FIRST = 5
# Two lanes, the default, begin with a block each: neither is to wait for a whole one.
_EARLY = 2


def indices_of(number: int, limit: int | None) -> range:
    """The indices of a block's cases, those below ``limit``."""
    last = (number + 1) * BLOCK
    return range(number * BLOCK, last if limit is None else max(min(last, limit), number * BLOCK))


def parts_of(number: int, limit: int | None, made: int = 0) -> list[range]:
    """The parts of a block that are made and run at once, one after the other: all of it, but in the first two blocks
    5, 5, 10, 20, so that there is something to learn from, and to look into, after a few cases.

    ``made``: so many of its cases are there already, from when the campaign was to have fewer.
    """
    indices = indices_of(number, limit)[made:]
    if number >= _EARLY:
        return [indices] if indices else []
    parts, size, start = [], _FIRST, 0
    while start < len(indices):
        parts.append(indices[start : start + size])
        start += size
        size = max(start, _FIRST)
    return parts
