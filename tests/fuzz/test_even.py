"""Targets that are to have the same time, not the same programs."""

from __future__ import annotations

from collections import Counter, deque
from types import SimpleNamespace
from typing import Any

import pytest

from misfold.fuzz.lane import Lane, Made
from misfold.fuzz.pending import Pending
from misfold.fuzz.settings import Settings
from misfold.fuzz.tally import Tally

#: Seconds for a part of a block.
COSTS = {"slow": 20.0, "middling": 3.0, "quick": 0.5}


def campaign(even: bool, blocks: int, costs: dict[str, float] = COSTS) -> tuple[Counter[str], Tally]:
    """How many parts each of three targets ran, with what they cost counted and not spent."""
    settings = Settings(1, tuple(costs), even=even)
    tally = Tally(settings.targets)
    ran: Counter[str] = Counter()

    class Costing(Lane):
        def _make(self, plans: Any) -> Any:
            return [], []

        def _target(self, target: str, made: list[Made]) -> list[dict[str, Any]]:
            ran[target] += 1
            self.tally.spend_on(target, costs[target])
            return []

    nothing: Any = SimpleNamespace(unwritten=deque(), finish_block=lambda *_: None, add_spent=lambda *_: None)
    lane = Costing(settings, nothing, nothing, nothing, nothing, {}, tally, Pending(), lambda: False)
    for number in range(blocks):
        lane.block(number, None)
    return ran, tally


def test_every_program_runs_on_every_target():
    ran, _ = campaign(False, 4)
    assert ran == {"slow": 10, "middling": 10, "quick": 10}  # two blocks of four parts, two of one


def test_a_slow_target_waits_for_the_others():
    ran, tally = campaign(True, 400)
    assert ran["quick"] == 406 and ran["middling"] > 2 * ran["slow"] > 4
    # Nobody is further ahead than by one part.
    assert max(tally.lanes.values()) - min(tally.lanes.values()) <= 3 * max(COSTS.values())


@pytest.mark.parametrize(
    "spent", [(0.0, 0.0, 0.0), (0.1, 0.1, 0.1), (1 / 3, 1 / 3, 1 / 3), (5.0, 1e-9, 1e-9), (0.0, 7.0, 0.0)]
)
def test_somebody_is_always_due(spent):
    tally = Tally(tuple(COSTS))
    for target, seconds in zip(COSTS, spent, strict=True):
        tally.spend_on(target, seconds)
    due = tally.due()
    assert due
    assert min(COSTS, key=tally.lanes.__getitem__) in due
    if max(spent) > min(spent):
        assert max(COSTS, key=tally.lanes.__getitem__) not in due
