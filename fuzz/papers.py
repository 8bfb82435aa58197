"""A bug's papers: the draft of a report and the regression case, written into the campaign's folder beside its script.

``bugs/B1.py`` and ``bugs/B1.case.py`` are there from the moment that a bug is filed. Its papers need it to be run
again: three times in fresh processes, and its script once. They are ``bugs/B1.md``, the draft in the form of the
project that gets it, and what the case is expected to do, in ``bugs/B1.case.py`` itself, so that pytest collects it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import select

from misfold.corpus.adding import expectation_of, from_here
from misfold.corpus.entries import Entry, entry_of
from misfold.corpus.laboratory import Observation
from misfold.programs.errors import MisfoldError, StoreError
from misfold.programs.files import write_text
from misfold.targets.outcome import FAILURES
from misfold.triage.report.facts import Facts
from misfold.triage.report.readiness import objections
from misfold.triage.report.templates import template_for

from .investigate import BUGS, LOCALISATION_SECONDS, Investigator
from .reporting import Source, gather
from .store import Bug, Finding, Store
from .tables import PapersRow


@dataclass(frozen=True)
class Waiting:
    """What triage has not come to: findings that wait to be confirmed, and bugs that wait for their papers, or for them
    once more where their scripts ran out of time."""

    findings: int
    bugs: tuple[Bug, ...]

    def __str__(self) -> str:
        parts = []
        if self.findings:
            parts.append(f"{self.findings} finding{'s wait' if self.findings > 1 else ' waits'} to be confirmed")
        if self.bugs:
            names = ", ".join(f"B{bug.id}" for bug in self.bugs[:8]) + (", …" if len(self.bugs) > 8 else "")
            parts.append(
                f"{len(self.bugs)} bug{'s wait' if len(self.bugs) > 1 else ' waits'} for a draft and a regression case "
                f"({names})"
            )
        return "; ".join(parts)


def waiting(store: Store) -> Waiting:
    """What is left to do in a campaign's folder."""
    done = papers_of(store)
    left = tuple(bug for bug in store.bugs() if bug.id not in done or out_of_time(bug))
    return Waiting(sum(item.status == "new" for item in store.findings()), left)


def out_of_time(bug: Bug) -> bool:
    """Whether the bug's script was cut off, which says nothing but that the machine was busy: it is run once more."""
    return bug.script == "timed out" and bug.kind != "hang"


def papers_of(store: Store) -> dict[int, PapersRow]:
    """What was written of bugs, by bug."""
    with store.session(tables=[PapersRow]) as session:
        return {row.bug_id: row for row in session.scalars(select(PapersRow))}


def forget(store: Store) -> None:
    """Have all papers written anew."""
    with store.session(write=True, tables=[PapersRow]) as session:
        for row in session.scalars(select(PapersRow)):
            session.delete(row)


def draft_path(store: Store, bug: Bug) -> Path:
    """Where a bug's draft is."""
    return store.folder / BUGS / f"B{bug.id}.md"


def case_path(store: Store, bug: Bug, kernel: bool) -> Path:
    """Where a bug's case is."""
    return store.folder / BUGS / f"B{bug.id}{'.kernel' if kernel else '.case.py'}"


def papers_word(row: PapersRow | None) -> str:
    """A word for a list: ``ready`` to be read and filed, ``not ready``, ``waits``, or ``none`` could be written."""
    if row is None:
        return "waits"
    if row.no_draft:
        return "none"
    return "not ready" if row.objections else "ready"


def papers_data(store: Store, bug: Bug) -> dict[str, Any]:
    """A bug's papers as plain data: files below the campaign's folder (None where there is none), and why not."""
    row = papers_of(store).get(bug.id)
    data: dict[str, Any] = {"draft": None, "case": None, "state": papers_word(row), "objections": [], "problems": []}
    if row is None:
        return data
    kernel = not case_path(store, bug, kernel=False).is_file()
    if not row.no_draft:
        data["draft"] = str(draft_path(store, bug).relative_to(store.folder))
    if not row.no_case:
        data["case"] = str(case_path(store, bug, kernel).relative_to(store.folder))
    data["objections"] = list(row.objections)
    data["problems"] = [why for why in (row.no_draft, row.no_case) if why]
    return data


def write_papers(investigator: Investigator, bug: Bug) -> PapersRow:
    """Run a bug again, write its papers, and keep what came of it: of its script too, which is run for them.

    What cannot be written is said in the row that is kept. A blame that was not found in time is looked for again.

    Raises:
        StoreError: the folder or the database cannot be written.
    """
    start = time.monotonic()
    store = investigator.store
    finding = store.finding(bug.finding_id)
    row = PapersRow(bug_id=bug.id, objections=[])
    try:
        facts = _facts(investigator, bug, finding)
    except StoreError:
        raise
    except MisfoldError as error:
        row.no_case = row.no_draft = str(error)[:500]
        store.set_script(bug, "not run")
    else:
        _keep(store, bug, finding, facts)
        against = objections(facts)
        row.objections = [f"{one.rule}: {one.why}" for one in against]
        stage = "" if facts.blame is None else facts.blame.stage
        _write(draft_path(store, bug), template_for(bug.target, stage=stage).draft(facts, against))
        entry = regression_case(facts, investigator.examiner.targets[bug.target], case_path(store, bug, facts.kernel))
        if isinstance(entry, str):
            row.no_case = entry
        else:
            write_text(entry.case.text, entry.path)
    row.at, row.seconds = time.time(), round(time.monotonic() - start, 2)
    with store.session(write=True, tables=[PapersRow]) as session:
        return session.merge(row)


def regression_case(facts: Facts, system: Any, path: Path) -> Entry | str:
    """The case with what it did as what is expected of it; or why nothing can be expected."""
    seen = {one.failure for one in facts.trials}
    if seen == {""}:
        return "it does not fail any more"
    if len(seen) > 1:
        return f"{len(facts.trials)} runs in fresh processes differ; a regression case must be stable"
    failure = facts.failure
    message = facts.explanation if failure is None else f"{failure.type}: {failure.message}"
    result = facts.kind if facts.kind in FAILURES else "wrong"
    observed = Observation(result, facts.oracle, facts.explanation, message, 0.0)
    case = replace(facts.case, about={**facts.case.about, "title": facts.title})
    expected = expectation_of(observed, facts.target, from_here(system))
    made = Entry(path, case).with_expectations([expected])
    # Read back at once: what cannot be read is no regression case.
    return entry_of(made.case.text, path)


def _facts(investigator: Investigator, bug: Bug, finding: Finding) -> Facts:
    case = investigator.parse(finding.reduced or finding.text)
    source = Source(
        f"B{bug.id}", case, investigator.kernel, bug.target, case.pipelines[bug.target],
        store=investigator.store, finding=finding,
    )  # fmt: skip
    issues = investigator.knowledge.issues
    return gather(source, investigator.examiner, issues=issues, localise_seconds=LOCALISATION_SECONDS)


def _keep(store: Store, bug: Bug, finding: Finding, facts: Facts) -> None:
    store.set_script(bug, facts.ran.result)
    _write(store.folder / BUGS / f"B{bug.id}.py", facts.script)
    if facts.blame is not None and not (finding.blame or {}).get("stage"):
        store.settle_finding(finding, blame=facts.blame.to_data())


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StoreError(f"{path}: cannot be written: {error.strerror}") from error
