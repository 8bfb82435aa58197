"""Reduction and localisation through isolated workers, over the planted target."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from misfold.fuzz.campaign import Servers, find_targets
from misfold.fuzz.examine import Examination, Examiner
from misfold.fuzz.reducing import Reducer, normal_form, remedy_pipeline, size_of
from misfold.programs.case import parse_case
from misfold.programs.pipeline import Pipeline
from misfold.targets.isolation.limits import Limits
from misfold.triage.localise.blame import PASSES, Blame
from misfold.triage.reduce.search import Bounds

TEXT = """# misfold case, version 1
def program(x0: "float32[4, 6]", x1: "bfloat16[6]"):
    v0: "float32[4, 6]" = torch.mul(x0, 2.0)
    v1: "float32[4, 6]" = torch.nn.functional.relu(v0)
    v2: "float32[4]" = torch.sum(v1, 1)
    v3: "bfloat16[6]" = torch.neg(x1)
    v4: "float32[4]" = torch.OPERATOR(v2)
    return v3, v4
INPUTS = {
    "x0": {"draw": "normal", "seed": 1},
    "x1": {"draw": "normal", "seed": 2},
}
"""
CASE = parse_case(TEXT.replace("OPERATOR", "mul").replace("mul(v2)", "mul(v2, 3.0)"))


@pytest.fixture(scope="module")
def examiner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Examiner]:
    from .conftest import _forget, install_plugin

    with pytest.MonkeyPatch.context() as patch:
        install_plugin(tmp_path_factory.mktemp("site"), patch)
        targets = find_targets(("planted",))
        scratch = tmp_path_factory.mktemp("scratch")
        servers = Servers(targets, scratch, Limits(seconds=20))
        try:
            servers.start()
            made = Examiner(servers.servers, targets, scratch / "lane", 20)
            yield made
            made.close()
        finally:
            servers.close()
            sys.modules.pop("planted", None)
    _forget()


def first(examiner: Examiner, case: Any) -> Examination:
    found = examiner.examine(case, "planted", Pipeline("default"))
    assert found.bad
    return found


def test_a_finding_is_reduced_localised_and_resumed(examiner, tmp_path):
    failing = first(examiner, CASE)
    reducer = Reducer([examiner], failing, Bounds(300, 120), history=tmp_path)
    done = reducer.run()
    assert done.same
    assert done.plain.case.graph.operators == ("torch.nn.functional.relu",)
    assert done.facts["after"] == {"nodes": 1, "elements": 1, "passes": 0}
    assert done.facts["before"]["nodes"] == 5
    assert done.blame.stage == "not under careful"
    assert ("careful", PASSES) in {(row.name, row.result) for row in done.blame.mitigations}
    steps = sorted(tmp_path.glob("*.case.py"))
    assert all(examiner.examine(parse_case(path.read_text()), "planted", failing.pipeline).bad for path in steps[-2:])
    # Every value's type is stated, though tiers changed shapes and types.
    assert all(value.type is not None for value in done.plain.case.graph.values.values())
    again = Reducer([examiner], failing, Bounds(300, 120), history=tmp_path).run()
    assert again.facts["tests"] == 0
    assert again.plain.case == done.plain.case


def test_a_failure_of_one_operator_stays_with_it(examiner):
    done = Reducer([examiner], first(examiner, CASE), Bounds(300, 120)).run()
    assert done.normal.graph.operators == ("torch.nn.functional.relu",)


def test_another_failure_on_the_way_is_handed_over_and_not_taken(examiner):
    # The planted compiler refuses sigmoid with a failed check; without it there is the wrong value of relu.
    case = parse_case(
        "# misfold case, version 1\n"
        'def program(x0: "float32[6]"):\n    v0 = torch.sigmoid(x0)\n    v1 = torch.nn.functional.relu(v0)\n'
        '    return (v1,)\nINPUTS = {"x0": {"draw": "normal", "seed": 1}}\n'
    )
    failing = first(examiner, case)
    assert failing.outcome.kind == "compile-error"
    met: list[Examination] = []
    done = Reducer([examiner], failing, Bounds(300, 120), other=met.append).run()
    assert done.plain.case.graph.operators == ("torch.sigmoid",)
    assert done.plain.outcome.kind == "compile-error"
    assert [found.outcome.kind for found in met] == ["values"]
    assert "torch.nn.functional.relu" in met[0].case.graph.operators


def test_sizes_and_normal_forms():
    assert size_of(CASE) == {"nodes": 5, "elements": 30, "passes": 0}
    assert normal_form(normal_form(CASE)) == normal_form(CASE)


def test_the_remedy_for_a_pass_is_to_leave_it_out():
    pipeline = Pipeline("p", {}, (("a", {}), ("b", {})))
    without = remedy_pipeline(pipeline, Blame("b", "", ("prefix",)))
    assert without is not None
    assert without.passes == (("a", {}),)
    assert remedy_pipeline(pipeline, Blame("c")) is None


def misfold(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "misfold.fuzz", *arguments], capture_output=True, text=True, timeout=280
    )


@pytest.mark.slow
def test_the_commands(plugin: Path, tmp_path: Path) -> None:
    path = tmp_path / "one.case.py"
    path.write_text(CASE.text)
    small = tmp_path / "small.case.py"
    result = misfold(
        "reduce", str(path), "-t", "planted", "-o", str(small), "--history", str(tmp_path / "h"), "-j", "2"
    )
    assert result.returncode == 0, result.stderr
    assert parse_case(small.read_text()).graph.operators == ("torch.nn.functional.relu",)
    assert "5 nodes" in result.stderr
    found = misfold("localise", str(small), "--json")
    assert json.loads(found.stdout)["key"] == "not under careful"
    fine = misfold("reduce", str(path), "-t", "planted", "-p", "careful")
    assert fine.returncode == 1
    assert "does not fail" in fine.stdout
    wrong = misfold("localise", str(path))
    assert wrong.returncode == 2
    assert "--target" in wrong.stderr
    assert "Traceback" not in wrong.stderr
