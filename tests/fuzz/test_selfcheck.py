"""The self-check raises no alarm over honest evaluations, and would raise one over a dishonest one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from misfold.fuzz import selfcheck as service
from misfold.fuzz.cli import make_app
from misfold.fuzz.commands import inspection
from misfold.fuzz.selfcheck import self_check, serve
from misfold.oracles import selfcheck


def test_a_few_cases_are_clean() -> None:
    result = serve({"seed": 3, "indices": list(range(8)), "options": {"min_nodes": 2, "max_nodes": 5}})
    assert result["cases"] == 8
    assert result["evaluations"] > 8
    assert not result["findings"]


def test_a_dishonest_variant_is_an_alarm(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = selfcheck.VARIANTS["float64 throughout"]

    def dishonest(graph, inputs):  # type: ignore[no-untyped-def]
        return [value + 1 if value.dtype.is_floating_point else value for value in honest(graph, inputs)]

    monkeypatch.setitem(selfcheck.VARIANTS, "dishonest", dishonest)
    result = serve({"seed": 3, "indices": list(range(8)), "options": {"min_nodes": 2, "max_nodes": 5}})
    assert {finding["variant"] for finding in result["findings"]} == {"dishonest"}


CLEAN: dict[str, Any] = {"cases": 4, "evaluations": 30, "undecided": 2, "lost": [], "findings": [], "seed": 3}


SERVICE = """
import os

def serve(request):
    if 13 in request["indices"]:
        os.kill(os.getpid(), 9)
    return {"findings": [], "evaluations": 2, "undecided": 0, "cases": len(request["indices"])}
"""


def test_a_case_that_kills_its_worker_is_lost_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "unlucky.py").write_text(SERVICE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(service, "SERVICE", "unlucky:serve")
    result = self_check(25, seed=3, jobs=1)
    assert result["cases"] == 24
    assert [entry["index"] for entry in result["lost"]] == [13]
    assert "SIGKILL" in result["lost"][0]["reason"]


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        ({}, 0, "0 cases lost"),
        ({"lost": [{"index": 2, "reason": "SIGKILL: killed"}]}, 1, "case 2 lost: SIGKILL: killed"),
    ],
)
def test_lost_cases_are_named_and_fail_the_command(
    monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], status: int, said: str
) -> None:
    monkeypatch.setattr(inspection, "self_check", lambda *_: {**CLEAN, **change})
    printed = CliRunner().invoke(make_app(), ["selfcheck"])
    assert printed.exit_code == status
    assert said in printed.output
    as_data = CliRunner().invoke(make_app(), ["selfcheck", "--json"])
    assert as_data.exit_code == status
    assert len(json.loads(as_data.stdout)["lost"]) == status


@pytest.mark.slow
def test_many_cases_are_clean() -> None:
    result = self_check(1000, seed=17, jobs=2)
    assert result["cases"] == 1000
    assert result["findings"] == []
    assert result["lost"] == []
