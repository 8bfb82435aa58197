"""Which mutator to use: those that earned more are chosen more often, and none is forgotten."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from typing import Any

#: What is left of old rewards after each new one: what earned well at the beginning, when everything was new, must not
#: keep its lead for days. Half of a reward is forgotten after 700 further ones.
DECAY = 0.999


class Bandit:
    """Thompson sampling over arms with Beta posteriors (Thompson, Biometrika 1933), discounted."""

    def __init__(self, arms: Iterable[str]):
        self._won = dict.fromkeys(arms, 0.0)
        self._lost = dict.fromkeys(self._won, 0.0)

    def choose(self, source: random.Random, among: Iterable[str] | None = None) -> str:
        """An arm; with ``among`` only one of these."""
        arms = list(self._won if among is None else among)
        return max(arms, key=lambda arm: source.betavariate(1 + self._won[arm], 1 + self._lost[arm]))

    def reward(self, arm: str, won: bool) -> None:
        """Tell what came of a choice."""
        for table in (self._won, self._lost):
            for name in table:
                table[name] *= DECAY
        (self._won if won else self._lost)[arm] += 1.0

    def shares(self) -> dict[str, float]:
        """The expected reward of each arm."""
        return {arm: (1 + self._won[arm]) / (2 + self._won[arm] + self._lost[arm]) for arm in self._won}

    def to_data(self) -> dict[str, list[float]]:
        return {arm: [self._won[arm], self._lost[arm]] for arm in self._won}

    def load(self, data: Mapping[str, Any]) -> None:
        """Take over what an earlier run learnt; arms that are gone are left out."""
        for arm, (won, lost) in data.items():
            if arm in self._won:
                self._won[arm], self._lost[arm] = float(won), float(lost)
