"""Counters of a running campaign, shared by its lanes and read by the live view."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterable
from typing import Any

from misfold.oracles.verdict import Verdict
from misfold.targets.outcome import FAILURES, Outcome

#: Per target: ran and agreed; honestly unsupported (skipped or rejected); undecided; bad verdicts.
COLUMNS = ("ok", "unsupported", "undecided", "failing")


class Tally:
    """Thread-safe counters."""

    def __init__(self, targets: tuple[str, ...]):
        self._lock = threading.Lock()
        self.targets: dict[str, Counter[str]] = {target: Counter() for target in targets}
        self.cases = 0
        self.crashed = 0
        #: How cases came about, where they are not all generated.
        self.how: Counter[str] = Counter()
        self.findings: Counter[str] = Counter()
        self.seconds: Counter[str] = Counter()
        #: Of lanes, by target: compiling, running, judging.
        self.lanes: dict[str, float] = dict.fromkeys(targets, 0.0)
        self.started = time.monotonic()

    def count_cases(self, cases: int, crashed: int = 0, how: Iterable[str] = ()) -> None:
        """Cases made, indices of which nothing came, and how each case came about."""
        with self._lock:
            self.how.update(how)
            self.cases += cases
            self.crashed += crashed

    def count(self, target: str, outcome: Outcome, verdict: Verdict) -> None:
        """One outcome of a target."""
        if outcome.kind == "rejected":
            column = "unsupported"
        elif outcome.kind in FAILURES or verdict.kind in ("proved", "suspect"):
            column = "failing" if verdict.kind != "undecided" else "undecided"
        else:
            column = "undecided" if verdict.kind == "undecided" else "ok"
        with self._lock:
            self.targets[target][column] += 1
            self.targets[target]["seconds"] += outcome.seconds.get("total", 0.0)  # type: ignore[assignment]

    def spend(self, what: str, seconds: float) -> None:
        """Lane seconds by what they went into (``target`` and the parts of the harness)."""
        with self._lock:
            self.seconds[what] += seconds  # type: ignore[assignment]

    def spend_on(self, target: str, seconds: float) -> None:
        """Lane seconds that went into one target."""
        with self._lock:
            self.lanes[target] += seconds

    def due(self) -> frozenset[str]:
        """The targets that have had no more than their even part of the lanes' time so far: at least one."""
        with self._lock:
            count, least = len(self.lanes), min(self.lanes.values())
            # Rounding may make the sum a bit less than its parts.
            even = max(sum(self.lanes.values()), least * count)
            return frozenset(name for name, spent in self.lanes.items() if spent * count <= even)

    def share(self, what: str) -> float:
        """The fraction of the lane seconds so far that went into one thing."""
        with self._lock:
            total = sum(self.seconds.values())
            return self.seconds[what] / total if total else 0.0

    def count_finding(self, status: str) -> None:
        """One finding settled."""
        with self._lock:
            self.findings[status] += 1

    def snapshot(self) -> dict[str, Any]:
        """All counters as plain data."""
        with self._lock:
            return {
                "cases": self.cases,
                "crashed": self.crashed,
                "how": dict(self.how),
                "targets": {name: dict(counter) for name, counter in self.targets.items()},
                "findings": dict(self.findings),
                "seconds": dict(self.seconds),
            }
