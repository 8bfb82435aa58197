"""From a bad verdict to a bug: commit, confirm in fresh processes, gather evidence, reduce, name, file."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from misfold.oracles.verdict import Verdict
from misfold.programs.case import parse_case
from misfold.programs.errors import StoreError
from misfold.programs.files import write_case
from misfold.programs.pipeline import Pipeline
from misfold.targets.outcome import Failure, Outcome
from misfold.triage.known.issues import Call, Failing
from misfold.triage.known.knowing import Knowledge, calls_of
from misfold.triage.reduce.search import Bounds
from misfold.triage.script import describe, export_script
from misfold.triage.signature import SPOKEN, error_signature, nested, node_patterns, silent_signature, title

from .examine import Examination, Examiner
from .reducing import Reduced, Reducer
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
# What a reduction may spend. Eager refuses most of the tests in milliseconds; an Inductor compile takes a second.
REDUCTION_TESTS = 600
REDUCTION_SECONDS = 60.0
# A hang costs the whole time limit for each test: by this many limits its reduction is bounded.
REDUCTION_LIMITS = 5
# What localisation may spend: a dozen compiles, and PyTorch's bisector.
LOCALISATION_SECONDS = 45.0
#: Folder below the campaign's that holds each finding's history of its reduction (``F12``).
HISTORIES = "reductions"


class Investigator:
    """Investigates findings of one lane: those of Graph programs. What depends on the kind of program is in the methods
    at the end, for other kinds to override.
    """

    #: Whether programs are kernels.
    kernel = False

    def __init__(
        self,
        store: Store,
        campaign: Campaign,
        examiner: Examiner,
        versions: dict[str, Any],
        clock: Callable[[], float],
        unwritten: deque[Bug],
        stopping: Callable[[], bool] = lambda: False,
    ):
        self.store, self.campaign, self.examiner = store, campaign, examiner
        self.versions, self.clock, self.stopping = versions, clock, stopping
        #: Bugs without papers: nobody has run their scripts yet, or written a draft (``papers``).
        self.unwritten = unwritten
        #: What need not be found again.
        self.knowledge = Knowledge()
        #: Findings that were met while others were reduced, to be investigated as well.
        self.met: deque[Finding] = deque()

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
        spoken = ""
        if failure is not None and finding.kind in SPOKEN:
            spoken = error_signature(target, finding.kind, failure, own)
            bug = self.store.bug_of_failure(spoken)
            enough = ESTABLISHED_SPOKEN
        else:
            # Looking into a hang takes minutes; one more that looks alike can wait for a person.
            enough = ESTABLISHED_SPOKEN if finding.kind == "hang" else ESTABLISHED_SILENT
            bug = self.store.bug_within(target, finding.kind, self.patterns(case))
        if self._known(finding, finding.kind, spoken, finding.explanation, case):
            return "known"
        if bug is not None and self.store.count_findings(bug, "confirmed") >= enough:
            why = f"not investigated: looks like B{bug.id}, which is confirmed"
            self.store.file_under_bug(finding, bug.signature, bug.title, self.clock())
            return self._settle(finding, status="duplicate", evidence=[{"what": why}])
        first, evidence = self.confirm(case, target, pipeline)
        if first is None:
            return self._settle(finding, status="flaky", evidence=evidence)
        if first.verdict.kind == "suspect" and not self.supported(case, first, evidence):
            return self._settle(finding, status="suspect", evidence=evidence)
        result = self.reduce(finding, first)
        reduced = result.plain
        if self.stopping():
            return finding.status  # What is cut short is done again, from its history, when the campaign goes on.
        verdict, outcome = reduced.verdict, reduced.outcome
        if outcome.failure is not None and outcome.kind in SPOKEN:
            signature = spoken = error_signature(target, outcome.kind, outcome.failure, own)
        else:
            signature = self.silent_signature(reduced, result)
        if self._known(finding, outcome.kind, signature, verdict.explanation, reduced.case):
            return "known"
        if not spoken:
            signature = nested(signature, [one.signature for one in self.store.bugs()])
        name = self.title(reduced)
        status = self._settle(
            finding,
            status="confirmed",
            evidence=evidence,
            reduced=reduced.case.text,
            verdict=verdict.kind,
            explanation=verdict.explanation,
            blame=result.blame.to_data(),
            reduction=result.facts,
        )
        bug, new = self.store.file_under_bug(
            finding, signature, name, self.clock(), self.patterns(reduced.case), spoken
        )
        if new:
            self.write_files(bug, reduced)
            self.unwritten.append(bug)
        return status

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

    def _known(self, finding: Finding, kind: str, signature: str, message: str, case: Any) -> bool:
        """Put a finding aside if it is a known issue."""
        kind = "wrong" if kind == "values" else kind
        found = Failing(finding.target, kind, signature, message, self.calls(case), self.versions)
        issue = self.knowledge.explain(found)
        if issue is None:
            return False
        words = f"known: {issue.title}" + (f" ({issue.link})" if issue.link else "")
        self._settle(finding, status="known", evidence=[{"what": words}])
        return True

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

    def reduce(self, finding: Finding, first: Examination) -> Reduced:
        """The smallest failing case, examined; the case itself if its reduced form does not hold up. And its cause.

        Other failures that are met on the way become findings of their own.
        """

        def other(found: Examination) -> None:
            self.hand_over(finding, found)

        hanging = first.outcome.kind == "hang"
        limit = REDUCTION_LIMITS * self.examiner.seconds
        reducer = Reducer(
            [self.examiner],
            first,
            Bounds(REDUCTION_TESTS, limit if hanging else min(REDUCTION_SECONDS, limit)),
            history=self.store.folder / HISTORIES / f"F{finding.id}",
            other=other,
            stopping=self.stopping,
            seconds_to_localise=limit if hanging else LOCALISATION_SECONDS,
        )
        return reducer.run()

    def hand_over(self, origin: Finding, found: Examination) -> None:
        """Commit another failure that was met while a finding was reduced."""
        if origin.variant:
            return  # Or each would lead to further ones, without end.
        failure = found.outcome.failure
        new, fresh = self.store.add_finding(
            self.campaign,
            index=origin.index,
            target=origin.target,
            pipeline=found.pipeline.name,
            variant=found.case.hash,
            kind=found.outcome.kind,
            verdict=found.verdict.kind,
            oracle=found.verdict.oracle,
            explanation=found.verdict.explanation,
            failure=None if failure is None else asdict(failure),
            text=found.case.text,
            versions=self.versions,
            evidence=[{"what": f"met while F{origin.id} was reduced"}],
            at=self.clock(),
        )
        if fresh:
            self.met.append(new)

    # -- what depends on the kind of program ---------------------------------------------------------------------------

    def parse(self, text: str) -> Any:
        """The case of a finding's text."""
        return parse_case(text)

    def patterns(self, case: Any) -> list[str]:
        """What programs that may show the same bug have in common."""
        return node_patterns(case.graph)

    def calls(self, case: Any) -> tuple[Call, ...]:
        """A program's calls, as known issues look at them."""
        return calls_of(case.graph)

    def silent_signature(self, reduced: Examination, result: Reduced) -> str:
        """Signature of a failure without a message."""
        patterns = self.patterns(result.normal)
        return silent_signature(reduced.target, reduced.verdict, reduced.outcome, patterns, result.blame.key)

    def title(self, reduced: Examination) -> str:
        """A bug's line in a list."""
        return title(reduced.verdict, reduced.outcome, reduced.case.graph)

    def script(self, reduced: Examination, heading: str) -> str:
        """The standalone script that shows a bug."""
        target = self.examiner.targets[reduced.target]
        return export_script(reduced.case, target, heading=heading, claim=reduced.verdict.claim)

    def write_case(self, case: Any, path: Path) -> None:
        """Write a case's file; ``path`` has no suffix yet."""
        write_case(case, path.with_name(f"{path.name}.case.py"))


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
