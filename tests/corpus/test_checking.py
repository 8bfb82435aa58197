"""Whether targets do what is expected."""

from __future__ import annotations

from pathlib import Path

import pytest

from misfold.corpus.adding import add_entry, range_of
from misfold.corpus.checking import check, check_all
from misfold.corpus.entries import entry_of, read_entry
from misfold.programs.errors import UsageError

from .conftest import GRAPH, KERNEL

KNOWN = '{"target": "inductor", "result": "wrong", "versions": {"numpy": ">=2,<3"}}'
OLD = '{"target": "inductor", "result": "wrong", "versions": {"numpy": "<2"}}'
FINE = '{"target": "inductor", "result": "ok"}'


@pytest.mark.parametrize(
    ("expected", "seen", "status", "runs"),
    [
        (KNOWN, ["wrong"], "known", [False]),
        (KNOWN, ["ok"], "fixed", [False, True]),
        (KNOWN, ["crash"], "changed", [False, True]),
        (KNOWN, ["undecided"], "undecided", [False, True]),
        (OLD, ["ok"], "passed", [False]),
        (OLD, ["wrong"], "failed", [False, True]),
        (FINE, ["ok"], "passed", [False]),
        (FINE, ["hang"], "failed", [False, True]),
        # What an earlier case left behind in a worker is no change in the target.
        (FINE, ["crash", "ok"], "passed", [False, True]),
        (KNOWN, ["ok", "wrong"], "known", [False, True]),
    ],
)
def test_statuses(laboratory, expected, seen, status, runs):
    laboratory.results["inductor"] = seen
    room = laboratory()
    checked = check(entry_of(GRAPH % expected, Path("a.case.py")), "inductor", room)
    assert checked.status == status
    assert [fresh for _, fresh in room.calls] == runs
    assert checked.bad() is (status in ("changed", "failed"))
    assert checked.bad(strict=True) is (status in ("changed", "failed", "fixed"))


def test_a_target_that_is_not_here_is_skipped_and_named(laboratory):
    entry = entry_of(GRAPH % KNOWN, Path("a.case.py"))
    [checked] = check_all([entry], laboratory())
    assert checked.status == "skipped"
    assert "not installed" in checked.detail
    assert not list(check_all([entry], laboratory(), ["tvm"]))


@pytest.mark.parametrize(("text", "suffix"), [(GRAPH, ".case.py"), (KERNEL, ".kernel")])
def test_what_is_seen_three_times_is_expected(tmp_path, laboratory, text, suffix):
    laboratory.results.update(inductor=["compile-error"], tvm=["ok"])
    room = laboratory()
    entry = entry_of(text % "", Path("a.case.py"))
    path = add_entry(entry, ("inductor", "tvm"), tmp_path / "corpus", room)
    assert room.calls == [("inductor", True)] * 3 + [("tvm", True)] * 3
    assert path.name.startswith("inductor-") and path.name.endswith(suffix)
    found = read_entry(path)
    assert [(one.target, one.result, dict(one.versions)) for one in found.expectations] == [
        ("inductor", "compile-error", {"numpy": ">=2.1.0"}),
        ("tvm", "ok", {}),
    ]
    assert {one.status for one in check_all([found], room)} == {"known", "passed"}
    with pytest.raises(UsageError, match="already"):
        add_entry(entry, ("inductor",), tmp_path / "corpus", room)


@pytest.mark.parametrize(
    ("results", "why"), [(["ok"], "no target fails"), (["wrong", "ok"], "differ"), (["undecided"], "nothing")]
)
def test_what_is_not_clear_is_not_added(tmp_path, laboratory, results, why):
    laboratory.results["inductor"] = results
    with pytest.raises(UsageError, match=why):
        add_entry(entry_of(GRAPH % "", Path("a.case.py")), ("inductor",), tmp_path, laboratory())
    assert not list(tmp_path.iterdir())


def test_version_ranges():
    assert range_of("torch>=2.13,<2.14") == {"torch": "<2.14,>=2.13"}
    with pytest.raises(UsageError, match="version range"):
        range_of("torch from 2")
