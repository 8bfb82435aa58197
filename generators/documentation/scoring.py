"""Scores of extracted values against gold: per category, pooled, and micro-averaged over all.

A value is one (category, canonical value) of one parameter; a parameter's values are sets, so that saying the same
in two sentences counts once. Precision is the share of extracted values that are gold, recall that of gold that is
extracted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .labels import CATEGORIES, POOLS

Value = tuple[str, str]


@dataclass
class Score:
    """Counts of values: right, wrongly extracted, missed."""

    right: int = 0
    wrong: int = 0
    missed: int = 0

    @property
    def precision(self) -> float:
        return self.right / max(self.right + self.wrong, 1)

    @property
    def recall(self) -> float:
        return self.right / max(self.right + self.missed, 1)

    @property
    def f1(self) -> float:
        return 2 * self.right / max(2 * self.right + self.wrong + self.missed, 1)

    def add(self, extracted: frozenset[Value], gold: frozenset[Value]) -> None:
        """Count one parameter's values."""
        self.right += len(extracted & gold)
        self.wrong += len(extracted - gold)
        self.missed += len(gold - extracted)

    def to_data(self) -> dict[str, float | int]:
        """As plain data for JSON."""
        return {
            "precision": round(self.precision, 4), "recall": round(self.recall, 4), "f1": round(self.f1, 4),
            "right": self.right, "wrong": self.wrong, "missed": self.missed,
        }  # fmt: skip


def score(pairs: Iterable[tuple[frozenset[Value], frozenset[Value]]]) -> dict[str, Score]:
    """Scores of (extracted, gold) values of parameters, by pool (see ``POOLS``) and ``all``."""
    scores = {pool: Score() for pool in dict.fromkeys(POOLS.values())} | {"all": Score()}
    for extracted, gold in pairs:
        for category in CATEGORIES:
            left = frozenset(value for value in extracted if value[0] == category)
            right = frozenset(value for value in gold if value[0] == category)
            scores[POOLS[category]].add(left, right)
            scores["all"].add(left, right)
    return scores
