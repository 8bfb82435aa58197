"""A lane: one thread that takes blocks of cases through generation, all targets, verdicts and the store."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from misfold.generators.support import Support
from misfold.oracles.agreement import agreement
from misfold.oracles.reference import Reference
from misfold.oracles.verdict import Verdict
from misfold.programs.case import Case, merge_cases, parse_case
from misfold.programs.pipeline import Pipeline
from misfold.targets.outcome import Failure, Outcome

from . import spending
from .batch import run_merged
from .blocks import parts_of
from .examine import BAD, REFERENCE, REFERRED, Examiner
from .investigate import Investigator
from .papers import write_papers
from .pending import Pending
from .relating import chosen, failing_variant
from .settings import Settings
from .store import Campaign, Store
from .tally import Tally

Item = TypeVar("Item", covariant=True)


class _Queue(Protocol[Item]):
    def popleft(self) -> Item: ...


@dataclass
class Made:
    """A case as it came from the generator. Its reference is there once something had to be judged by it."""

    index: int
    case: Case
    eager: Outcome
    reference: Reference | None = None
    referred: bool = False


# What is said of a case that a target is known not to take: nothing was run, nothing is wrong.
_NOT_TAKEN = Verdict("ok", "support", "")


def _take(queue: _Queue[Item]) -> Item | None:
    """The first of a queue that lanes share, or None."""
    try:
        return queue.popleft()
    except IndexError:
        return None


class Stopped(Exception):
    """The campaign was asked to stop before the block was finished; the block does not count."""


class Triage:
    """The part of a lane's work that settles findings and writes bugs' papers. Lanes share the queues."""

    def __init__(self, investigator: Investigator, tally: Tally, pending: Pending):
        self.investigator, self.tally, self.pending = investigator, tally, pending

    def triage(self, share: float, once: bool = False) -> None:
        """Write bugs' papers and investigate pending findings, while this has had less than ``share`` of the time."""
        while self.tally.share("triage") < share:
            # Papers are written once per bug, and take seconds where an investigation takes a minute: what is known to
            # be a bug is finished first.
            bug = _take(self.investigator.unwritten)
            finding = _take(self.pending) if bug is None else None
            if finding is None and bug is None:
                return
            start = time.perf_counter()
            try:
                if finding is not None:
                    status = self.investigator.investigate(finding)
                    if status != "new":  # or else the campaign stopped in the middle of it
                        self.tally.count_finding(status)
                    while self.investigator.met:
                        self.pending.append(self.investigator.met.popleft())
                elif bug is not None:
                    write_papers(self.investigator, bug)
            finally:
                self.tally.spend("triage", time.perf_counter() - start)
            if once:
                return


