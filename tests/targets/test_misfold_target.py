"""The project's own compiler as a target: agreement with eager, pipelines as data, what is rejected, scripts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from misfold.programs.case import Case, parse_case
from misfold.programs.errors import TargetError
from misfold.programs.pipeline import Pipeline
from misfold.targets import registry
from misfold.targets.misfold import Misfold, graphs_of
from misfold.targets.misfold_pipelines import PIPELINES
from misfold.targets.running import run_case
from misfold.targets.torch_values import make_inputs
from misfold.triage.script import export_script

from .examples import BODIES, check, example, make
from .test_inductor import GRADIENT

BY_NAME = {pipeline.name: pipeline for pipeline in PIPELINES}


@pytest.fixture(scope="module")
def target() -> Misfold:
    target = Misfold()
    if reason := target.missing():
        pytest.skip(reason)
    return target


def eigenvalues() -> Case:
    return make('def program(x0: "float32[3, 3]"):\n    v0 = torch.linalg.eigvalsh(x0)\n    return (v0,)\n')


def test_it_is_registered():
    assert registry.targets()["misfold"] is Misfold


@pytest.mark.parametrize("name", BODIES)
def test_examples(target: Misfold, name: str):
    check(target, example(name))


def test_gradients(target: Misfold):
    outcome = check(target, parse_case(GRADIENT))
    assert len(outcome.gradients) == 1 and outcome.gradients[0] is not None


@pytest.mark.parametrize("pipeline", PIPELINES, ids=lambda pipeline: pipeline.name)
def test_every_pipeline(target: Misfold, pipeline: Pipeline):
    check(target, example("arithmetic"), pipeline)
    check(target, parse_case(GRADIENT), pipeline)


def test_pipelines_are_different_data():
    assert len(BY_NAME) == len(PIPELINES)
    assert len({str((pipeline.options, pipeline.passes)) for pipeline in PIPELINES}) == len(PIPELINES)
    assert PIPELINES[0].name == "O2"
    assert {
        "O0",
        "O1",
        "O3",
        "dynamic",
        "no-contraction",
        "bounds-checked",
        "without-vectorisation",
        "with-tiling",
    } <= set(BY_NAME)
    for pipeline in PIPELINES:
        assert Pipeline.from_data({"name": pipeline.name, **pipeline.to_data()}) == pipeline


def test_what_the_compiler_does_not_take_is_rejected_and_named(target: Misfold):
    outcome = run_case(target, eigenvalues())
    assert outcome.kind == "rejected" and outcome.failure is not None
    assert outcome.failure.operator == "aten._linalg_eigh.default"


EMPTY_PRODUCT = """# misfold case, version 1

def program(x0: "int64[]", x1: "int64[0, 3]", x2: "int64[3]"):
    v0 = torch.addmv(x0, x1, x2)
    return (v0,)

