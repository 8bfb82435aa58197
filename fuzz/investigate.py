"""From a bad verdict to a bug: commit, confirm in fresh processes, gather evidence, reduce, name, file."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from misfold.oracles.verdict import Verdict
from misfold.programs.case import Case, parse_case
from misfold.programs.errors import StoreError
from misfold.programs.files import write_case
from misfold.programs.pipeline import Pipeline
from misfold.targets.outcome import Failure, Outcome
from misfold.triage.reduce.driver import reduce_case
from misfold.triage.script import describe, export_script, run_script
from misfold.triage.signature import SPOKEN, error_signature, node_patterns, silent_signature, title

from .examine import Examination, Examiner
from .store import Bug, Campaign, Finding, Store

#: Folder below the campaign's that holds each bug's script (``B1.py``) and case file (``B1.case.py``).
BUGS = "bugs"
# Every finding has to fail this many times out of as many, each in a fresh process.
CONFIRMATIONS = 3
# A wrong value that no bound proves is only a finding if it shows on most of these other inputs as well.
OTHER_INPUTS = 3
OTHER_INPUTS_NEEDED = 2
# A bug with this many confirmed findings is established: one more is counted and kept, but not investigated again. A
# failure that names itself needs one; where only operators say that it looks alike, more are looked into.
ESTABLISHED_SPOKEN, ESTABLISHED_SILENT = 1, 3
# Tests that a reduction may spend: a ten-operator graph needs about 15. A hang costs the whole time limit for each, so
# that time is bounded too: by this many limits.
REDUCTION_TESTS = 40
REDUCTION_LIMITS = 5


class Investigator:
    """Investigates findings of one lane: those of Graph programs. What depends on the kind of program is in the methods
    at the end, for other kinds to override.
    """

    def __init__(
        self,
        store: Store,
        campaign: Campaign,
        examiner: Examiner,
        versions: dict[str, Any],
        clock: Callable[[], float],
        unverified: deque[Bug],
        stopping: Callable[[], bool] = lambda: False,
    ):
        self.store, self.campaign, self.examiner = store, campaign, examiner
        self.versions, self.clock, self.stopping = versions, clock, stopping
        #: Bugs whose script has not been run by itself yet.
        self.unverified = unverified

    def report(
        self, case: Any, index: int, target: str, pipeline: Pipeline, outcome: Outcome, verdict: Verdict
    ) -> Finding | None:
        """Commit a finding; None if the same one was committed and settled before."""
        finding, fresh = self.store.add_finding(
            self.campaign,
            index=index,
            target=target,
            pipeline=pipeline.name,
            kind=outcome.kind,
            verdict=verdict.kind,
            oracle=verdict.oracle,
            explanation=verdict.explanation,
            failure=None if outcome.failure is None else asdict(outcome.failure),
            text=replace(case, pipelines={target: pipeline}).text,
            versions=self.versions,
            at=self.clock(),
        )
        return finding if fresh or finding.status == "new" else None

    def investigate(self, finding: Finding) -> str:
        """Confirm a committed finding, then file it under a bug or put it aside; the status it got."""
        target = finding.target
        case = self.parse(finding.text)
        pipeline = case.pipelines[target]
        own = self.examiner.targets[target].own_modules
        failure = None if finding.failure is None else Failure(**finding.failure)
        if failure is not None and finding.kind in SPOKEN:
            bug = self.store.bug_of_signature(error_signature(target, finding.kind, failure, own))
            enough = ESTABLISHED_SPOKEN
        else:
            # Looking into a hang takes minutes; one more that looks alike can wait for a person.
            enough = ESTABLISHED_SPOKEN if finding.kind == "hang" else ESTABLISHED_SILENT
            bug = self.store.bug_within(target, finding.kind, self.patterns(case))
        if bug is not None and self.store.count_findings(bug, "confirmed") >= enough:
            why = f"not investigated: looks like B{bug.id}, which is confirmed"
            self.store.file_under_bug(finding, bug.signature, bug.title, self.clock())
            return self._settle(finding, status="duplicate", evidence=[{"what": why}])
        first, evidence = self.confirm(case, target, pipeline)
        if first is None:
            return self._settle(finding, status="flaky", evidence=evidence)
        if first.verdict.kind == "suspect" and not self.supported(case, first, evidence):
            return self._settle(finding, status="suspect", evidence=evidence)
        reduced = self.reduce(first)
        verdict, outcome = reduced.verdict, reduced.outcome
        if outcome.failure is not None and outcome.kind in SPOKEN:
            signature = error_signature(target, outcome.kind, outcome.failure, own)
        else:
            signature = self.silent_signature(reduced)
        name = self.title(reduced)
        status = self._settle(
            finding,
            status="confirmed",
            evidence=evidence,
            reduced=reduced.case.text,
            verdict=verdict.kind,
            explanation=verdict.explanation,
        )
        bug, new = self.store.file_under_bug(finding, signature, name, self.clock(), self.patterns(reduced.case))
        if new:
            self.write_files(bug, reduced)
            self.unverified.append(bug)
        return status

    def verify(self, bug: Bug) -> None:
        """Run a bug's script by itself in a fresh interpreter, and keep what came of it."""
        script = self.store.folder / BUGS / f"B{bug.id}.py"
        if script.is_file():
            self.store.set_script(bug, run_script(script.read_text(encoding="utf-8"), self.examiner.folder))

    def write_files(self, bug: Bug, reduced: Examination) -> None:
        """Write a bug's reduced case and its standalone script into the campaign's folder.

        Raises:
            StoreError: they cannot be written.
        """
        heading = describe(
            bug.title,
            bug.target,
            reduced.pipeline.name,
            reduced.verdict.kind,
            reduced.verdict.explanation,
            self.versions,
        )
        script = self.script(reduced, heading)
        folder = self.store.folder / BUGS
        try:
            folder.mkdir(exist_ok=True)
            (folder / f"B{bug.id}.py").write_text(script, encoding="utf-8")
        except OSError as error:
            raise StoreError(f"{folder}: cannot be written: {error.strerror}") from error
        self.write_case(reduced.case, folder / f"B{bug.id}")

    def _settle(self, finding: Finding, *, status: str, **columns: Any) -> str:
        self.store.settle_finding(finding, status=status, **columns)
        return status

    def confirm(self, case: Any, target: str, pipeline: Pipeline) -> tuple[Examination | None, list[Any]]:
        """Examine the case anew in fresh processes; None unless it fails in the same way every time."""
        examinations = []
        for _ in range(CONFIRMATIONS):
            examinations.append(self.examiner.examine(case, target, pipeline, fresh=True, repeats=2))
            if not examinations[-1].bad:
                break
        evidence = [_evidence("fresh process", item) for item in examinations]
        first = examinations[0]
        steady = len(examinations) == CONFIRMATIONS and all(item.same_failure(first) for item in examinations)
        return (first if steady and first.bad else None), evidence

    def supported(self, case: Any, first: Examination, evidence: list[Any]) -> bool:
        """Whether other inputs show the wrong value as well; inputs that eager refuses are passed over."""
        seen = bad = 0
        for seed in range(1, 2 * OTHER_INPUTS + 1):
            other = self.examiner.examine(case.with_seed(seed), first.target, first.pipeline)
            if other.eager.kind != "values" or other.verdict.kind == "undecided":
                continue
            evidence.append(_evidence(f"inputs of seed {seed}", other))
            seen += 1
            bad += other.same_failure(first)
            if seen == OTHER_INPUTS:
                break
        return bad >= OTHER_INPUTS_NEEDED

    def reduce(self, first: Examination) -> Examination:
        """The smallest failing subgraph, examined; the case itself if its reduced form does not hold up.

        If the target's default pipeline fails in the same way, the failure is shown with that.
        """
        default = self.examiner.targets[first.target].pipelines()[0]
        if first.pipeline.name != default.name:
            usual = replace(first.case, pipelines={first.target: default})
            other = self.examiner.examine(usual, first.target, default)
            first = other if other.same_failure(first) else first
        still_fails = self.examiner.still_fails(first)
        end = time.monotonic() + REDUCTION_LIMITS * self.examiner.seconds
        reduced = reduce_case(
            first.case,
            lambda case: not self.stopping() and time.monotonic() < end and still_fails(case),
            self.examiner.capture,
            REDUCTION_TESTS,
        )
        normal = replace(reduced, graph=reduced.graph.normal(), recipes=_renamed(reduced))
        final = self.examiner.examine(normal, first.target, first.pipeline, fresh=True)
        return final if final.same_failure(first) else first

    # -- what depends on the kind of program ---------------------------------------------------------------------------

    def parse(self, text: str) -> Any:
        """The case of a finding's text."""
        return parse_case(text)

    def patterns(self, case: Any) -> list[str]:
        """What programs that may show the same bug have in common."""
        return node_patterns(case.graph)

    def silent_signature(self, reduced: Examination) -> str:
        """Signature of a failure without a message."""
        return silent_signature(reduced.target, reduced.verdict, reduced.outcome, reduced.case.graph)

    def title(self, reduced: Examination) -> str:
        """A bug's line in a list."""
        return title(reduced.verdict, reduced.outcome, reduced.case.graph)

    def script(self, reduced: Examination, heading: str) -> str:
        """The standalone script that shows a bug."""
        return export_script(reduced.case, self.examiner.targets[reduced.target], heading=heading)

    def write_case(self, case: Any, path: Path) -> None:
        """Write a case's file; ``path`` has no suffix yet."""
        write_case(case, path.with_name(f"{path.name}.case.py"))


def _renamed(case: Case) -> dict[str, Any]:
    return {f"x{index}": case.recipes[value.name] for index, value in enumerate(case.graph.inputs)}


def _evidence(what: str, examination: Examination) -> dict[str, Any]:
    failure = examination.outcome.failure
    return {
        "what": what,
        "kind": examination.outcome.kind,
        "verdict": examination.verdict.kind,
        "oracle": examination.verdict.oracle,
        "explanation": examination.verdict.explanation,
        "failure": None if failure is None else f"{failure.type}: {failure.message[:500]}",
    }
