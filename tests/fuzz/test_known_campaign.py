"""Known issues in a whole campaign, over the planted target."""

from __future__ import annotations

from pathlib import Path

from misfold.fuzz.store import Store

from .test_campaign import BRIEF, misfold

KNOWN = """
[[issue]]
title = "exp aborts"
target = "planted"
operators = ["exp"]
versions = { planted = "<2" }

[[issue]]
title = "sigmoid is taken for a ternary"
message = "sigmoid has 3 operands"
link = "https://example.org/7"

[[issue]]
title = "tanh of old"
operators = ["tanh"]
versions = { planted = "<1" }
"""
OPERATORS = "torch.exp,torch.sigmoid,torch.nn.functional.relu"


def test_known_issues_are_counted_and_steered_around(plugin: Path, tmp_path: Path) -> None:
    (tmp_path / "known.toml").write_text(KNOWN)
    folder = tmp_path / "c"
    options = ["--operators", OPERATORS, "--count", "80", "--nodes", "1", "--folder", str(folder)]
    result = misfold("run", *BRIEF, *options, "--known", str(tmp_path / "known.toml"))
    assert result.returncode == 0, result.stderr
    findings = Store(folder).findings()
    assert {item.kind for item in findings} == {"compile-error", "values"}  # no crash: exp is not compiled at all
    known = [item for item in findings if item.status == "known"]
    assert known and all(item.kind == "compile-error" for item in known)
    assert "https://example.org/7" in known[0].evidence[0]["what"]
    assert [bug.kind for bug in Store(folder).bugs()] == ["values"]
    assert "known: exp aborts: 0 findings, " in result.stdout
    assert f"known: sigmoid is taken for a ternary: {len(known)} findings, 0 programs" in result.stdout
    assert "tanh of old" not in result.stdout


def test_a_bad_file_of_known_issues_stops_nothing_that_has_begun(plugin: Path, tmp_path: Path) -> None:
    (tmp_path / "known.toml").write_text("[[issue]]\n")
    result = misfold(
        "run", *BRIEF, "--count", "1", "--folder", str(tmp_path / "c"), "--known", str(tmp_path / "known.toml")
    )
    assert result.returncode == 2
    assert "known.toml: issue 1: it has no title" in result.stderr
    assert "Traceback" not in result.stderr
