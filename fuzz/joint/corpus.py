"""The corpus of the joint loop: (program, pipeline) pairs that reached something new, and which to take next."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property


@dataclass
class Entry:
    """A program's text and its pipeline for one target (as data), and what came of it so far."""

    number: int
    text: str
    target: str
    pipeline: dict[str, object]
    #: What it was the first to reach, as (source, point).
    earned: tuple[tuple[str, int], ...] = ()
    parent: int | None = None
    mutator: str = "generated"
    #: Mutations of the program in a row that reached nothing new.
    stalls: int = 0
    #: Times chosen, and children kept.
    chosen: int = 0
    children: int = 0
    #: Of the outputs: preserving mutators must not change it.
    digest: str = field(default="", repr=False)

    @cached_property
    def stretches(self) -> frozenset[tuple[str, int]]:
        """The stretches of 64 points in which it earned any."""
        return frozenset((source, point // 64) for source, point in self.earned)


class Corpus:
    """Entries, and a choice among them that favours what is rare and little used.

    An entry's energy is the sum over the points that it earned of 1 / how many entries sit on that point's
    neighbourhood (points of one 64-point stretch of code), divided by how often it was chosen: AFLFast's "rare and
    little fuzzed first" (CCS 2016, section 4.2), with stretches of code in the place of paths.
    """

    def __init__(self, limit: int, rarity: bool = True):
        self.limit, self.rarity = limit, rarity
        self.entries: list[Entry] = []
        self._crowd: Counter[tuple[str, int]] = Counter()
        self._next = 0

    def __len__(self) -> int:
        return len(self.entries)

    def add(
        self,
        text: str,
        target: str,
        pipeline: dict[str, object],
        earned: Iterable[tuple[str, int]],
        parent: Entry | None = None,
        mutator: str = "generated",
        digest: str = "",
    ) -> Entry:
        """Keep a pair; if there are too many, the one of least energy goes."""
        entry = Entry(
            self._next, text, target, pipeline, tuple(earned), None if parent is None else parent.number, mutator,
            digest=digest,
        )  # fmt: skip
        self._next += 1
        self.entries.append(entry)
        self._crowd.update(entry.stretches)
        if parent is not None:
            parent.children += 1
            parent.stalls = 0
        if len(self.entries) > self.limit:
            poorest = min(self.entries[:-1], key=self.energy)
            self.entries.remove(poorest)
            self._crowd.subtract(poorest.stretches)
        return entry

    def energy(self, entry: Entry) -> float:
        """How much an entry is worth being taken next."""
        if not self.rarity:
            return 1.0
        rare = sum(1.0 / max(self._crowd[stretch], 1) for stretch in entry.stretches)
        return (0.1 + rare) / (1.0 + entry.chosen)

    def choose(self, source: random.Random) -> Entry:
        """An entry, by energy."""
        entry = source.choices(self.entries, weights=[self.energy(one) for one in self.entries])[0]
        entry.chosen += 1
        return entry

    def restore(self, entry: Entry) -> None:
        """Put back an entry of an earlier run."""
        self.entries.append(entry)
        self._crowd.update(entry.stretches)
        self._next = max(self._next, entry.number + 1)
