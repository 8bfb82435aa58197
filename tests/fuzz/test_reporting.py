"""``misfold report`` as a user runs it, over the target with planted bugs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from misfold.fuzz.cli import make_app
from misfold.programs.errors import UsageError

TEXT = """# misfold case, version 1

def program(x0: "float32[3]"):
    v0: "float32[3]" = torch.nn.functional.OPERATOR(x0)
    return (v0,)

INPUTS = {
    "x0": {"draw": "normal", "seed": 1},
}

ABOUT = {
    "title": "the last element is one too large",
}
"""


def report(folder: Path, operator: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    path = folder / "it.case.py"
    path.write_text(TEXT.replace("OPERATOR", operator))
    command = [sys.executable, "-m", "misfold.fuzz", "report", str(path), "--target", "planted", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=280)


@pytest.mark.slow
def test_a_case_file_becomes_a_draft_that_a_maintainer_can_run(plugin: Path, tmp_path: Path) -> None:
    known = tmp_path / "known.toml"
    known.write_text('[[issue]]\ntitle = "another"\noperators = ["nn.functional.relu"]\nkinds = ["hang"]\n')
    done = report(tmp_path, "relu", "-o", "draft.html", "--html", "--known", str(known))
    assert done.returncode == 0, done.stderr
    html = (tmp_path / "draft.html").read_text()
    for text in (
        "planted: the last element is one too large", "<svg", "FAILS: planted", "float64 supports", "rejects",
        "planted: 1.0", "careful", "known issue of these operators: another", "PyTorch version",
    ):  # fmt: skip
        assert text in html, text
    assert "NOT READY" not in html


@pytest.mark.slow
def test_what_does_not_fail_is_refused_and_marked(plugin: Path, tmp_path: Path) -> None:
    refused = report(tmp_path, "silu", "--json")
    assert refused.returncode == 1, refused.stderr
    data = json.loads(refused.stdout)
    assert not data["ready"]
    assert [one["rule"] for one in data["objections"]] == ["not reproducing"]
    anyway = report(tmp_path, "silu", "--anyway", "--no-localise")
    assert anyway.returncode == 0, anyway.stderr
    assert "NOT READY to be reported" in anyway.stdout.partition("# ")[0]


@pytest.mark.slow
def test_a_refusal_writes_nothing(plugin: Path, tmp_path: Path) -> None:
    done = report(tmp_path, "silu", "-o", "draft.md")
    assert done.returncode == 1
    assert "not reproducing: it does not fail in a fresh process just now" in done.stderr
    assert not (tmp_path / "draft.md").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--for", "tvm"), "a bug of planted is none of Apache TVM's; try --for plain"),
        (("--for", "jax"), "no template for 'jax'"),
        (("--known", "missing.toml"), "missing.toml: cannot be read"),
    ],
)
def test_mistakes_are_clear_before_anything_runs(
    plugin: Path, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    path = tmp_path / "it.case.py"
    path.write_text(TEXT.replace("OPERATOR", "relu"))
    done = CliRunner().invoke(
        make_app(), ["report", str(path), "--target", "planted", *arguments], standalone_mode=False
    )
    assert isinstance(done.exception, UsageError)
    assert message in str(done.exception)
