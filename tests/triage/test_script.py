"""Exported scripts: they stand alone, print expected against actual, and exit with 1 exactly if the target fails."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from misfold.oracles.verdict import Claim
from misfold.programs.case import Case, parse_case
from misfold.programs.graph import Graph
from misfold.programs.pipeline import Pipeline
from misfold.targets.eager import Eager
from misfold.targets.running import run_case
from misfold.triage.script import execute_script, export_script, float64_graph, run_script

CASE = parse_case(
    """# misfold case, version 1
def program(x0: "float32[2, 3]{1, 2}", x1: "bfloat16[3]", x2: "int64[2]"):
    v0: "float32[2, 3]" = torch.add(x0, x1)
    v1: "float32[2, 3]" = torch.exp(v0)
    v2: "float16[2, 3]" = v1.half()
    v3: "int64[2]" = torch.mul(x2, x2)
    v4: "float32[3, 2]" = v1.t()
    return v1, v2, v3, v4
INPUTS = {
    "x0": {"draw": "normal", "seed": 1, "requires_grad": True},
    "x1": {"draw": "normal", "seed": 2},
    "x2": {"draw": "integers", "seed": 3, "low": -5, "high": 5},
}
"""
)


class Scripted(Eager):
    """Eager with a fault of one's choice in its script."""

    fault = "outputs"

    def script(self, graph: Graph, pipeline: Pipeline) -> str:
        return f"""
def compile_program(program, inputs):
    def run(tensors):
        outputs = list(program(*tensors))
        {self.fault}
        return outputs
    return run
"""


def run(case: Case, fault: str, tmp_path: Path) -> tuple[int, str]:
    target = Scripted()
    target.fault = fault
    path = tmp_path / "script.py"
    path.write_text(export_script(case, target, heading='a """heading""" with \\backslash'))
    result = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, cwd=tmp_path, timeout=120)
    return result.returncode, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("fault", "status", "says"),
    [
        ("pass", 0, "passes: eager"),
        ("outputs[0] = outputs[0] + 0.5", 1, "supports eager"),
        ("outputs[2] = outputs[2] + 1", 1, "out2: 2 of 2 elements are wrong"),
        ("outputs[1] = outputs[1].float()", 1, "expected torch.float16"),
        ("outputs[3] = outputs[3].clone()", 1, "shares storage with out0 in eager"),
        ("raise ValueError('no such thing')", 1, "eager runs this program, eager raises ValueError"),
        ("os.abort()", 1, "died of SIGABRT"),
    ],
)
def test_the_exit_status_is_the_verdict(fault: str, status: int, says: str, tmp_path: Path) -> None:
    code, output = run(CASE, fault, tmp_path)
    assert says in output
    assert code == status


@pytest.mark.parametrize(
    ("fault", "bound", "says"),
    [
        ("pass", 1e-6, "passes: eager"),
        ("outputs[1] = outputs[1] * (1 + 1e-6)", 1e-3, "passes: eager"),
        ("outputs[1] = outputs[1] * (1 + 1e-6)", 1e-7, "no honest evaluation is off by more than 1e-07"),
        ("outputs[1] = outputs[1] * (1 + 1e-6)", 0.0, "the bits must agree"),
    ],
)
def test_what_is_proved_of_an_element_decides(fault: str, bound: float, says: str, tmp_path: Path) -> None:
    case = replace(CASE, graph=replace(CASE.graph, returns=("v0", "v1")))
    eager = run_case(Eager(), case).values[1].array()
    claim = Claim("out1", (1, 2), eager[1, 2].item(), bound)
    target = Scripted()
    target.fault = fault
    done = execute_script(export_script(case, target, claim=claim), tmp_path)
    assert says in done.output
    assert done.result == ("passes" if says.startswith("passes") else "reproduces")


def test_scripts_import_nothing_of_misfold() -> None:
    assert "misfold" not in export_script(CASE, Scripted())


def test_a_relative_folder_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_script("raise SystemExit(7)", Path("here/scratch")) == "exit status 7"


def test_run_script_names_what_it_saw(tmp_path: Path) -> None:
    broken = Scripted()
    broken.fault = "outputs[2] = outputs[2] + 1"
    assert run_script(export_script(CASE, broken), tmp_path) == "reproduces"
    broken.fault = "pass"
    assert run_script(export_script(CASE, broken), tmp_path) == "passes"
    assert run_script("raise SystemExit(7)", tmp_path) == "exit status 7"
    assert run_script("raise ValueError", tmp_path) == "exit status 1"


def test_the_float64_program_names_no_lower_type() -> None:
    operators = float64_graph(CASE.graph).operators
    assert "torch.Tensor.double" in operators
    assert "torch.Tensor.half" not in operators


@pytest.mark.parametrize("line", ["no result after 60 seconds", "tvm does not end within 60 s"])
def test_a_time_limit_reproduces_hangs_only(tmp_path, line):
    script = f"import sys\nprint('FAILS: {line}')\nsys.exit(1)"
    assert run_script(script, tmp_path) == "timed out"
    assert run_script(script, tmp_path, hangs=True) == "reproduces"
