"""From a bug or a case file to all that a report says of it: run again, measured, localised, compared."""

from __future__ import annotations

import tempfile
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from misfold.corpus.entries import find_files, read_entry, shipped
from misfold.oracles.reference import Reference
from misfold.programs.errors import UsageError
from misfold.programs.kernel_tvmscript import TVMScriptCase
from misfold.programs.pipeline import Pipeline
from misfold.programs.printer import print_graph
from misfold.triage.kernel_signature import kernel_title
from misfold.triage.known.issues import Call, Failing, Issue
from misfold.triage.known.knowing import calls_of, today
from misfold.triage.localise.blame import Blame
from misfold.triage.reduce.search import Bounds
from misfold.triage.report.environment import collect_environment, system
from misfold.triage.report.facts import Facts, Origin, Similar, Trial
from misfold.triage.report.measures import SAME, Measure, measure, pairs
from misfold.triage.script import describe, execute_script, export_script
from misfold.triage.signature import title as graph_title
from misfold.triage.tvmscript import tvmscript_title

from .clustering import clustered
from .examine import REFERENCE, Examination, Examiner
from .kernels.investigate import KernelInvestigator
from .reducing import Reducer, size_of
from .store import Finding, Store

#: Runs in fresh processes before anything is written: as many as a campaign confirms with.
TRIALS = 3
# A case file without a history of its reduction counts as reduced up to these sizes: what reduction usually ends at
# is two operators or six statements, and what a person writes by hand is not much larger.
SMALL_NODES, SMALL_STATEMENTS = 4, 10
# Largest number of similar failures that are listed: more help nobody.
MOST_SIMILAR = 8


@dataclass(frozen=True)
class Source:
    """What a user named: a case, and where it is from. ``finding`` with its ``store`` where it is a campaign's."""

    name: str
    case: Any
    kernel: bool
    target: str
    pipeline: Pipeline
    path: Path | None = None
    store: Store | None = None
    finding: Finding | None = None


def gather(
    source: Source,
    examiner: Examiner,
    *,
    issues: Sequence[Issue] = (),
    localise_seconds: float | None = 120.0,
    environment: bool = True,
) -> Facts:
    """Run a case again in fresh processes and gather what a report says.

    Args:
        source: what to report.
        examiner: for its target, of graphs or of kernels as the source is.
        issues: known issues to compare with.
        localise_seconds: what localising may take where the campaign has not done it; None to leave it out.
        environment: whether to ask for ``torch.utils.collect_env``.
    """
    runs = [examiner.examine(source.case, source.target, source.pipeline, fresh=True, repeats=2) for _ in range(TRIALS)]
    reducer = Reducer([examiner], runs[0], Bounds(), seconds_to_localise=localise_seconds or 0.0)
    seen = next((one for one in runs if one.bad), runs[0])
    trials = tuple(Trial(reducer.key_of(one) if one.bad else "", _words(one)) for one in runs)
    versions = dict(examiner.targets[source.target].versions())
    name = _title(source, seen)
    script = _script(source, examiner, seen, name, versions)
    with tempfile.TemporaryDirectory(prefix="misfold-") as scratch:
        ran = execute_script(script, Path(scratch), hangs=seen.outcome.kind == "hang")
    blame = _blame(source, seen, reducer, localise_seconds, versions)
    reference = seen.reference if isinstance(seen.reference, Reference) else None
    return Facts(
        name=source.name,
        title=name,
        target=source.target,
        pipeline=source.pipeline,
        kind=seen.outcome.kind,
        verdict=seen.verdict.kind,
        oracle=seen.verdict.oracle,
        explanation=seen.verdict.explanation,
        program=_program(source),
        case=source.case,
        script=script,
        ran=ran,
        trials=trials,
        supports=seen.verdict.supports,
        failure=seen.outcome.failure if seen.outcome.kind != "values" else None,
        blame=blame,
        versions=versions,
        system=system(),
        environment=collect_environment() if environment else "",
        measures=_measures(examiner, seen, reference),
        undefined=reference.undefined if reference is not None else None,
        eager=_eager(seen),
        finite=reference.finite if reference is not None else True,
        similar=_similar(source, seen, reducer, issues, versions),
        origin=_origin(source),
        status="" if source.finding is None else source.finding.status,
        kernel=source.kernel,
    )


