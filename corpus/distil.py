"""Distillation: few and small entries that reach all that many do, and pipelines of no more than what that takes."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence, Set
from typing import TypeVar

Item = TypeVar("Item")
#: Hashable.
Point = TypeVar("Point")


def cover(entries: Sequence[tuple[int, Set[Point]]]) -> list[int]:
    """Places of entries, in order, that together reach all that the entries reach. An entry is its size and what it
    reaches.

    The greedy algorithm for weighted set cover (V. Chvátal, *A Greedy Heuristic for the Set-Covering Problem*,
    Mathematics of Operations Research 4, 1979): of the entries the one that reaches most per size that none before did.
    What the later ones made superfluous is left out at the end, the largest first.
    """
    left: set[Point] = set().union(*(reached for _, reached in entries)) if entries else set()
    heap = [(-len(reached) / max(size, 1), size, place) for place, (size, reached) in enumerate(entries) if reached]
    heapq.heapify(heap)
    chosen: list[int] = []
    while left:
        _, size, place = heapq.heappop(heap)
        new = len(left & entries[place][1])
        gain = -new / max(size, 1)
        # What an entry adds only shrinks: one that is still the best with what it adds now is the best.
        if heap and gain > heap[0][0]:
            if new:
                heapq.heappush(heap, (gain, size, place))
            continue
        chosen.append(place)
        left -= entries[place][1]
    times: dict[Point, int] = {}
    for place in chosen:
        for point in entries[place][1]:
            times[point] = times.get(point, 0) + 1
    for place in sorted(chosen, key=lambda place: -entries[place][0]):
        if all(times[point] > 1 for point in entries[place][1]):
            chosen.remove(place)
            for point in entries[place][1]:
                times[point] -= 1
    return sorted(chosen)


def unique(reached: Sequence[Set[Point]], place: int) -> set[Point]:
    """What only the set at ``place`` has."""
    others: set[Point] = set().union(*(one for other, one in enumerate(reached) if other != place))
    return set(reached[place]) - others


def shrink(items: Sequence[Item], keeps: Callable[[Sequence[Item]], bool]) -> list[Item]:
    """A part of a list that ``keeps`` still holds of, and of which no single item can be left out.

    Delta debugging (A. Zeller and R. Hildebrandt, *Simplifying and Isolating Failure-Inducing Input*, IEEE TSE 28,
    2002) by complements: ever smaller runs of items are left out.
    """
    kept = list(items)
    run = len(kept)
    while run and kept:
        start, shorter = 0, False
        while start < len(kept):
            rest = kept[:start] + kept[start + run :]
            if keeps(rest):
                kept, shorter = rest, True
            else:
                start += run
        # Single items are tried again until none goes: one may have needed another that has gone since.
        run = run if run == 1 and shorter else run // 2
    return kept
