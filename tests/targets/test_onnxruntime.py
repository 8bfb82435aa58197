"""The ONNX Runtime target: agreement with eager, every pipeline, the model, and what counts as unsupported."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from misfold.programs.errors import TargetError
from misfold.programs.pipeline import Pipeline
from misfold.targets.onnxruntime import InvalidModel, OnnxRuntime, export_model, session
from misfold.targets.onnxruntime_pipelines import OPTIMIZERS, PIPELINES
from misfold.targets.protocol import Unsupported
from misfold.targets.running import run_case

from .examples import BODIES, check, example, make

pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def target() -> OnnxRuntime:
    target = OnnxRuntime()
    target.warm_up()
    return target


@pytest.mark.parametrize("name", [name for name in BODIES if name != "written through a view"])
def test_agrees_with_eager(target: OnnxRuntime, name: str):
    check(target, example(name))


@pytest.mark.parametrize("pipeline", PIPELINES, ids=lambda pipeline: pipeline.name)
@pytest.mark.parametrize("name", ["arithmetic", "written input"])
def test_every_pipeline_compiles_and_agrees(target: OnnxRuntime, pipeline: Pipeline, name: str):
    check(target, example(name), pipeline)


def test_half_precision(target: OnnxRuntime):
    case = make('def program(x0: "bfloat16[4]", x1: "bfloat16[4]"):\n    v0 = x0.to(torch.float32)\n    return (v0,)\n')
    check(target, case)
    check(target, make('def program(x0: "float16[4]"):\n    v0 = torch.add(x0, 1.0)\n    return (v0,)\n'))


def test_a_write_that_others_see_is_unsupported(target: OnnxRuntime):
    outcome = run_case(target, example("written through a view"))
    assert outcome.kind == "rejected" and outcome.failure is not None
    assert "writes memory that v0 shows too" in outcome.failure.message


def test_unsupported_operator_is_named(target: OnnxRuntime):
    case = make('def program(x0: "float32[3]"):\n    v0 = torch.lgamma(x0)\n    return (v0,)\n')
    with pytest.raises(Unsupported) as caught:
        target.compile(case.graph, [torch.ones(3)], PIPELINES[0])
    assert caught.value.operator == "aten::lgamma"


def test_what_the_exporter_warns_of_is_unsupported(target: OnnxRuntime):
    text = 'def program(x0: "float32[3]", x1: "int64[2]", x2: "float32[2]"):\n'
    outcome = run_case(target, make(text + "    v0 = torch.index_add(x0, 0, x1, x2)\n    return (v0,)\n"))
    assert outcome.kind == "rejected" and outcome.failure is not None
    assert "duplicated values" in outcome.failure.message


def test_an_element_type_without_a_kernel_is_unsupported(target: OnnxRuntime):
    case = make('def program(x0: "bfloat16[3]"):\n    v0 = torch.sigmoid(x0)\n    return (v0,)\n')
    assert run_case(target, case).kind == "rejected"


def test_an_element_type_that_onnx_does_not_have_is_unsupported(target: OnnxRuntime):
    case = make('def program(x0: "int64[3]"):\n    v0 = torch.erf(x0)\n    return (v0,)\n')
    with pytest.raises(Unsupported) as caught:
        target.compile(case.graph, [torch.ones(3, dtype=torch.int64)], PIPELINES[0])
    assert caught.value.operator == "onnx.Erf(int64)"


def test_a_model_that_onnx_rejects_is_told_apart():
    from onnx import TensorProto, helper

    value = helper.make_tensor_value_info("x0", TensorProto.FLOAT, [2, 3])
    result = helper.make_tensor_value_info("out0", TensorProto.FLOAT, [5, 5])
    graph = helper.make_graph([helper.make_node("Relu", ["x0"], ["out0"])], "g", [value], [result])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    model.graph.node[0].op_type = "Transpose"
    model.graph.node[0].attribute.append(helper.make_attribute("perm", [0, 0]))
    with pytest.raises(InvalidModel, match="ONNX Runtime"):
        session(model.SerializeToString(), PIPELINES[0], lambda results, tensors: results, 1)


def test_the_model_is_exportable_and_checked():
    import onnx

    case = example("unused input")
    model = onnx.load_model_from_string(export_model(case.graph, [torch.ones(3), torch.ones(2), torch.arange(2)]))
    assert {item.name for item in model.graph.input} <= {"x0", "x1", "x2"}
    assert [item.name for item in model.graph.output] == ["out0", "out1"]
    assert model.opset_import[0].version == 20


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"levle": "all"}, "unknown option 'levle'; did you mean level"),
        ({"level": "most"}, "unknown level 'most'"),
        ({"disabled": ["ConstantFoldin"]}, "did you mean ConstantFolding"),
        ({"execution": "both"}, "sequential or parallel"),
        ({"opset": 99}, "opset must be from 9 to 20"),
        ({"config": {"a": 1}}, "values of config are strings"),
    ],
)
def test_bad_pipelines_are_explained(target: OnnxRuntime, options: dict, message: str):
    with pytest.raises(TargetError, match=message):
        run_case(target, example("arithmetic"), Pipeline("p", options))


def test_lists_of_passes_are_refused(target: OnnxRuntime):
    with pytest.raises(TargetError, match="no list of passes"):
        run_case(target, example("arithmetic"), Pipeline("p", {}, ()))


def test_disabled_optimizers_are_names_that_onnx_runtime_knows():
    from pathlib import Path

    import onnxruntime.capi

    library = next(Path(onnxruntime.capi.__path__[0]).glob("onnxruntime_pybind11_state*.so")).read_bytes()
    used = {name for pipeline in PIPELINES for name in pipeline.options.get("disabled", [])}
    assert used <= set(OPTIMIZERS)
    # Short names are immediate operands of instructions rather than strings of their own.
    assert [name for name in used if len(name) > 15 and name.encode() not in library] == []


def test_importing_it_starts_no_thread():
    code = (
        "from misfold.targets.onnxruntime import OnnxRuntime; OnnxRuntime().warm_up()\n"
        "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('Threads')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1"