INPUTS = {
    "x0": {"draw": "constant", "value": 3},
    "x1": {"draw": "constant", "value": 3},
    "x2": {"draw": "constant", "value": 3},
}
"""


def test_a_shape_that_is_eager_s_alone_is_rejected(target: Misfold):
    outcome = run_case(target, parse_case(EMPTY_PRODUCT))
    assert outcome.kind == "rejected" and outcome.failure is not None
    assert "aten.addmv.default: eager's result has another shape" in outcome.failure.message
    outcome = run_case(target, parse_case(EMPTY_PRODUCT.replace("int64[]", "int64[1]").replace("0, 3", "2, 3")))
    assert outcome.kind == "values" and outcome.values[0].array().tolist() == [30, 30]


def test_what_dynamo_leaves_to_eager_is_rejected(target: Misfold, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch, "compile", lambda function, **_: function)
    outcome = run_case(target, example("arithmetic"))
    assert outcome.kind == "rejected" and outcome.failure is not None
    assert "eagerly" in outcome.failure.message


def test_what_torch_fails_at_is_rejected(target: Misfold, monkeypatch: pytest.MonkeyPatch):
    from misfold.compiler.frontend import backend

    def failing(*_: object, **__: object) -> None:
        raise AttributeError("nothing to do with the compiler")

    monkeypatch.setattr(backend, "aot_autograd", lambda **_: failing)
    outcome = run_case(target, example("arithmetic"))
    assert outcome.kind == "rejected" and outcome.failure is not None
    assert outcome.failure.type == "AttributeError"


@pytest.mark.parametrize("module", ["lowering", "codegen"])
def test_what_the_compiler_fails_at_is_its_own(target: Misfold, monkeypatch: pytest.MonkeyPatch, module: str):
    from misfold.compiler import driver

    def failing(*_: object, **__: object) -> None:
        raise ArithmeticError("planted")

    if module == "lowering":
        monkeypatch.setattr(driver, "lower", failing)
    else:
        monkeypatch.setattr(driver.codegen, "build", failing)
    outcome = run_case(target, example("arithmetic"))
    assert outcome.kind == "compile-error" and outcome.failure is not None
    assert "planted" in outcome.failure.message


def test_wrong_values_are_seen(target: Misfold, monkeypatch: pytest.MonkeyPatch):
    from misfold.compiler.frontend.executable import Executable

    original = Executable.__call__
    monkeypatch.setattr(Executable, "__call__", lambda self, *given: tuple(one + 1 for one in original(self, *given)))
    with pytest.raises(AssertionError, match="Not equal"):
        check(target, example("arithmetic"))


@pytest.mark.parametrize(
    ("pipeline", "message"),
    [
        (Pipeline("mine", {"speed": 9}), "unknown option 'speed'"),
        (Pipeline("mine", {"dynamic": 1}), "option dynamic must be a bool"),
        (Pipeline("mine", {"codegen": {"speed": 9}}), "the code generator has no option 'speed'"),
        (Pipeline("mine", {"codegen": {"level": "high"}}), "level must be one of"),
        (Pipeline("mine", {}, (("no-such-pass", {}),)), "there is no pass 'no-such-pass'"),
        (Pipeline("mine", {}, (("tiling", {"size": "large"}),)), "pass tiling: size must be of type int"),
        (Pipeline("mine", {}, (("tiling", {"length": 3}),)), "pass tiling has no parameter 'length'"),
        (Pipeline("mine", {}, (("tiling", {}), ("layout", {}))), "layout works on graphs"),
    ],
)
def test_a_pipeline_that_cannot_be_made(target: Misfold, pipeline: Pipeline, message: str):
    case = example("arithmetic")
    with pytest.raises(TargetError, match=message) as caught:
        target.compile(case.graph, make_inputs(case), pipeline)
    assert "misfold, pipeline 'mine'" in str(caught.value)


def test_options_reach_the_code_generator(target: Misfold, monkeypatch: pytest.MonkeyPatch):
    from misfold.compiler import codegen

    seen = []
    original = codegen.build
    monkeypatch.setattr(codegen, "build", lambda function, options: seen.append(options) or original(function, options))
    check(target, example("arithmetic"), BY_NAME["bounds-checked"])
    check(target, example("arithmetic"), Pipeline("default", {"codegen": {"level": 2}}))
    assert [(one.bounds_checked, one.level) for one in seen] == [(True, 1), (False, 2)]


def test_graphs_of_a_program(target: Misfold):
    case = parse_case(GRADIENT)
    (forward, inputs), (backward, _) = graphs_of(case.graph, make_inputs(case))
    assert [value.type.shape for value in forward.inputs] == [(4, 18), (18,)]
    assert [array.shape for array in inputs] == [(4, 18), (18,)]
    assert (4, 18) in [value.type.shape for value in backward.outputs]
    with pytest.raises(TargetError, match=r"does not take this program: aten\._linalg_eigh"):
        graphs_of(eigenvalues().graph, make_inputs(eigenvalues()))


@pytest.mark.parametrize(
    "pipeline",
    ["dynamic", pytest.param("O2", marks=pytest.mark.slow), pytest.param("bounds-checked", marks=pytest.mark.slow)],
)
def test_a_script_stands_alone(target: Misfold, tmp_path: Path, pipeline: str):
    path = tmp_path / "script.py"
    path.write_text(export_script(example("arithmetic"), target, BY_NAME[pipeline], heading="a test"))
    result = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, cwd=tmp_path, timeout=120)
    assert result.returncode == 0, result.stdout + result.stderr
    assert 'backend="misfold"' in path.read_text()
