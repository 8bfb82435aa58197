"""Drafts and regression cases of a campaign's bugs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from misfold.corpus.entries import Entry
from misfold.fuzz import papers
from misfold.fuzz.campaign import TRIAGE_LEAST, TRIAGE_MOST, Runner, Stop
from misfold.fuzz.papers import forget, papers_data, papers_of, regression_case, waiting, write_papers
from misfold.fuzz.settings import Settings
from misfold.programs.case import parse_case
from misfold.programs.errors import TargetError
from misfold.targets.outcome import Failure
from misfold.triage.known.knowing import Knowledge
from misfold.triage.localise.blame import Blame
from misfold.triage.report.facts import Facts, Trial
from tests.fuzz.filled import bug, filled
from tests.triage.report.made import FACTS

SYSTEM = SimpleNamespace(versions=lambda: {"torch": "2.13.0+cpu", "other": "1"})


def facts_of(text: str) -> Facts:
    return replace(FACTS, case=parse_case(text), target="inductor", kernel=False)


@pytest.fixture
def investigator(tmp_path: Path):
    """What writing papers needs of an investigator, over a store with two bugs."""
    return SimpleNamespace(
        store=filled(tmp_path / "c"), kernel=False, knowledge=Knowledge(), parse=with_pipelines,
        examiner=SimpleNamespace(targets={"inductor": SYSTEM, "tvm": SYSTEM}),
    )  # fmt: skip


def with_pipelines(text: str):
    from misfold.programs.pipeline import Pipeline

    return replace(parse_case(text), pipelines={"inductor": Pipeline("default"), "tvm": Pipeline("default")})


def test_what_waits_is_said(tmp_path: Path):
    store = filled(tmp_path)
    assert str(waiting(store)) == "2 bugs wait for a draft and a regression case (B1, B2)"
    first, finding = bug(store)
    store.settle_finding(finding, status="new")
    assert str(waiting(store)).startswith("1 finding waits to be confirmed; 2 bugs wait")
    assert papers_data(store, first)["state"] == "waits"


def test_a_script_that_ran_out_of_time_is_run_again(investigator, monkeypatch: pytest.MonkeyPatch):
    store = investigator.store
    first, finding = bug(store)
    slow = replace(facts_of(finding.text), ran=replace(FACTS.ran, result="timed out"))
    monkeypatch.setattr(papers, "gather", lambda *_, **__: slow)
    write_papers(investigator, first)
    assert [one.id for one in waiting(store).bugs] == [1, 2]
    monkeypatch.setattr(papers, "gather", lambda *_, **__: facts_of(finding.text))
    write_papers(investigator, first)
    assert [one.id for one in waiting(store).bugs] == [2]


def test_papers_are_written_once_and_linked(investigator, monkeypatch: pytest.MonkeyPatch):
    store = investigator.store
    first, finding = bug(store)
    made = facts_of(finding.text)
    monkeypatch.setattr(papers, "gather", lambda *_, **__: made)
    row = write_papers(investigator, first)
    assert (row.no_draft, row.no_case) == ("", "")
    data = papers_data(store, first)
    assert (data["draft"], data["case"]) == ("bugs/B1.md", "bugs/B1.case.py")
    assert data["state"] == ("not ready" if data["objections"] else "ready")
    assert made.title in (store.folder / data["draft"]).read_text()
    expected = parse_case((store.folder / data["case"]).read_text()).about["expect"]
    assert expected[0]["target"] == "inductor"
    assert expected[0]["versions"] == {"torch": ">=2.13.0"}
    # The script that is kept is the one that was run for the draft, and what it did is the bug's.
    assert (store.folder / "bugs" / "B1.py").read_text() == made.script
    assert next(one for one in store.bugs() if one.id == first.id).script == made.ran.result
    assert [one.id for one in waiting(store).bugs] == [2]
    forget(store)
    assert len(waiting(store).bugs) == 2


def test_a_blame_that_was_not_found_in_time_is_kept_once_it_is(investigator, monkeypatch: pytest.MonkeyPatch):
    first, finding = bug(investigator.store)
    made = replace(facts_of(finding.text), blame=Blame("inductor", "fusion"))
    monkeypatch.setattr(papers, "gather", lambda *_, **__: made)
    write_papers(investigator, first)
    assert bug(investigator.store)[1].blame["key"] == "inductor/fusion"
    monkeypatch.setattr(papers, "gather", lambda *_, **__: replace(made, blame=Blame("dynamo")))
    write_papers(investigator, first)
    assert bug(investigator.store)[1].blame["key"] == "inductor/fusion"


def test_what_cannot_be_written_is_said_and_not_tried_for_ever(investigator, monkeypatch: pytest.MonkeyPatch):
    def fails(*_, **__):
        raise TargetError("inductor cannot run here")

    monkeypatch.setattr(papers, "gather", fails)
    first, _ = bug(investigator.store)
    write_papers(investigator, first)
    data = papers_data(investigator.store, first)
    assert (data["draft"], data["case"], data["state"]) == (None, None, "none")
    assert data["problems"] == ["inductor cannot run here"] * 2
    assert [one.id for one in waiting(investigator.store).bugs] == [2]


@pytest.mark.parametrize(
    ("failures", "words"), [(("", "", ""), "does not fail any more"), (("a", "a", ""), "must be stable"),
                            (("a", "b", "a"), "must be stable")],
)  # fmt: skip
def test_only_what_fails_every_time_is_a_regression_case(tmp_path: Path, failures: tuple[str, ...], words: str):
    made = replace(facts_of(bug(filled(tmp_path))[1].text), trials=tuple(Trial(one, "") for one in failures))
    found = regression_case(made, SYSTEM, tmp_path / "B1.case.py")
    assert isinstance(found, str)
    assert words in found


def test_an_error_is_expected_with_its_message(tmp_path: Path):
    made = replace(
        facts_of(bug(filled(tmp_path))[1].text), kind="compile-error", oracle="compile",
        failure=Failure("ValueError", "no such axis (3)\nmore"), trials=(Trial("a", ""),) * 3,
    )  # fmt: skip
    found = regression_case(made, SYSTEM, tmp_path / "B1.case.py")
    assert isinstance(found, Entry)
    [one] = found.expectations
    assert (one.result, one.oracle, one.message) == ("compile-error", "compile", "ValueError: no such axis (3)")
    assert one.matches("compile-error", "compile", "ValueError: no such axis (3)\nmore")


@pytest.mark.parametrize(
    ("time", "wish", "seconds"),
    [(60.0, None, TRIAGE_LEAST), (600.0, None, 300.0), (1e6, None, TRIAGE_MOST), (600.0, 5.0, 5.0), (600.0, 0.0, 0.0),
     (None, None, float("inf")), (None, 7.0, 7.0)],
)  # fmt: skip
def test_what_triage_may_take_after_the_last_case(time: float | None, wish: float | None, seconds: float):
    runner = Runner.__new__(Runner)
    runner.grace, runner.stop = None, Stop()
    runner.settings = Settings(1, time=time, triage_time=wish)
    if time is not None:
        runner.stop.end()
    assert runner.triage_seconds() == seconds


def test_triage_ends_with_its_budget():
    stop = Stop()
    assert not stop.enough()
    stop.triage_for(-1.0)
    assert stop.enough()
    stop.triage_for(1e6)  # the last lane that is done with its cases decides
    assert not stop.enough()
    stop.on_signal(2, None)
    assert stop.enough()


def test_papers_of_a_folder_without_the_table(tmp_path: Path):
    from sqlalchemy import text

    store = filled(tmp_path)
    with store.engine.begin() as connection:
        connection.execute(text("drop table papers"))
    assert papers_of(type(store)(tmp_path)) == {}
