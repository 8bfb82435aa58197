"""Distilling a campaign's corpus: every entry is run again by itself; what others reach as well is put aside."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from misfold.corpus.distil import cover, shrink, unique
from misfold.programs.case import parse_case
from misfold.programs.errors import StoreError
from misfold.programs.kernel_tvmscript import parse_any_kernel
from misfold.programs.pipeline import Pipeline
from misfold.targets.isolation.limits import Limits

from .campaign import Servers, find_targets
from .coverage.sources import watched
from .examine import Examiner
from .graphs.evolving import Space
from .joint import rows
from .joint.corpus import Entry
from .settings import Settings
from .spreading import spread
from .store import Campaign, Store

Point = tuple[str, int]


class All:
    """Stands for a campaign's ``Reached``: whatever a worker reaches is new."""

    def __init__(self) -> None:
        self.unavailable: dict[str, str] = {}

    def add(self, answer: Mapping[str, Any]) -> dict[str, list[int]]:
        """The points in a worker's answer, by source."""
        self.unavailable.update(answer.get("no_coverage", {}))
        parts = answer.get("coverage", {})
        return {name: np.frombuffer(part["points"], np.uint32).tolist() for name, part in parts.items()}


@dataclass(frozen=True)
class Distilled:
    """What came of it. ``points`` and ``kept_points`` are how many points all entries reach, and the kept ones."""

    entries: int
    kept: tuple[Entry, ...]
    points: int
    kept_points: int
    #: Steps of pipelines (passes, or changes to the default) before and after.
    steps: int
    kept_steps: int
    unavailable: Mapping[str, str]


def distil(
    store: Store, campaign: Campaign, jobs: int, seconds: float | None, progress: Callable[[str, int, int], None]
) -> Distilled:
    """Distil the corpus of a campaign that is not running, and mark in its store what was put aside.

    Raises:
        StoreError: there is no corpus, no coverage works here, or the store cannot be written.
    """
    settings = Settings.from_data(campaign.settings)
    entries, _ = rows.load(store, campaign)
    if not entries:
        raise StoreError(f"{store.folder}: this campaign has no corpus; coverage makes one: misfold run --time 10m")
    limit = seconds or settings.case_seconds
    everything = All()
    reached: dict[int, frozenset[Point]] = {}

    with _laboratory(settings, limit, everything) as (servers, examiner, targets):

        def measure(own: Examiner, place: int) -> frozenset[Point]:
            entry = entries[place]
            return run(own, entry, _pipeline(settings, entry), settings)

        def take(place: int, found: frozenset[Point]) -> None:
            reached[place] = found
            progress("measured", len(reached), len(entries))

        spread(range(len(entries)), jobs, servers, examiner, measure, take)
    if not any(reached.values()):
        why = "; ".join(f"{name}: {reason}" for name, reason in everything.unavailable.items()) or "nothing is watched"
        raise StoreError(f"{store.folder}: no coverage works here ({why})")
    before = frozenset().union(*reached.values())
    places = cover([(len(entries[place].text), reached[place]) for place in range(len(entries))])
    kept = [entries[place] for place in places]
    sets: list[frozenset[Point]] = [reached[place] for place in places]
    steps = kept_steps = 0
    if settings.kernels or any(_items(settings, targets, entry) for entry in kept):
        with _laboratory(settings, limit, everything) as (servers, examiner, targets):
            servers.start()
            try:
                own = examiner()
                for place, entry in enumerate(kept):
                    items = _items(settings, targets, entry)
                    steps += len(items)
                    kept[place], sets[place], left = _shrunk(own, settings, targets, entry, sets, place, items)
                    kept_steps += left
                    progress("shrunk", place + 1, len(kept))
                own.close()
            finally:
                servers.close()
    earned = [tuple(sorted(unique(sets, place))) for place in range(len(kept))]
    final = [replace(entry, earned=points or entry.earned) for entry, points in zip(kept, earned, strict=True)]
    rows.keep_only(store, campaign, final)
    after = frozenset().union(*sets)
    return Distilled(
        len(entries), tuple(final), len(before), len(before & after), steps, kept_steps, everything.unavailable
    )


def run(examiner: Examiner, entry: Entry, pipeline: Pipeline, settings: Settings) -> frozenset[Point]:
    """What an entry reaches in a fresh worker of its target."""
    case: Any = parse_any_kernel(entry.text) if settings.kernels else parse_case(entry.text)
    examiner.new = {}
    examiner.run(case, entry.target, pipeline, fresh=True)
    return frozenset((source, point) for source, points in examiner.new.items() for point in points)


def _shrunk(
    own: Examiner,
    settings: Settings,
    targets: Mapping[str, Any],
    entry: Entry,
    sets: Sequence[frozenset[Point]],
    place: int,
    items: Sequence[Any],
) -> tuple[Entry, frozenset[Point], int]:
    """The entry with the steps of its pipeline that it takes to reach what only it does; with what that reaches."""
    if not items:
        return entry, sets[place], 0
    wanted = unique(sets, place)
    best = {"reached": sets[place]}

    def keeps(part: Sequence[Any]) -> bool:
        found = run(own, entry, _with(settings, targets, entry, part), settings)
        if not wanted <= found:
            return False
        best["reached"] = found
        return True

    left = shrink(items, keeps)
    if len(left) == len(items):
        return entry, sets[place], len(items)
    data = _with(settings, targets, entry, left).to_data()
    pipeline: dict[str, Any] = data if settings.kernels else {**entry.pipeline, entry.target: data}
    return replace(entry, pipeline=pipeline), best["reached"], len(left)


def _pipeline(settings: Settings, entry: Entry) -> Pipeline:
    data: Any = entry.pipeline if settings.kernels else entry.pipeline[entry.target]
    return Pipeline.from_data(data)


def _items(settings: Settings, targets: Mapping[str, Any], entry: Entry) -> list[Any]:
    """What a pipeline can do without: the passes of a kernel's, how a graph's differs from the default."""
    pipeline = _pipeline(settings, entry)
    if settings.kernels:
        return list(pipeline.passes or ())
    return list(Space.of(targets[entry.target].pipelines()).changes(pipeline).items())


def _with(settings: Settings, targets: Mapping[str, Any], entry: Entry, items: Sequence[Any]) -> Pipeline:
    if settings.kernels:
        return replace(_pipeline(settings, entry), passes=tuple(items))
    return Space.of(targets[entry.target].pipelines()).pipeline(dict(items))


@contextmanager
def _laboratory(settings: Settings, seconds: float, everything: All) -> Iterator[tuple[Servers, Any, dict[str, Any]]]:
    """Servers that are not started, what makes an examiner on them, and the targets."""
    limits = Limits(seconds=seconds, memory=settings.memory)
    coverage_of = settings.coverage or ("auto",)
    with tempfile.TemporaryDirectory(prefix="misfold-") as scratch:
        folder = Path(scratch)
        targets: dict[str, Any]
        kind: type[Examiner] = Examiner
        if settings.kernels:
            from .kernels.campaign import find_kernel_targets, kernel_servers
            from .kernels.examine import KernelExaminer

            targets, kind = find_kernel_targets(settings.targets), KernelExaminer
            # Nothing is interpreted here: entries were judged when they were kept.
            servers = kernel_servers(targets, folder, limits, watched(targets.values(), coverage_of), scripts=False)
        else:
            targets = dict(find_targets(settings.targets))
            servers = Servers(targets, folder, limits, watched(targets.values(), coverage_of))
        yield servers, lambda: kind(servers.servers, targets, folder / "targets", seconds, everything), targets