def _words(examination: Examination) -> str:
    verdict = examination.verdict
    return f"{verdict.kind}: {verdict.explanation}" if verdict.explanation else verdict.kind


def _title(source: Source, seen: Examination) -> str:
    if source.store is not None and source.finding is not None:
        for bug in source.store.bugs():
            if bug.id == source.finding.bug_id:
                return bug.title
    if stated := str(source.case.about.get("title", "")):
        return stated
    if not source.kernel:
        return graph_title(seen.verdict, seen.outcome, source.case.graph)
    if isinstance(source.case, TVMScriptCase):
        return tvmscript_title(seen.verdict, seen.outcome, source.pipeline, source.case.script)
    return kernel_title(seen.verdict, seen.outcome, source.pipeline, source.case.function)


def _program(source: Source) -> str:
    if not source.kernel:
        return print_graph(source.case.graph)
    if isinstance(source.case, TVMScriptCase):
        return source.case.text
    # The loop IR's text without the comments that say how to make inputs: the script has those.
    lines = source.case.text.splitlines()
    return "\n".join(line for line in lines if not line.startswith("#")).strip()


def _script(source: Source, examiner: Examiner, seen: Examination, name: str, versions: dict[str, str]) -> str:
    verdict = seen.verdict
    heading = describe(name, source.target, source.pipeline.name, verdict.kind, verdict.explanation, versions)
    if not source.kernel:
        target = examiner.targets[source.target]
        return export_script(source.case, target, source.pipeline, heading=heading, claim=verdict.claim)
    if seen.reference is None or seen.eager.kind != "values":
        return "raise SystemExit('no script: nothing is known of what the kernel computes')\n"
    investigator = KernelInvestigator(None, None, examiner, {}, time.time, deque())  # type: ignore[arg-type]
    script = investigator.script(seen, heading)
    with tempfile.TemporaryDirectory(prefix="misfold-") as scratch:
        if execute_script(script, Path(scratch), hangs=seen.outcome.kind == "hang").result == "reproduces":
            return script
    # What is printed as text may lose what the bug hangs on: the script then holds the very function.
    return investigator.script(seen, heading, exact=True)


def _blame(
    source: Source, seen: Examination, reducer: Reducer, seconds: float | None, versions: dict[str, str]
) -> Blame | None:
    """The campaign's blame if it names a stage and was found with the versions of today, or one that is found now."""
    finding = source.finding
    if finding is not None and finding.blame and (finding.blame["stage"] or seconds is None):
        if all(finding.versions.get(name, number) == number for name, number in versions.items()):
            return Blame.from_data(finding.blame)
    return reducer.localise(seen) if seen.bad and seconds is not None else None


def _measures(examiner: Examiner, seen: Examination, reference: Reference | None) -> tuple[Measure, ...]:
    if reference is None or seen.eager.kind != "values" or seen.outcome.kind != "values":
        return ()
    found, request, asked = [], [], []
    for name, own, its, expected in pairs(seen.eager, reference, seen.outcome):
        one = measure(name, own, its, expected)
        found.append(one)
        if one.elements:
            wide = expected.data if expected is not None and expected.data else None
            request.append({"eager": own.to_data(), "target": its.to_data(), "wide": wide})
            asked.append(len(found) - 1)
    answer = examiner.call(REFERENCE, SAME, {"pairs": request}, examiner.seconds)
    if answer.data is not None:
        for at, same in zip(asked, answer.data["same"]):
            found[at] = replace(found[at], same=same)
    return tuple(found)