class Lane(Triage):
    """Works on blocks until told to stop."""

    #: The service that makes cases.
    MAKE = "misfold.fuzz.produce:make"

    def __init__(
        self,
        settings: Settings,
        store: Store,
        campaign: Campaign,
        examiner: Examiner,
        investigator: Investigator,
        support: Mapping[str, Support],
        tally: Tally,
        pending: Pending,
        stopping: Callable[[], bool],
    ):
        super().__init__(investigator, tally, pending)
        self.settings, self.store, self.campaign = settings, store, campaign
        self.examiner, self.support, self.stopping = examiner, support, stopping
        self._options = json.dumps(settings.generator, sort_keys=True)
        self._spent: list[dict[str, Any] | None] = []

    def block(self, number: int, limit: int | None, made: int = 0) -> None:
        """Make and judge the cases of a block (those below index ``limit``, behind the ``made`` first ones) and commit
        it.

        Raises:
            Stopped: the campaign is to stop; nothing but findings has been committed.
            StoreError: the store cannot be written.
        """
        rows: list[dict[str, Any]] = []
        outcomes: list[dict[str, Any]] = []
        for part in parts_of(number, limit, made):
            due = self.due()
            cases, rows_of_part = self._part(number, part, due)
            for target in filter(due.__contains__, self.order(number)):
                outcomes += self._target(target, [item for item in cases if self._wanted(target, item)])
            rows += self._ended(cases, rows_of_part)
        start = time.perf_counter()
        self.store.finish_block(self.campaign, number, rows, outcomes)
        self._save()
        self.tally.spend("store", time.perf_counter() - start)

    def _part(self, number: int, part: Sequence[int], due: frozenset[str]) -> tuple[list[Made], list[dict[str, Any]]]:
        """The cases of a part of a block, which runs on the targets ``due``, and their rows."""
        only = self._only(number)
        made, rows = self._make([{"index": index, "only": only} for index in part])
        self.tally.count_cases(len(made), len(part) - len(made))
        return made, rows

    def _wanted(self, target: str, item: Made) -> bool:
        """Whether a case runs on a target at all."""
        return True

    def _ended(self, made: Sequence[Made], rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The rows of a part's cases once it has run on all targets."""
        return rows

    def _save(self) -> None:
        """Keep what goes with a block that has been committed."""
        spent, self._spent = self._spent, []
        spending.save(self.store, self.campaign, spent)

    def order(self, number: int) -> tuple[str, ...]:
        """The targets in the order in which a block runs them: each comes first in turn, so that one that takes long
        does not keep all lanes from the others."""
        first = number % len(self.settings.targets)
        return self.settings.targets[first:] + self.settings.targets[:first]

    def due(self) -> frozenset[str]:
        """The targets that the next part of a block runs on: all, unless they are to have the same time and some are
        ahead of the others."""
        return self.tally.due() if self.settings.even else frozenset(self.settings.targets)

    def _only(self, number: int) -> dict[str, Any] | None:
        # Blocks take turns: each favours the operators of one target, so that narrow targets see long programs too.
        support = self.support.get(self.settings.targets[number % len(self.settings.targets)])
        return None if support is None else {"target": support.target, "versions": dict(support.versions)}

    def _check(self) -> None:
        if self.stopping():
            raise Stopped

    def _make(self, plans: Sequence[dict[str, Any]]) -> tuple[list[Made], list[dict[str, Any]]]:
        """Cases and their rows. One whose making kills the worker is tried alone, then kept as a note."""
        self._check()
        start = time.perf_counter()
        request = {"seed": self.settings.seed, "plans": list(plans), "options": self._options}
        seconds = self.settings.making_seconds(len(plans))
        answer = self.examiner.call(REFERENCE, self.MAKE, request, seconds)
        if answer.data is None:
            if len(plans) == 1:
                failure = answer.death or Failure("unknown", "the worker gave no answer")
                note = (
                    f"making the case failed: {failure.type}: {failure.message[:300]} {' '.join(failure.frames[-3:])}"
                )
                return [], [_nothing(plans[0]["index"], note)]
            made, rows = [], []
            for plan in plans:
                one, row_of_one = self._make([plan])
                made += one
                rows += row_of_one
            return made, rows
        made, rows, eager_seconds = [], [], 0.0
        for item in answer.data["items"]:
            if "text" not in item:
                rows.append(_nothing(item["index"], item["note"]))
                continue
            case = parse_case(item["text"])
            eager = Outcome.from_data(item["eager"])
            eager_seconds += item["seconds"]["eager"]
            note = (
                ""
                if eager.kind == "values"
                else f"eager: {eager.kind}: {eager.failure and eager.failure.message[:300]}"
            )
            rows.append(self._row_of_case(item, case, note))
            if eager.kind == "values":
                made.append(Made(item["index"], case, eager))
        self.tally.spend("target", eager_seconds)
        self.tally.spend("generate", time.perf_counter() - start - eager_seconds)
        return made, rows

    def _row_of_case(self, item: Mapping[str, Any], case: Case, note: str) -> dict[str, Any]:
        return {
            "index": item["index"], "hash": case.hash, "nodes": len(case.graph.nodes),
            "exact": case.exact, "gradient": case.gradient, "note": note,
        }  # fmt: skip

    def _pipeline(self, target: str, batch: Sequence[Made]) -> Pipeline:
        """The pipeline of a group of cases: the default or another one, decided by the campaign's seed."""
        pipelines = list(self.examiner.targets[target].pipelines())
        wanted = [item for item in pipelines if not self.settings.pipelines or item.name in self.settings.pipelines]
        pipelines = wanted or pipelines
        choice = random.Random(f"{self.settings.seed}/{batch[0].index}/{target}")
        if len(pipelines) == 1 or choice.random() < self.settings.default_pipeline_share:
            return pipelines[0]
        return choice.choice(pipelines[1:])

    def _target(self, target: str, made: Sequence[Made]) -> list[dict[str, Any]]:
        """Rows of one target's outcomes for the block, in groups that are compiled as one where that pays."""
        system = self.examiner.targets[target]
        rows: list[dict[str, Any]] = []
        support = self.support.get(target)
        takes: list[Made] = []
        for item in made:
            missing = None if support is None else support.refused(item.case.graph)
            issue = None if missing is not None else self.investigator.knowledge.spare(target, item.case.graph)
            if issue is not None:
                outcome = Outcome("rejected", failure=Failure("known-issue", issue.title))
                rows.append(self._row(target, "-", item, outcome, "ok"))
                self.tally.count(target, outcome, _NOT_TAKEN)
            elif missing is None:
                takes.append(item)
            else:
                outcome = Outcome(
                    "rejected", failure=Failure("unsupported", f"{missing} is not supported", operator=missing)
                )
                rows.append(self._row(target, "-", item, outcome, "ok"))
                self.tally.count(target, outcome, _NOT_TAKEN)
        groups: dict[bool, list[Made]] = {}
        batches: list[list[Made]] = []
        for item in takes:
            if support is not None and support.fails(item.case.graph):
                # It holds a call that is known to fail by itself: in company it would only spoil the rest.
                batches.append([item])
            else:
                groups.setdefault(item.case.gradient and system.gradients, []).append(item)
        for _, members in sorted(groups.items()):
            batches += [members[start : start + system.batch] for start in range(0, len(members), system.batch)]
        for batch in batches:
            # A block may take minutes: what was found is looked into as soon as it has been seen.
            self.triage(self.settings.triage_share, once=True)
            rows += self._group(target, self._pipeline(target, batch), batch)
        return rows

    def _group(self, target: str, pipeline: Pipeline, group: Sequence[Made]) -> list[dict[str, Any]]:
        self._check()
        start, inside = time.perf_counter(), self.examiner.in_target

        def run(case: Case, members: Sequence[Case]) -> Outcome:
            self._check()
            outcome = self._run(case, target, pipeline, len(members))
            self._ran(target, members, outcome)
            return outcome

        merged = run_merged([item.case for item in group], run, self.examiner.targets[target].gradients)
        bad: list[tuple[Case, int, Outcome, Verdict]] = []
        rows = []
        for item, (outcome, shared) in zip(group, merged.outcomes, strict=True):
            verdict = self._judge(item, target, outcome)
            if shared and verdict.kind in BAD:
                whole = outcome, verdict
                outcome = run(item.case, [item.case])
                verdict = self._judge(item, target, outcome)
                if verdict.kind not in BAD and not bad:
                    # Wrong only in company: the merged case is the finding.
                    bad.append((merge_cases([other.case for other in group]), item.index, *whole))
            if verdict.kind in BAD and self.examiner.targets[target].screens:
                outcome = self.examiner.run(item.case, target, pipeline)
                verdict = self._judge(item, target, outcome)
            self.tally.count(target, outcome, verdict)
            rows.append(self._row(target, pipeline.name, item, outcome, verdict.kind))
            if verdict.kind in BAD:
                bad.append((item.case, item.index, outcome, verdict))
        for case, outcome in merged.odd:
            eager, reference = self.examiner.refer(case)
            verdict = self.examiner.judge(case, target, eager, reference, outcome)
            if verdict.kind in BAD:
                bad.append((case, group[0].index, outcome, verdict))
        bad += self._variants(target, pipeline, group, {id(case) for case, *_ in bad})
        inside = self.examiner.in_target - inside
        spent = time.perf_counter() - start
        self.tally.spend("target", inside)
        self.tally.spend("judge", spent - inside)
        self.tally.spend_on(target, spent)
        for case, index, outcome, verdict in bad:
            finding = self.investigator.report(case, index, target, pipeline, outcome, verdict)
            if finding is not None:
                self.pending.append(finding)
        return rows

    def _judge(self, item: Made, target: str, outcome: Outcome) -> Verdict:
        """The verdict on an outcome; the reference is evaluated if there is something that it can decide."""
        same = agreement(item.case, item.eager, outcome, aliases=self.examiner.targets[target].aliases)
        if same is not None:
            return same
        if outcome.kind in REFERRED and not item.referred:
            item.referred = True
            _, item.reference = self.examiner.refer(item.case)
        return self.examiner.judge(item.case, target, item.eager, item.reference, outcome)

    def _variants(
        self, target: str, pipeline: Pipeline, group: Sequence[Made], bad: set[int]
    ) -> list[tuple[Case, int, Outcome, Verdict]]:
        """Equivalent programs of a share of the cases that are not bad themselves, those that are."""
        found = []
        seed = self.settings.seed
        for item in group:
            if id(item.case) in bad or not chosen(seed, item.index, target, self.settings.relations):
                continue
            self._check()
            failing = failing_variant(self.examiner, item.case, target, pipeline, seed + item.index)
            if failing is not None:
                case, outcome, verdict = failing
                found.append((case, item.index, outcome, verdict))
        return found

    def _run(self, case: Case, target: str, pipeline: Pipeline, weight: int) -> Outcome:
        screening = self.examiner.targets[target].screens
        return self.examiner.run(case, target, pipeline, weight=weight, screening=screening)

    def _ran(self, target: str, members: Sequence[Case], outcome: Outcome) -> None:
        """Called after each run of a case, which may be the merged one of several."""

    def _row(self, target: str, pipeline: str, item: Made, outcome: Outcome, verdict: str) -> dict[str, Any]:
        failure = outcome.failure
        self._spent.append(spending.row(item.index, target, pipeline, outcome))
        return {
            "index": item.index, "target": target, "pipeline": pipeline, "kind": outcome.kind, "verdict": verdict,
            "seconds": outcome.seconds.get("total", 0.0),
            "note": "" if failure is None else f"{failure.type}: {failure.message[:200]}",
        }  # fmt: skip


def _nothing(index: int, note: str) -> dict[str, Any]:
    """The row of a case that there is not."""
    return {"index": index, "hash": "", "nodes": 0, "exact": False, "gradient": False, "note": note}
