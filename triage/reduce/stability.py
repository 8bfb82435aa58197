"""Failures that do not show every time: how often they do, and tests that try often enough."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from .search import OTHER, PASSES, SAME, Answer

C = TypeVar("C")

#: Trials by which stability is measured; a failure that shows in less than half of them is hardly reducible.
TRIALS = 5
#: The chance to miss a failure that is there, per candidate, and the most trials spent on it.
_MISS, _MOST = 0.02, 12


@dataclass(frozen=True)
class Stability:
    """How often a case failed in the same way."""

    failed: int
    trials: int

    @property
    def rate(self) -> float:
        return self.failed / self.trials if self.trials else 0.0

    @property
    def repeats(self) -> int:
        """How often a candidate has to be tried to be believed when it passes: once, if the failure always shows."""
        if self.failed == self.trials or not self.failed:
            return 1
        # One trial fewer that failed: the estimate is from few trials, and an optimist stops too early.
        rate = max(self.failed - 0.5, 0.5) / self.trials
        return min(_MOST, math.ceil(math.log(_MISS) / math.log(1 - rate)))

    def to_data(self) -> dict[str, int]:
        """As JSON: ``failed`` of ``trials``, and ``repeats``."""
        return {"failed": self.failed, "trials": self.trials, "repeats": self.repeats}


def measure(case: C, test: Callable[[C], Answer], trials: int = TRIALS) -> Stability:
    """Try a case several times."""
    return Stability(sum(test(case).kind == SAME for _ in range(trials)), trials)


def repeated(test: Callable[[C], Answer], repeats: int) -> Callable[[C], Answer]:
    """The test, tried until it fails in the same way, at most so often."""
    if repeats <= 1:
        return test

    def tried(case: C) -> Answer:
        last = Answer(PASSES)
        for _ in range(repeats):
            answer = test(case)
            if answer.kind == SAME:
                return answer
            last = answer if answer.kind != PASSES or last.kind != OTHER else last
            if answer.kind not in (PASSES, OTHER):
                return answer
        return last

    return tried
