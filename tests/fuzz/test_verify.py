"""``misfold verify`` and ``misfold costs`` as a user runs them, and equivalent programs within a campaign."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from misfold.fuzz import cli, costs, relating, spending, verifying
from misfold.fuzz.store import Store
from misfold.oracles.metamorphic import variants
from misfold.oracles.verdict import Verdict
from misfold.programs.parser import parse_graph
from misfold.programs.pipeline import Pipeline
from misfold.targets.eager import Eager
from misfold.targets.outcome import Outcome
from misfold.targets.running import run_case

PROGRAM = """
def program(x0: "float32[4, 6]"):
    v0 = torch.{op}(x0)
    v1 = torch.sum(v0, 1)
    return v0, v1
"""


def misfold(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "misfold.fuzz", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=200, env=dict(os.environ))


@pytest.mark.slow
def test_a_wrong_target_and_an_honest_one(plugin, tmp_path):
    (tmp_path / "relu.py").write_text(PROGRAM.format(op="relu").lstrip())
    oracles = "differential,metamorphic,memory,exact-gradients"
    done = misfold(
        "verify", "relu.py", "--targets", "planted,eager", "--json", "-o", oracles,
        "--relations", "unit-factor,exposed", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    data = json.loads(done.stdout)
    assert data["proved"] is True
    rows = {(row["target"], row["oracle"]): row for row in data["rows"]}
    wrong = rows["planted", "differential (values)"]
    assert wrong["verdict"] == "proved" and len(wrong["explanation"].splitlines()) == 3
    assert rows["eager", "differential"]["verdict"] == "ok"
    assert "unit-factor" in rows["eager", "metamorphic"]["explanation"]
    assert rows["eager", "memory"]["verdict"] == "ok"
    assert "no polynomial" in rows["eager", "exact-gradients"]["explanation"]
    assert any(row["oracle"] == "metamorphic: unit-factor" for row in data["rows"] if row["target"] == "planted")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nowhere.py",), "cannot be read"),
        (("notes.py",), "no graph"),
        (("good.py", "--oracles", "metamorfic"), "did you mean metamorphic"),
        (("good.py", "--relations", "batch"), "unknown relation"),
    ],
)
def test_mistakes_are_one_line(arguments, words, tmp_path, monkeypatch, capsys):
    (tmp_path / "notes.py").write_text("print('hello')\n")
    (tmp_path / "good.py").write_text(PROGRAM.format(op="exp").lstrip())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["misfold", "verify", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    error = capsys.readouterr().err
    assert ended.value.code == 2
    assert words in error and len(error.strip().splitlines()) == 1


def test_inputs_of_a_graph_without_recipes():
    from misfold.fuzz.commands.verify import with_recipes

    graph = parse_graph(
        'def program(x0: "float16[2]", x1: "int64[2]", x2: "bool[2]"):\n    v0 = torch.where(x2, x0, x1)\n'
        "    return (v0,)\n"
    )
    first, second = with_recipes(graph, 1), with_recipes(graph, 2)
    assert [recipe["draw"] for recipe in first.recipes.values()] == ["normal", "integers", "bernoulli"]
    assert first.recipes != second.recipes
    assert verifying.requiring(first).gradient


class _Examiner:
    """Runs services here, and a target that is wrong about programs that multiply."""

    seconds = 10.0

    def call(self, server, service, request, seconds):
        return SimpleNamespace(data=variants.serve(request))

    def run(self, case, target, pipeline):
        return run_case(Eager(), case)

    def judge(self, case, target, eager, reference, outcome):
        wrong = "torch.mul" in case.graph.operators
        return Verdict("proved", "values", "it multiplies") if wrong else Verdict("ok", "values")


def test_a_campaign_reports_the_variant_that_fails():
    from misfold.fuzz.commands.verify import with_recipes

    case = with_recipes(parse_graph(PROGRAM.format(op="exp").lstrip()), 1)
    found = [relating.failing_variant(_Examiner(), case, "some", Pipeline("default"), seed) for seed in range(12)]
    failing = [item for item in found if item is not None]
    assert failing and len(failing) < len(found)
    variant, outcome, verdict = failing[0]
    assert variant.about["relation"] == "unit-factor" and verdict.kind == "proved"
    assert isinstance(outcome, Outcome) and "torch.mul" in variant.graph.operators


def test_the_share_decides_which_cases_have_variants():
    picked = sum(relating.chosen(7, index, "tvm", 0.1) for index in range(2000))
    assert 150 < picked < 250
    assert not any(relating.chosen(7, index, "tvm", 0.0) for index in range(100))
    assert relating.chosen(7, 3, "tvm", 1.0)


def test_costs_that_stand_out(tmp_path, monkeypatch, capsys):
    store = Store(tmp_path, create=True)
    campaign = store.begin(1, {}, {}, 0.0)
    cases = [
        {"index": i, "hash": f"{i:016x}", "nodes": 5 + i % 3, "exact": False, "gradient": False, "note": ""}
        for i in range(40)
    ]
    outcomes = [
        {
            "index": i, "target": "tvm", "pipeline": "default", "kind": "values", "verdict": "ok",
            "seconds": 9.0 if i == 17 else 0.1 + i / 1000, "note": "",
        }
        for i in range(40)
    ]  # fmt: skip
    store.finish_block(campaign, 0, cases, outcomes)
    ran = [
        replace(Outcome("values"), facts={"spent": {"memory": (300 if i == 23 else 10 + i % 2) * 2**20}})
        for i in range(40)
    ]
    spending.save(store, campaign, [spending.row(i, "tvm", "default", outcome) for i, outcome in enumerate(ran)])
    assert spending.row(1, "tvm", "default", Outcome("values")) is None
    (cost, judged), (other, _) = costs.outliers(store)
    assert cost.index == 17 and judged.kind == "outlier"
    assert (other.index, other.of, other.amount) == (23, "memory", 300 * 2**20)
    assert [cost.index for cost, _ in costs.outliers(store, "memory")] == [23]
    assert costs.costs(store, "inductor") == [] and costs.costs(store, of="instructions") == []
    store.close()
    monkeypatch.setattr(sys, "argv", ["misfold", "costs", "--folder", str(tmp_path), "--json"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 0
    assert [(row["case"], row["of"]) for row in json.loads(capsys.readouterr().out)] == [
        (17, "seconds"),
        (23, "memory"),
    ]