def _eager(seen: Examination) -> str | None:
    if seen.eager.kind == "values":
        return None
    failure = seen.eager.failure
    return seen.eager.kind if failure is None else f"{failure.type}: {failure.message}"[:200]


def _similar(
    source: Source, seen: Examination, reducer: Reducer, issues: Sequence[Issue], versions: dict[str, str]
) -> tuple[Similar, ...]:
    calls = _calls(source)
    operators = {call.operator for call in calls}
    kind = "wrong" if seen.outcome.kind == "values" else seen.outcome.kind
    failing = Failing(
        source.target, kind, reducer.key_of(seen) if seen.bad else "", seen.verdict.explanation, calls, versions
    )
    found: list[Similar] = []
    for issue in issues:
        if not issue.current(today(), versions):
            continue
        if issue.knows(failing):
            found.append(Similar("known issue", issue.title, issue.link, same=True))
        elif issue.foresees(source.target, calls):
            found.append(Similar("known issue of these operators", issue.title, issue.link))
    if source.store is not None and source.finding is not None and source.finding.bug_id is not None:
        own = f"B{source.finding.bug_id}"
        titles = {f"B{bug.id}": bug.title for bug in source.store.bugs()}
        for cluster in clustered(source.store):
            if own in cluster.names:
                found += [Similar(f"{name} of the campaign", titles[name]) for name in cluster.names if name != own]
    found += _corpus_cases(source, operators)
    return tuple(found[:MOST_SIMILAR])


def _calls(source: Source) -> tuple[Call, ...]:
    if not source.kernel:
        return calls_of(source.case.graph)
    investigator = KernelInvestigator(None, None, None, {}, time.time, deque())  # type: ignore[arg-type]
    return investigator.calls(source.case)


def _corpus_cases(source: Source, operators: set[str]) -> list[Similar]:
    """Cases of misfold's own regression corpus on which the target is known to fail, with these operators."""
    found = []
    for path in find_files([shipped()]):
        entry = read_entry(path)
        if source.path is not None and path.resolve() == source.path.resolve():
            continue
        if entry.kernel != source.kernel or not any(
            one.target == source.target and one.fails for one in entry.expectations
        ):
            continue
        theirs = {call.operator for call in _calls(Source("", entry.case, entry.kernel, "", source.pipeline))}
        if theirs and (operators <= theirs or theirs <= operators):
            found.append(Similar("misfold's regression corpus", entry.title))
    return found


def _origin(source: Source) -> Origin:
    if source.finding is None or source.store is None:
        words = f"From the case file {source.path.name}." if source.path is not None else "From a case file."
        if isinstance(source.case, TVMScriptCase):
            return Origin((words,), False)
        small, unit = (SMALL_STATEMENTS, "statements") if source.kernel else (SMALL_NODES, "nodes")
        size = size_of(source.case)[unit]
        noun = unit if source.kernel else "operator calls"
        return Origin((words, f"Its program has {size} {noun}."), size <= small)
    campaign, reduction = source.store.campaign(), source.finding.reduction or {}
    lines = [
        f"Case {source.finding.index} of a campaign with seed {campaign.seed if campaign else 'unknown'}, "
        f"{time.strftime('%Y-%m-%d', time.gmtime(source.finding.at))}; confirmed in fresh processes."
    ]
    if reduction:
        before, after = (", ".join(f"{v} {k}" for k, v in reduction[key].items()) for key in ("before", "after"))
        lines.append(f"Reduced automatically from {before} to {after} in {reduction['tests']} tests.")
    return Origin(tuple(lines), bool(source.finding.reduced and reduction.get("same", True)))


def check_named(source: Source) -> None:
    """Raise UsageError where a finding has not been looked into yet."""
    if source.finding is not None and source.finding.status == "new":
        raise UsageError(f"{source.name} is waiting to be confirmed; go on with the campaign first")
