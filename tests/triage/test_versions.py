"""Finding the version with which a bug began or ended."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misfold.programs.errors import UsageError
from misfold.triage.versions import (
    FAILS,
    PASSES,
    Environment,
    Trial,
    bisect,
    changes,
    find_environment,
    in_order,
    run_in,
)


def environment(version: str, name: str = "") -> Environment:
    versions = {"python": "3.11.7"} | ({"torch": version} if version else {})
    return Environment(name or version, Path(sys.executable), versions)


def row(count: int) -> list[Environment]:
    return [environment(f"2.{index}.0") for index in range(count)]


def test_order_is_that_of_versions_not_of_texts():
    given_order = [environment(one) for one in ("2.10.0", "", "2.9.1+cpu", "2.9.0")]
    assert [one.name for one in in_order(given_order, "torch")] == ["2.9.0", "2.9.1+cpu", "2.10.0", ""]


@given(st.integers(2, 40), st.data())
def test_one_change_is_found_in_few_runs(count, data):
    change = data.draw(st.integers(1, count - 1))
    before, after = data.draw(st.permutations([FAILS, PASSES]))
    tried = []

    def trial(one):
        index = int(one.name.split(".")[1])
        tried.append(index)
        return Trial(one, before if index < change else after)

    trials = bisect(row(count), trial)
    assert len(tried) == len(set(tried)) <= 2 + count.bit_length()
    word = "begins" if after == FAILS else "ends"
    assert changes(trials, "torch") == [f"{word} after torch 2.{change - 1}.0, at the latest with 2.{change}.0"]


def test_what_says_nothing_is_passed_over():
    results = [FAILS, "exit status 3", "exit status 3", FAILS, "timed out", PASSES]
    trials = bisect(row(6), lambda one: Trial(one, results[int(one.name.split(".")[1])]))
    assert changes(trials, "torch") == ["ends after torch 2.3.0, at the latest with 2.5.0"]
    nothing = bisect(row(3), lambda one: Trial(one, "timed out"))
    assert changes(nothing, "torch") == ["no environment says anything"]
    ends = bisect(row(4), lambda one: Trial(one, ["timed out", PASSES, FAILS, "timed out"][int(one.name[2])]))
    assert changes(ends, "torch") == ["begins after torch 2.1.0, at the latest with 2.2.0"]


def test_a_bug_that_came_and_went_is_seen_when_the_ends_agree():
    results = [PASSES, FAILS, FAILS, PASSES]
    trials = bisect(row(4), lambda one: Trial(one, results[int(one.name.split(".")[1])]))
    assert len(trials) == 4
    assert [line.split()[0] for line in changes(trials, "torch")] == ["begins", "ends"]
    same = bisect(row(3), lambda one: Trial(one, FAILS))
    assert changes(same, "torch") == ["fails in every environment that was tried (2.0.0 to 2.2.0)"]


def test_every_environment_is_tried_if_asked_for():
    assert len(bisect(row(5), lambda one: Trial(one, FAILS if one.name < "2.2" else PASSES), every=True)) == 5


@pytest.mark.parametrize(
    ("script", "result"),
    [
        ("import sys\nprint('FAILS: wrong')\nsys.exit(1)", FAILS),
        ("print('passes')", PASSES),
        ("import nothing_of_this_name", "exit status 1"),
    ],
)
def test_a_script_is_run_in_an_environment(tmp_path, script, result):
    found = find_environment(sys.executable, ["numpy"])
    assert run_in(found, script, "numpy", tmp_path).result == result


def test_an_environment_without_the_package_says_nothing(tmp_path):
    done = run_in(environment(""), "print('passes')", "torch", tmp_path)
    assert not done.decided and done.result == "torch is not installed"


def test_environments_are_named_by_folder_or_interpreter(tmp_path):
    folder = tmp_path / "venv" / "bin"
    folder.mkdir(parents=True)
    (folder / "python").symlink_to(sys.executable)
    found = find_environment(str(tmp_path / "venv"), ["numpy", "no-such-distribution"])
    assert found.python == folder / "python"
    assert found.versions["python"] == sys.version.split()[0]
    assert "no-such-distribution" not in found.versions
    with pytest.raises(UsageError, match="no interpreter"):
        find_environment(str(tmp_path), [])
    fake = tmp_path / "fake"
    fake.write_text("#!/bin/sh\necho hello\n")
    fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
    with pytest.raises(UsageError, match="does not answer"):
        find_environment(str(fake), [])
