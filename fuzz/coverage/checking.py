"""Proof on real work that watching changes nothing: the same cases with and without coverage give the same outcomes."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from misfold.programs.case import Case, parse_case
from misfold.targets.isolation.limits import Limits
from misfold.targets.outcome import Outcome

from ..campaign import Servers, find_targets
from ..examine import REFERENCE, Examiner
from ..spreading import spread
from .reached import Reached
from .sources import chosen

#: Seconds per case.
SECONDS = 120.0
#: Short programs: more of them are ones that the target takes.
OPTIONS = {"min_nodes": 1, "max_nodes": 5}


@dataclass
class Check:
    """``outcomes`` counts pairs of outcomes by kind, ``different`` says of which cases they differ and how."""

    outcomes: dict[str, int] = field(default_factory=dict)
    different: list[str] = field(default_factory=list)
    reached: dict[str, int] = field(default_factory=dict)
    unavailable: dict[str, str] = field(default_factory=dict)


def check(target: str, sources: tuple[str, ...], count: int, seed: int, jobs: int) -> Check:
    """Run generated cases through a target twice, in workers that watch and in others that do not.

    Raises:
        TargetError: the target is unknown or not installed.
        UsageError: a source has a wrong name, or none of them belongs to the target.
    """
    targets = find_targets((target,))
    system = targets[target]
    coverage = chosen([system.family], sources)
    found = Check()
    with tempfile.TemporaryDirectory(prefix="misfold-") as scratch:
        watching = Servers(targets, Path(scratch) / "watching", Limits(seconds=SECONDS), coverage)
        plain = Servers(targets, Path(scratch) / "plain", Limits(seconds=SECONDS))
        reached = Counting()

        def work(pair: _Pair, case: Case) -> tuple[Outcome, Outcome]:
            pipeline = system.pipelines()[0]
            return pair.watching.run(case, target, pipeline), pair.plain.run(case, target, pipeline)

        def take(case: Case, outcomes: tuple[Outcome, Outcome]) -> None:
            watched, free = outcomes
            found.outcomes[free.kind] = found.outcomes.get(free.kind, 0) + 1
            words = difference(watched, free)
            if words:
                found.different.append(f"case {case.about.get('index')}: {words}")

        def caller() -> _Pair:
            return _Pair(
                Examiner(watching.servers, targets, watching.scratch, SECONDS, reached),  # type: ignore[arg-type]
                Examiner(plain.servers, targets, plain.scratch, SECONDS),
            )

        both = _Both(watching, plain)
        both.start()
        try:
            cases = _cases(plain, targets, target, count, seed)
        except BaseException:
            both.close()
            raise
        spread(cases, jobs, both, caller, work, take)
        found.reached, found.unavailable = reached.totals(), reached.unavailable
    return found


def difference(watched: Outcome, free: Outcome) -> str:
    """How two outcomes differ in what they say of the code under test (times aside), or nothing."""
    if watched.kind != free.kind:
        return f"{watched.kind} with coverage, {free.kind} without"
    if watched.values != free.values:
        return "other values"
    a, b = watched.failure, free.failure
    if a is not None and b is not None and (a.type, a.normal_message) != (b.type, b.normal_message):
        return f"{a.type}: {a.message[:200]} with coverage, {b.type}: {b.message[:200]} without"
    return ""


class Counting(Reached):
    """Counts what is reached and keeps nothing."""

    def __init__(self) -> None:
        self.unavailable: dict[str, str] = {}
        self._found: dict[str, set[int]] = {}

    def add(self, answer: Any) -> dict[str, list[int]]:
        import numpy as np

        self.unavailable.update(answer.get("no_coverage", {}))
        for name, part in answer.get("coverage", {}).items():
            self._found.setdefault(name, set()).update(np.frombuffer(part["points"], np.uint32).tolist())
        return {}

    def totals(self) -> dict[str, int]:
        return {name: len(points) for name, points in self._found.items()}


@dataclass
class _Pair:
    watching: Examiner
    plain: Examiner

    def close(self) -> None:
        self.watching.close()
        self.plain.close()


class _Both:
    def __init__(self, *servers: Servers):
        self.servers = servers

    def start(self) -> None:
        for one in self.servers:
            one.start()

    def close(self) -> None:
        for one in self.servers:
            one.close()


def _cases(servers: Servers, targets: Any, target: str, count: int, seed: int) -> list[Case]:
    """Generated cases that eager runs."""
    examiner = Examiner(servers.servers, targets, servers.scratch, SECONDS)
    cases: list[Case] = []
    try:
        for first in range(0, count, 20):
            request = {
                "seed": seed, "indices": list(range(first, min(first + 20, count))), "options": json.dumps(OPTIONS),
                "only": {"target": target, "versions": dict(targets[target].versions())},
            }  # fmt: skip
            answer = examiner.call(REFERENCE, "misfold.fuzz.produce:make", request, SECONDS)
            for item in (answer.data or {"items": []})["items"]:
                cases.append(parse_case(item["text"]))
    finally:
        examiner.close()
    return cases
