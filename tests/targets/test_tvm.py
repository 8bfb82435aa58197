"""The TVM target: agreement with eager, every pipeline, and what counts as unsupported."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from misfold.programs.errors import TargetError
from misfold.programs.parser import parse_graph
from misfold.programs.pipeline import Pipeline
from misfold.targets.exporting import export
from misfold.targets.protocol import Unsupported
from misfold.targets.running import run_case
from misfold.targets.tvm import TVM
from misfold.targets.tvm_pipelines import DEFAULT_PASSES, PIPELINES

from .examples import BODIES, check, example, make

pytest.importorskip("tvm")


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> TVM:
    target = TVM()
    target.warm_up()
    target.settle(str(tmp_path_factory.mktemp("tvm")))
    return target


@pytest.mark.parametrize("name", BODIES)
def test_agrees_with_eager(target: TVM, name: str):
    check(target, example(name))


@pytest.mark.parametrize("pipeline", PIPELINES, ids=lambda pipeline: pipeline.name)
def test_every_pipeline_compiles_and_agrees(target: TVM, pipeline: Pipeline):
    check(target, example("arithmetic"), pipeline)


def test_default_passes_are_those_that_tvm_runs():
    import tvm

    seen: list[str] = []

    @tvm.instrument.pass_instrument
    class Names:
        def run_before_pass(self, module, info):
            seen.append(str(info.name))

    class Double(torch.nn.Module):
        def forward(self, x):
            return x * 2

    from tvm.relax.frontend.torch import from_exported_program

    module = from_exported_program(torch.export.export(Double(), (torch.ones(2),)).run_decompositions())
    with tvm.transform.PassContext(instruments=[Names()]):
        tvm.relax.get_default_pipeline(tvm.target.Target("llvm"))(module)
    # StaticPlanBlockMemory and VMShapeLower contain passes and have another name themselves
    names = [name for name in DEFAULT_PASSES if name in seen]
    assert [name for name in dict.fromkeys(seen) if name in DEFAULT_PASSES] == names
    assert len(names) >= len(DEFAULT_PASSES) - 3


def test_unsupported_operator_is_named(target: TVM):
    case = make('def program(x0: "float32[3]"):\n    v0 = torch.lgamma(x0)\n    return (v0,)\n')
    outcome = run_case(target, case)
    assert outcome.kind == "rejected"
    graph = case.graph
    with pytest.raises(Unsupported) as caught:
        target.compile(graph, [torch.ones(3)], PIPELINES[0])
    assert caught.value.operator == "aten.lgamma.default"


def test_shapes_that_depend_on_data_are_unsupported(target: TVM):
    case = make('def program(x0: "float32[3]"):\n    v0 = torch.nonzero(x0)\n    return (v0,)\n')
    assert run_case(target, case).kind == "rejected"


def test_a_conversion_that_falls_over_is_a_compile_error(target: TVM, monkeypatch: pytest.MonkeyPatch):
    from tvm.relax.frontend.torch.exported_program_translator import ExportedProgramImporter

    def conversions(self):
        def broken(node):
            raise ValueError("the number of dimensions is wrong")

        return {"mul.Tensor": broken}

    monkeypatch.setattr(ExportedProgramImporter, "create_convert_map", conversions)
    case = make('def program(x0: "float32[3]"):\n    v0 = torch.mul(x0, 2.0)\n    return (v0,)\n')
    outcome = run_case(target, case)
    assert outcome.kind == "compile-error" and outcome.failure is not None
    assert "number of dimensions" in outcome.failure.message


def test_an_input_that_is_reshaped_is_unsupported(target: TVM):
    case = make('def program(x0: "float32[2, 3]"):\n    v0 = x0.t_()\n    v1 = torch.neg(v0)\n    return (v1,)\n')
    assert run_case(target, case).kind == "rejected"


@pytest.mark.parametrize(
    ("pipeline", "message"),
    [
        (Pipeline("p", {"optlevel": 3}), "unknown option 'optlevel'; did you mean opt_level"),
        (Pipeline("p", {"opt_level": "3"}), "opt_level must be a int"),
        (Pipeline("p", {"config": {"tirx.no_such_thing": 1}}), "unknown config"),
        (Pipeline("p", {"relax": "defautl"}), "did you mean default"),
        (Pipeline("p", {}, (("FuseOpps", {}),)), "unknown Relax pass 'FuseOpps'; did you mean FuseOps"),
        (Pipeline("p", {}, (("FuseOps", {"depth": 1}),)), "FuseOps does not take"),
        (Pipeline("p", {"target": {"no-such-attribute": 1}}), "does not take its options"),
    ],
)
def test_bad_pipelines_are_explained(target: TVM, pipeline: Pipeline, message: str):
    with pytest.raises(TargetError, match=message):
        run_case(target, example("arithmetic"), pipeline)


def test_a_write_outside_the_outputs_is_noticed():
    from misfold.targets.guarded import GUARD, GuardedInputs
    from misfold.targets.protocol import MemoryStamped

    tensors = [torch.ones(3), torch.zeros(0), torch.arange(5), torch.tensor(True)]
    guarded = GuardedInputs(tensors)
    for mine, given in zip(guarded.tensors, tensors, strict=True):
        assert torch.equal(mine, given) and mine.data_ptr() % 64 == 0
    guarded.check()
    first = guarded.tensors[0]
    beside = first.as_strided((4,), (1,))
    beside[3] = 7.0
    with pytest.raises(MemoryStamped, match="input 0: 4 bytes written behind it, the nearest 1 bytes away"):
        guarded.check()
    guarded = GuardedInputs(tensors)
    guarded.tensors[2].as_strided((1,), (1,), guarded.tensors[2].storage_offset() - GUARD // 8).fill_(0)
    with pytest.raises(MemoryStamped, match=f"input 2: 8 bytes written before it, the nearest {GUARD - 7} bytes away"):
        guarded.check()
    guarded = GuardedInputs(tensors)
    guarded.tensors[0][1] = 2.0
    with pytest.raises(MemoryStamped, match="input 0 was written"):
        guarded.check()


def test_nothing_is_left_in_the_folder(target: TVM, tmp_path: Path):
    target.settle(str(tmp_path))
    check(target, example("arithmetic"))
    assert list(tmp_path.iterdir()) == []


def test_the_fast_export_is_the_public_one():
    graph = parse_graph(
        'def program(x0: "float32[4, 8]", x1: "float32[8]"):\n'
        "    v0 = torch.nn.functional.layer_norm(x0, [8], x1)\n"
        "    v1 = torch.nn.functional.gelu(v0)\n    v2 = torch.std(v1, 0)\n    return (v2,)\n"
    )
    from misfold.targets.exporting import Program
    from misfold.targets.torch_values import to_function

    inputs = (torch.ones(4, 8), torch.ones(8))
    public = torch.export.export(Program(to_function(graph)), inputs, strict=False).run_decompositions()
    ours = export(to_function(graph), inputs)
    assert str(ours.graph) == str(public.graph)
    assert ours.graph_signature == public.graph_signature
