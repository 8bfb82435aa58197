"""What has become of bugs: states from results, rechecks as a user runs them, and lists of bugs."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from misfold.fuzz.cli import make_app
from misfold.fuzz.lifecycle import decide, state_of
from misfold.fuzz.retests import Retest, retests
from misfold.fuzz.selecting import Wish, listed, parse_since
from misfold.fuzz.store import Finding
from misfold.programs.errors import UsageError

from .filled import START, VERSIONS, bug, filled

OWN, NEWER, OLDER = "2.13.0+cpu", "2.14.0", "2.12.1"


def finding(status: str = "confirmed") -> Finding:
    return Finding(status=status, versions=VERSIONS, evidence=[{"what": "known: it (link)"}])


def results(*entries: tuple[str, str]) -> list[Retest]:
    return [
        Retest(id=at, bug_id=1, at=float(at), environment="e", versions={"torch": version}, result=result)
        for at, (version, result) in enumerate(entries)
    ]


@pytest.mark.parametrize(
    ("entries", "word"),
    [
        ((), "confirmed"),
        (((OWN, "fails"),), "confirmed"),
        (((OWN, "passes"),) * 3, "gone"),
        (((OWN, "fails"), (OWN, "passes"), (OWN, "fails")), "flaky"),
        # An old failure is forgotten when a whole recheck passes.
        (((OWN, "fails"), *((OWN, "passes"),) * 3), "gone"),
        (((OWN, "fails"), (NEWER, "passes")), "fixed"),
        (((NEWER, "passes"), (OWN, "fails")), "fixed"),
        (((OWN, "passes"), (NEWER, "fails")), "confirmed"),
        (((OLDER, "passes"),), "confirmed"),
        (((OWN, "exit status 7"), (OWN, "timed out")), "confirmed"),
        (((NEWER, "passes"), (NEWER, "fails")), "flaky"),
    ],
)
def test_states_follow_from_results(entries: tuple[tuple[str, str], ...], word: str) -> None:
    assert decide(finding(), results(*entries)).word == word


def test_states_without_results_are_those_of_the_finding() -> None:
    assert decide(finding("new"), []).word == "new"
    assert decide(finding("flaky"), []).word == "flaky"
    known = decide(finding("known"), results((OWN, "passes")))
    assert (known.word, known.why) == ("known", "known: it (link)")


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(make_app(), list(arguments), standalone_mode=False)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.return_value if isinstance(done.return_value, int) else done.exit_code, done.stdout


def test_a_recheck_keeps_results_and_changes_the_state(tmp_path: Path) -> None:
    store = filled(tmp_path / "c")
    script = tmp_path / "c" / "bugs" / "B1.py"
    script.write_text("print('FAILS: it does'); raise SystemExit(1)")
    _, out = run("recheck", "B1", "--folder", str(tmp_path / "c"), "--times", "1", "--json")
    assert json.loads(out)[0]["results"] == ["fails"]
    assert state_of(store, bug(store)[0]).word == "confirmed"
    script.write_text("raise SystemExit(0)")
    _, out = run("recheck", "b1", "--folder", str(tmp_path / "c"), "--env", sys.executable, "--times", "3", "--json")
    row = json.loads(out)[0]
    assert (row["before"], row["state"], row["results"]) == ("confirmed", "gone", ["passes"] * 3)
    kept = retests(store, bug(store)[0])
    assert [one.result for one in kept] == ["fails", "passes", "passes", "passes"]
    assert all("torch" in one.versions for one in kept)
    _, out = run("bugs", "--folder", str(tmp_path / "c"), "--status", "gone", "--json")
    assert [one["bug"] for one in json.loads(out)] == ["B1"]


def test_a_recheck_of_no_bug_is_one_clear_error(tmp_path: Path) -> None:
    filled(tmp_path / "c")
    with pytest.raises(UsageError, match="'B9' is no bug of"):
        run("recheck", "B9", "--folder", str(tmp_path / "c"))


@pytest.mark.parametrize(
    ("wish", "names"),
    [
        (Wish(), ["B1", "B2"]),
        (Wish(targets=["tvm"]), ["B2"]),
        (Wish(kinds=["wrong"]), ["B1"]),
        (Wish(kinds=["crash", "hang"]), ["B2"]),
        (Wish(operators=["rel*"]), ["B1"]),
        (Wish(operators=["torch.exp"]), ["B2"]),
        (Wish(operators=["xp"]), []),
        (Wish(since=START + 5), ["B2"]),
        (Wish(states=["fixed"]), []),
        (Wish(targets=["tvm"], kinds=["wrong"]), []),
    ],
)
def test_bugs_are_chosen(tmp_path: Path, wish: Wish, names: list[str]) -> None:
    assert [one.name for one in listed(filled(tmp_path / "c")) if wish.takes(one)] == names


def test_bad_choices_are_clear_errors() -> None:
    with pytest.raises(UsageError, match="no bug is ever 'open'"):
        Wish(states=["open"])
    with pytest.raises(UsageError, match="neither a date nor a duration"):
        parse_since("yesterday")
    assert parse_since("2026-05-01") < parse_since("2026-05-02T12:30")


def test_show_tells_a_bugs_history(tmp_path: Path) -> None:
    filled(tmp_path / "c")
    (tmp_path / "c" / "bugs" / "B1.py").write_text("raise SystemExit(0)")
    run("recheck", "B1", "--folder", str(tmp_path / "c"))
    _, out = run("show", "B1", "--folder", str(tmp_path / "c"))
    assert "status gone: no longer fails with torch" in out and "in which it was found" in out
    assert "torch 2.13.0+cpu" in out
    _, out = run("show", "B1", "--folder", str(tmp_path / "c"), "--json")
    data = json.loads(out)
    assert data["about"]["status"] == "gone" and len(data["retests"]) == 3
