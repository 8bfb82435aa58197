"""The Inductor target: agreement with eager, its stages, what ran eagerly, and what it leaves on disk."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from misfold.programs.case import Case, merge_cases
from misfold.programs.errors import TargetError
from misfold.programs.pipeline import Pipeline
from misfold.targets.inductor import CACHE_VARIABLE, Inductor
from misfold.targets.inductor_pipelines import PIPELINES, STAGES
from misfold.targets.running import run_case

from .examples import check, example, make

DEFAULT, BY_NAME = PIPELINES[0], {pipeline.name: pipeline for pipeline in PIPELINES}
GRADIENT = """# misfold case, version 1

def program(x0: "float32[4, 18]", x1: "float32[18]"):
    v0 = torch.mul(x0, x1)
    v1 = torch.sin(v0)
    return (v1,)

INPUTS = {
    "x0": {"draw": "normal", "seed": 1, "requires_grad": True},
    "x1": {"draw": "normal", "seed": 2},
}
"""


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("inductor")
    # One set of precompiled headers for all tests of a machine's user would be faster, and would hide stale ones.
    before = {
        name: os.environ.get(name) for name in (CACHE_VARIABLE, "TMPDIR", "TORCHINDUCTOR_CACHE_DIR", "COMPILER_PATH")
    }
    os.environ[CACHE_VARIABLE] = str(folder / "shared")
    import tempfile

    directory = tempfile.tempdir
    target = Inductor()
    if reason := target.missing():
        pytest.skip(reason)
    (folder / "worker").mkdir()
    target.settle(str(folder / "worker"))
    yield target
    tempfile.tempdir = directory
    for name, value in before.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value


def test_a_batch_agrees_with_eager(target: Inductor):
    names = ["arithmetic", "several outputs", "integers", "views", "in place", "written input", "0-d and empty",
             "strided input", "written through a view"]  # fmt: skip
    check(target, merge_cases([example(name) for name in names]))


def test_gradients(target: Inductor):
    from misfold.programs.case import parse_case

    outcome = check(target, parse_case(GRADIENT))
    assert len(outcome.gradients) == 1 and outcome.gradients[0] is not None


@pytest.mark.parametrize("pipeline", STAGES, ids=lambda pipeline: pipeline.name)
@pytest.mark.parametrize("name", ["arithmetic", "written through a view", "input returned"])
def test_stages(target: Inductor, pipeline: Pipeline, name: str):
    check(target, example(name), pipeline)


@pytest.mark.slow
@pytest.mark.parametrize("pipeline", PIPELINES, ids=lambda pipeline: pipeline.name)
def test_every_pipeline_compiles_and_agrees(target: Inductor, pipeline: Pipeline):
    check(target, example("arithmetic"), pipeline)


def test_every_pipeline_names_what_exists(target: Inductor):
    from misfold.targets.inductor import configuration

    for pipeline in PIPELINES:
        with configuration(pipeline):
            pass


def test_a_program_that_dynamo_does_not_capture_is_rejected(target: Inductor, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch, "compile", lambda function, **_: function)
    outcome = run_case(target, example("arithmetic"), STAGES[0])
    assert outcome.kind == "rejected" and outcome.failure is not None
    assert "eagerly" in outcome.failure.message


def test_a_graph_break_is_no_failure(target: Inductor):
    case = make(
        'def program(x0: "float32[6]"):\n    v0 = torch.mul(x0, 2.0)\n    v1 = torch.nonzero(v0)\n'
        "    v2 = torch.add(v1, 1)\n    return v0, v2\n"
    )
    check(target, case, BY_NAME["aot_eager"])


def failing_backend(monkeypatch: pytest.MonkeyPatch, when: str) -> Case:
    def backend(module, inputs):
        if when == "compile":
            raise ArithmeticError("planted")

        def run(*arguments):
            raise ArithmeticError("planted")

        return run

    import torch._dynamo.backends.registry

    monkeypatch.setattr(torch._dynamo, "lookup_backend", lambda name: backend)
    return example("arithmetic")


@pytest.mark.parametrize(("when", "kind"), [("compile", "compile-error"), ("run", "run-error")])
def test_failures_to_compile_and_to_run_are_told_apart(
    target: Inductor, monkeypatch: pytest.MonkeyPatch, when: str, kind: str
):
    outcome = run_case(target, failing_backend(monkeypatch, when), STAGES[0])
    assert outcome.kind == kind and outcome.failure is not None
    assert "planted" in outcome.failure.message


def test_what_a_case_wrote_goes_with_the_next_one(target: Inductor):
    folder = Path(os.environ["TORCHINDUCTOR_CACHE_DIR"])

    def sources() -> set[str]:
        return {path.name for path in folder.rglob("*.cpp")}

    check(target, example("in place"), DEFAULT)
    first = sources()
    check(target, example("arithmetic"), DEFAULT)
    assert first and sources() and not first & sources()


# A product of matrices is no kernel of Inductor's, and parts the rest in two.
TWO_KERNELS = make(
    'def program(x0: "float32[4, 4]", x1: "float32[4, 4]"):\n    v0 = torch.sin(x0)\n'
    "    v1 = torch.matmul(v0, x1)\n    v2 = torch.cos(v1)\n    return (v2,)\n"
)


def kernels_per_source() -> list[int]:
    folder = Path(os.environ["TORCHINDUCTOR_CACHE_DIR"])
    return sorted(path.read_text().count("PyMODINIT_FUNC") for path in folder.rglob("*.main.cpp"))


def test_kernels_of_a_graph_are_compiled_together(target: Inductor):
    check(target, TWO_KERNELS, DEFAULT)
    assert len(kernels_per_source()) == 1 and kernels_per_source()[0] > 1


def test_kernels_are_compiled_one_by_one_where_they_do_not_go_together(
    target: Inductor, monkeypatch: pytest.MonkeyPatch
):
    from torch._inductor.exc import CppCompileError

    from misfold.targets import joined_kernels

    def refuse(kernels):
        raise CppCompileError(["g++"], "planted")

    monkeypatch.setattr(joined_kernels, "_compiled_together", refuse)
    check(target, TWO_KERNELS, DEFAULT)
    assert len(kernels_per_source()) > 1 and set(kernels_per_source()) == {1}


def test_headers_are_shared_and_nothing_is_in_the_default_place(target: Inductor):
    import torch._inductor.codecache

    check(target, example("in place"), DEFAULT)
    assert torch._inductor.codecache._HEADER_DIR.startswith(os.environ[CACHE_VARIABLE])
    assert list(Path(os.environ[CACHE_VARIABLE]).rglob("*.gch"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"backed": "inductor"}, "unknown option 'backed'; did you mean backend"),
        ({"backend": "inductr"}, "did you mean inductor"),
        ({"config": {"max_fusion_sise": 3}}, "did you mean max_fusion_size"),
        ({"dynamic": 1}, "dynamic must be a bool"),
    ],
)
def test_bad_pipelines_are_explained(target: Inductor, options: dict, message: str):
    with pytest.raises(TargetError, match=message):
        run_case(target, example("arithmetic"), Pipeline("p", options))
