"""Real campaigns against the compiler with faults, and what came of them."""

from __future__ import annotations

import os
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from misfold.fuzz.campaign import Runner, Servers
from misfold.fuzz.coverage.sources import chosen
from misfold.fuzz.kernels.campaign import MAKING, KernelRunner
from misfold.fuzz.settings import Settings
from misfold.fuzz.store import Finding, OutcomeRow, Store
from misfold.generators.support import Support
from misfold.targets.isolation.limits import Limits
from misfold.targets.kernels import running as kernel_running

from . import workers
from .targets import registered, target_name
from .truth import FAULTS, faults_of, ground_truth
from .witnesses import warm_up

#: The compiler without a fault, beside those with one: whatever is found in it is a false alarm, or a bug of its own.
CONTROL = "misfold"
#: Seconds that findings may be confirmed for after the time is over.
GRACE = 30.0
#: Findings of one campaign that are examined for the fault they are of: each takes some runs.
MOST_EXAMINED = 200

#: What differs from the usual settings, by the name of a configuration.
GRAPHS: Mapping[str, Mapping[str, Any]] = {
    "usual": {},
    "coverage": {"coverage": ("auto",)},
    "exact-only": {"generator": {"exact": 1.0}},
    "no-exact": {"generator": {"exact": 0.0}},
    "no-gradients": {"generator": {"gradient": 0.0}},
    "default-pipeline": {"default_pipeline_share": 1.0},
}
KERNELS: Mapping[str, Mapping[str, Any]] = {
    "guided": {"coverage": ("auto",)},
    "unguided": {"loop": {"guided": False}},
    "generated": {"loop": {"guided": False, "programs": False, "pipelines": False}},
    "programs-only": {"coverage": ("auto",), "loop": {"pipelines": False}},
}


class _Together:
    """A runner whose fork server for the compiler has faults on."""

    preload: str

    def open(self: Any) -> None:
        super().open()  # type: ignore[misc]
        # Findings say which faults were on.
        self.versions = {**self.versions, FAULTS: os.environ[workers.VARIABLE]}

    def make_servers(self: Any, limits: Limits) -> Servers:
        coverage = chosen({target.family for target in self.targets.values()}, self.settings.coverage)
        more = {"preload": self.preload}
        if self.settings.kernels:
            more |= {"variable": kernel_running.TARGETS, "making": MAKING}
        return Servers(self.targets, self.folder, limits, coverage, **more)


class FaultyRunner(Runner):
    """Knows what the compiler's faulty variants take: what it takes itself."""

    def _support(self) -> dict[str, Support]:
        table = Support.load(CONTROL, self.targets[CONTROL].versions()) if CONTROL in self.targets else None
        return {} if table is None else dict.fromkeys(self.targets, table)


class TogetherRunner(_Together, FaultyRunner):
    """Graphs against the compiler with several faults."""

    preload = workers.GRAPHS


class KernelTogetherRunner(_Together, KernelRunner):
    """Kernels against the compiler with several faults."""

    preload = workers.KERNELS


def run(
    faults: Sequence[str],
    seconds: float,
    overrides: Mapping[str, Any],
    *,
    kernels: bool = False,
    together: bool = False,
    seed: int = 1,
    jobs: int = 2,
) -> dict[str, Any]:
    """One campaign, as data.

    Args:
        faults: one target instance for each, and the compiler without a fault beside them; with ``together`` one
            target that has them all.
        overrides: fields of ``Settings``.
    """
    targets = (CONTROL,) if together else (CONTROL, *map(target_name, faults))
    settings = Settings(
        **{"seed": seed, "targets": targets, "time": seconds, "jobs": jobs, "kernels": kernels, **overrides}
    )
    if together:
        kind: Any = KernelTogetherRunner if kernels else TogetherRunner
    else:
        kind = KernelRunner if kernels else FaultyRunner
    with tempfile.TemporaryDirectory(prefix="misfold-") as folder, registered(), _switched(faults if together else ()):
        path = Path(folder) / "campaign"
        kind(path, settings, grace=GRACE).run(lambda _: None)
        store = Store(path)
        try:
            return _summary(store, faults, kernels, together)
        finally:
            store.close()


@contextmanager
def _switched(faults: Sequence[str]) -> Iterator[None]:
    """Fork servers started meanwhile have these faults."""
    os.environ[workers.VARIABLE] = ",".join(faults)
    try:
        yield
    finally:
        del os.environ[workers.VARIABLE]


def _summary(store: Store, faults: Sequence[str], kernels: bool, together: bool) -> dict[str, Any]:
    campaign = store.campaign()
    assert campaign is not None
    findings, bugs = store.findings(), store.bugs()
    warm_up(not kernels)
    confirmed = [one for one in findings if one.status == "confirmed"][:MOST_EXAMINED]
    labels: dict[int, tuple[str, ...]] = {}
    unexplained = []
    for one in confirmed:
        truth = ground_truth(one)
        labels[one.id] = truth.faults
        if truth.without or not truth.reproduced or not truth.faults:
            unexplained.append(_described(one, "fails without a fault too" if truth.without else "not reproduced"))
    alarms = [
        _described(one, one.status)
        for one in findings
        if not together and one.target == CONTROL and one.status != "new"
    ]
    first = _first(confirmed, labels)
    found = {
        name: {
            "seconds": round(one.at - campaign.started, 1),
            "case": one.index + 1,
            "cases": _cases(store, one, kernels),
            "kind": one.kind,
            "oracle": one.oracle,
        }
        for name, one in sorted(first.items(), key=lambda item: item[1].at)
    }
    seen = set() if together else {name for one in findings for name in faults_of(one)}
    buckets: dict[str, set[int]] = defaultdict(set)
    mixed: dict[int, set[str]] = defaultdict(set)
    for one in confirmed:
        for name in labels[one.id]:
            buckets[name].add(one.bug_id or -one.id)
        if one.bug_id is not None:
            mixed[one.bug_id].update(labels[one.id])
    return {
        "cases": store.number_of_cases(campaign),
        "seconds": round(campaign.seconds, 1),
        "faults": len(faults),
        "found": len(found),
        "found_over_time": [[row["seconds"], number] for number, row in enumerate(found.values(), 1)],
        "detections": found,
        "seen_only": sorted(seen - set(found)),
        "missed": sorted(set(faults) - set(found) - seen),
        "false_alarms": alarms,
        "unexplained": unexplained,
        "findings": {status: sum(one.status == status for one in findings) for status in {f.status for f in findings}},
        "buckets": len(bugs),
        "buckets_per_fault": {name: len(ids) for name, ids in sorted(buckets.items())},
        "buckets_of_several_faults": sum(len(names) > 1 for names in mixed.values()),
        "examined": len(confirmed),
    }


def _first(confirmed: Sequence[Finding], labels: Mapping[int, tuple[str, ...]]) -> dict[str, Finding]:
    first: dict[str, Finding] = {}
    for one in sorted(confirmed, key=lambda finding: finding.at):
        # A case that shows several faults at once says of none that it was found.
        if len(labels[one.id]) == 1:
            first.setdefault(labels[one.id][0], one)
    return first


def _cases(store: Store, finding: Finding, kernels: bool) -> int:
    """How many cases the target had been given when a finding came up. (Of kernels each goes to one target.)"""
    if not kernels:
        return finding.index + 1
    with store.session() as session:
        query = (
            select(func.count())
            .select_from(OutcomeRow)
            .where(OutcomeRow.target == finding.target, OutcomeRow.index < finding.index)
        )
        return 1 + (session.scalar(query) or 0)


def _described(finding: Finding, why: str) -> dict[str, Any]:
    return {
        "target": finding.target,
        "pipeline": finding.pipeline,
        "kind": finding.kind,
        "oracle": finding.oracle,
        "verdict": finding.verdict,
        "why": why,
        "explanation": finding.explanation[:300],
        "text": finding.reduced or finding.text,
    }
