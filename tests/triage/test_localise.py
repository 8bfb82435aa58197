"""Localisation: which pass, stage or option. What is tried is made up; misfold's own compiler is a real one."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from misfold.compiler.loops.parser import parse_function
from misfold.compiler.loops.visit import statements
from misfold.oracles.verdict import Verdict
from misfold.programs.case import parse_case
from misfold.programs.kernel import KernelCase
from misfold.programs.pipeline import Pipeline
from misfold.targets.outcome import Failure, Outcome
from misfold.triage.localise import crashes, exported, interpretation, onnx, operators, passes, torch_stages, tvm_passes
from misfold.triage.localise.blame import FAILS, PASSES, REFUSED, Blame, Divergence, Mitigation
from misfold.triage.localise.locate import localise
from misfold.triage.localise.probe import Probe

CASE = parse_case(
    "# misfold case, version 1\n"
    'def program(x0: "float32[3]"):\n    v0 = torch.neg(x0)\n    v1 = torch.exp(v0)\n    v2 = v1.add_(1.0)\n'
    '    return (v2,)\nINPUTS = {"x0": {"draw": "normal", "seed": 1}}\n'
)
WRONG = Outcome("values"), Verdict("proved", "values", "")
CRASH = Outcome("crash", failure=Failure("SIGSEGV", "killed by SIGSEGV")), Verdict("proved", "crash", "")


class System:
    """A target of which localisers ask the name and the pipelines."""

    def __init__(self, name: str, *pipelines: Pipeline):
        self.name, self._pipelines = name, pipelines or (Pipeline("default"),)

    def pipelines(self) -> Sequence[Pipeline]:
        return self._pipelines


def probe(
    system: System,
    pipeline: Pipeline,
    word: Callable[[Pipeline], str],
    failure: tuple[Outcome, Verdict] = WRONG,
    call: Callable[[str, dict[str, Any]], Any] = lambda service, request: None,
    case: Any = CASE,
    stopping: Callable[[], bool] = lambda: False,
) -> Probe:
    return Probe(case, system, pipeline, *failure, lambda _, p: (word(p), Verdict("ok", "values")), call, stopping)


def listed(text: str) -> Pipeline:
    return Pipeline("p", {}, tuple((name, {}) for name in text.split()))


def names(pipeline: Pipeline) -> list[str]:
    return [name for name, _ in pipeline.passes or ()]


@pytest.mark.parametrize("culprit", "abcdefg")
def test_prefix_bisection_finds_the_pass(culprit):
    one = probe(System("t"), listed("a b c d e f g"), lambda p: FAILS if culprit in names(p) else PASSES)
    found = passes.culprit(one, one.pipeline)
    assert found is not None
    assert (found.name, found.how, found.confirmed) == (culprit, "prefix", True)
    assert one.attempts <= 8


def test_what_a_later_pass_makes_visible_is_not_confirmed_alone():
    one = probe(System("t"), listed("a b c d"), lambda p: FAILS if {"b", "d"} <= set(names(p)) else PASSES)
    found = passes.culprit(one, one.pipeline)
    assert found is not None
    assert found.name == "d"
    assert found.confirmed


def test_prefixes_that_do_not_compile_fall_back_to_removal():
    def word(pipeline: Pipeline) -> str:
        if "d" not in names(pipeline):
            return REFUSED
        return FAILS if "b" in names(pipeline) else PASSES

    one = probe(System("t"), listed("a b c d"), word)
    found = passes.culprit(one, one.pipeline)
    assert found is not None
    assert (found.name, found.how) == ("b", "removal")


def test_a_failure_without_passes_is_no_passes_fault():
    one = probe(System("t"), listed("a b"), lambda p: FAILS)
    assert passes.culprit(one, one.pipeline) is None


def test_the_first_failing_stage_of_torch_compile_is_the_component():
    for backend, component in torch_stages.STAGES:
        later = [name for name, _ in torch_stages.STAGES]
        failing = set(later[later.index(backend) :]) | {"inductor"}
        one = probe(
            System("inductor"), Pipeline("inductor", {"backend": "inductor"}),
            lambda p, failing=failing: FAILS if p.options.get("backend") in failing else PASSES,
        )  # fmt: skip
        blame = localise(one)
        assert (blame.stage, blame.how) == (component, ("stages",))
        assert blame.mitigations[-1] == Mitigation(backend, FAILS)


def test_a_lever_that_helps_names_the_part_of_inductor():
    def word(pipeline: Pipeline) -> str:
        if pipeline.options["backend"] != "inductor":
            return PASSES
        return PASSES if pipeline.options["config"].get("cpp.simdlen") == 1 else FAILS

    blame = localise(probe(System("inductor"), Pipeline("x", {"backend": "inductor", "config": {"a": 1}}), word))
    assert blame.key == "inductor/vector-code"
    assert Mitigation("scalar code (simdlen=1)", PASSES) in blame.mitigations
    assert Mitigation("pattern matcher off", FAILS) in blame.mitigations


def bisected(answer: dict[str, Any], helps: str | None = None) -> tuple[Any, Probe]:
    """The blame where PyTorch's bisector answers so, and at most one entry of the configuration helps."""

    def word(pipeline: Pipeline) -> str:
        if pipeline.options["backend"] != "inductor":
            return PASSES
        return PASSES if helps in pipeline.options.get("config", {}) else FAILS

    one = probe(System("inductor"), Pipeline("x", {"backend": "inductor"}), word, call=lambda *_: answer)
    return localise(one, operators=False), one


def test_pytorchs_bisector_names_the_lowering_where_no_option_says_more():
    answer = {"backend": "inductor", "subsystem": "lowerings", "number": 3, "debug": "expm1_1", "runs": 9}
    blame, one = bisected(answer)
    assert blame.key == "inductor/lowerings:expm1"
    assert "application 3 (expm1_1)" in blame.detail
    # Three stages, and all options at once.
    assert one.attempts == 4
    assert blame.mitigations[-1].name.startswith("all at once: pattern matcher off, ")
    blame, one = bisected(answer, helps="cpp.simdlen")
    assert blame.key == "inductor/vector-code"
    assert one.attempts == 4 + len(torch_stages.LEVERS)


def test_an_option_of_the_pipeline_itself_is_tried_first():
    def word(pipeline: Pipeline) -> str:
        options = pipeline.options
        if options["backend"] != "inductor":
            return PASSES
        return FAILS if options["config"].get("a") and (options["dynamic"] or "b" in options["config"]) else PASSES

    def blamed(**options: Any) -> Any:
        one = probe(System("inductor"), Pipeline("x", {"backend": "inductor", **options}), word)
        return localise(one, operators=False)

    blame = blamed(config={"a": 1, "b": 2}, dynamic=False)
    assert blame.key == "inductor/option a"
    assert blame.mitigations[-2:] == (Mitigation("without a", PASSES), Mitigation("without b", PASSES))
    assert blamed(config={"c": 1, "a": 1, "b": 2}, dynamic=False).mitigations[-3] == Mitigation("without c", FAILS)

    def only_dynamic(pipeline: Pipeline) -> str:
        return FAILS if pipeline.options["backend"] == "inductor" and pipeline.options["dynamic"] else PASSES

    dynamic = probe(System("inductor"), Pipeline("x", {"backend": "inductor", "dynamic": True}), only_dynamic)
    assert localise(dynamic, operators=False).key == "inductor/dynamic shapes"


def test_a_pass_over_the_graph_that_the_bisector_names_is_to_blame():
    answer = {"backend": "inductor", "subsystem": "post_grad_passes", "number": 10, "debug": "reinplace", "runs": 9}
    blame, one = bisected(answer, helps="use_post_grad_passes")
    assert blame.key == "inductor/post_grad_passes:reinplace"
    # Three stages, options about passes over the graph at once, and one by one.
    assert one.attempts == 4 + torch_stages.GRAPH_LEVERS
    assert blame.how == ("stages", "bisector")
    blame, _ = bisected({"error": "no backend fails"})
    assert blame.key == "inductor"
    assert blame.notes == ("PyTorch's bisector: no backend fails",)


def test_time_that_is_up_is_said():
    count = iter(range(100))
    one = probe(
        System("inductor"), Pipeline("x", {"backend": "inductor"}),
        lambda p: FAILS if p.options["backend"] == "inductor" else PASSES, stopping=lambda: next(count) > 1,
    )  # fmt: skip
    assert "time was up before all was tried" in localise(one).notes


def test_tvm_passes_and_loop_options():
    def without(name: str) -> Callable[[Pipeline], str]:
        return lambda p: PASSES if p.passes is not None and name not in names(p) else FAILS

    assert localise(probe(System("tvm"), Pipeline("default"), without("FoldConstant"))).stage == "FoldConstant"
    blame = localise(probe(
        System("tvm"), Pipeline("default"),
        lambda p: PASSES if p.options.get("config", {}).get("tirx.disable_storage_rewrite") else FAILS,
    ))  # fmt: skip
    assert blame.key == "tirx/tirx.StorageRewrite"
    before = Pipeline("x", {"before": ["A", "B", "C"]})
    blame = localise(probe(System("tvm"), before, lambda p: FAILS if "B" in p.options["before"] else PASSES))
    assert blame.key == "B"


def test_tvm_kernels_keep_what_tvm_needs_in_every_prefix():
    seen: list[list[str]] = []

    def word(pipeline: Pipeline) -> str:
        seen.append(names(pipeline))
        return FAILS if "HoistIfThenElse" in names(pipeline) else PASSES

    pipeline = Pipeline("x", {}, tuple((name, {}) for name in tvm_passes.KERNEL_PASSES))
    case = KernelCase(parse_function("function f(y: out f32[2]) {\n  y[0] = 1.0:f32\n}\n"), 1)
    blame = localise(probe(System("tvm"), pipeline, word, case=case), kernel=True)
    assert blame.stage == "HoistIfThenElse"
    assert all("tirx.FlattenBuffer" in one for one in seen if one and "config" not in one)


def test_onnx_levels_and_optimisers():
    def word(pipeline: Pipeline) -> str:
        if "ClipQuantRewrite" in pipeline.options.get("disabled", []):
            return PASSES
        return PASSES if pipeline.options.get("level") in ("disabled", "basic") else FAILS

    blame = localise(probe(System("onnxruntime"), Pipeline("default"), word))
    assert blame.key == "level extended/ClipQuantRewrite"
    exported = Outcome("compile-error", failure=Failure("E", "m", ("torch.onnx.utils:export",)))
    blame = localise(probe(System("onnxruntime"), Pipeline("d"), word, (exported, Verdict("proved", "compile", ""))))
    assert blame.stage == "exporter"


@pytest.mark.parametrize(("answer", "stage"), [("kernels", "kernels"), ("exporter", "exporter"), ("", None)])
def test_onnx_without_optimisation_asks_the_reference_evaluator(answer, stage):
    one = probe(System("onnxruntime"), Pipeline("default"), lambda p: FAILS, call=lambda *_: {"stage": answer})
    blame = onnx.localise(one)
    assert blame.stage == (stage or "export or kernels")
    assert bool(blame.notes) == (stage is None)


LOST_WRITE = """# misfold case, version 1
def program(x0: "float32[3]"):
    v0, v1 = x0.unsafe_split(2)
    v2 = x0.zero_()
    return v0, v1
INPUTS = {"x0": {"draw": "normal", "seed": 1}}
"""


PROMOTED = """# misfold case, version 1
def program(x0: "int64[2]", x1: "float32[]"):
    v0 = torch.select_scatter(x0, x1, 0, 1)
    return (v0,)
INPUTS = {"x0": {"draw": "integers", "low": -9, "high": 9, "seed": 1}, "x1": {"draw": "constant", "value": 3.5}}
"""


@pytest.mark.parametrize(
    ("text", "types", "stage"),
    [
        (LOST_WRITE, False, "torch.export"),
        (LOST_WRITE, True, ""),
        (LOST_WRITE.replace("unsafe_", ""), False, ""),
        (PROMOTED, False, "torch.export"),
        (PROMOTED, True, "torch.export"),
    ],
)
def test_an_exported_program_that_is_wrong_already_is_told(text, types, stage):
    assert exported.serve({"case": text, "types": types}) == {"stage": stage}


def test_an_error_is_put_down_to_an_exported_program_only_for_its_types():
    asked = []

    def call(service, request):
        asked.append(request["types"])
        return {"stage": "torch.export"}

    failure = Outcome("compile-error", failure=Failure("TypeError", "not the same datatype", ("tvm.relax:emit",)))
    for told in (WRONG, (failure, Verdict("proved", "compile", ""))):
        one = probe(System("tvm"), Pipeline("default"), lambda p: FAILS, told, call=call)
        assert tvm_passes.localise(one).stage == "torch.export"
    crash = Outcome("crash", failure=Failure("SIGSEGV", "", ()))
    one = probe(System("tvm"), Pipeline("default"), lambda p: FAILS, (crash, Verdict("proved", "crash", "")), call=call)
    assert tvm_passes.localise(one).stage != "torch.export"
    assert asked == [False, True]


def test_tvm_is_not_blamed_for_what_it_was_given():
    one = probe(System("tvm"), Pipeline("default"), lambda p: FAILS, call=lambda *_: {"stage": "torch.export"})
    assert tvm_passes.localise(one).stage == "torch.export"
    one = probe(System("tvm"), Pipeline("default"), lambda p: FAILS, call=lambda *_: {"stage": ""})
    assert tvm_passes.localise(one).stage == "import or legalisation"


def test_a_target_of_which_nothing_is_known_gets_a_table():
    careful = Pipeline("careful", {"careful": True})
    one = probe(System("own", Pipeline("default"), careful), Pipeline("default"),
                lambda p: PASSES if p.options else FAILS)  # fmt: skip
    blame = localise(one)
    assert blame.stage == "not under careful"
    assert blame.mitigations == (Mitigation("default", FAILS), Mitigation("careful", PASSES))


KERNEL = """function f(x: in i32[4], y: out i32[4]) {
  for i in 0..4 {
    y[i] = x[i] + 0:i32
  }
}
"""


def test_interpretation_names_the_pass_that_changes_what_is_computed(monkeypatch):
    from misfold.compiler.loops.ir import For, index
    from misfold.compiler.passes.base import registry

    simplify = registry()["simplify"]
    real = simplify.run

    def faulty(self, function):
        from dataclasses import replace

        done = real(self, function)
        body = tuple(replace(one, stop=index(3)) if isinstance(one, For) else one for one in done.body)
        return replace(done, body=body)

    case = KernelCase(parse_function(KERNEL), 1)
    passes_ = tuple((name, {}) for name in ("loop-invariant-code-motion", "simplify", "dead-store-elimination"))
    request = {"case": case.text, "pipeline": Pipeline("p", {}, passes_).to_data()}
    assert interpretation.serve_kernel(request)["stage"] == "codegen"
    monkeypatch.setattr(simplify, "run", faulty)
    answer = interpretation.serve_kernel(request)
    assert answer["stage"] == "simplify"
    assert len(list(statements(case.function.body))) == 2


@pytest.mark.parametrize(("needs", "key"), [("vectorisation", "codegen/vectorisation"), (None, "codegen")])
def test_where_the_code_generator_is_wrong_the_pass_that_it_takes_is_the_part(needs, key):
    def word(pipeline: Pipeline) -> str:
        return FAILS if needs is None or needs in names(pipeline) else PASSES

    pipeline = Pipeline("x", {}, tuple((name, {}) for name in ("simplify", "vectorisation", "fusion")))
    answer = {"stage": "codegen", "detail": "the interpretation of every stage is right"}
    case = KernelCase(parse_function(KERNEL), 1)
    one = probe(System("misfold"), pipeline, word, call=lambda *_: answer, case=case)
    blame = localise(one, kernel=True)
    assert (blame.key, blame.how[0]) == (key, "interpretation")


def test_intermediates_are_returned_but_not_those_that_are_written_later():
    case, values = operators.with_intermediates(CASE)
    assert values == ["v0", "v2"]
    assert case.graph.returns == ("v0", "v2")


def test_the_first_wrong_operator():
    def attempt(case: Any, pipeline: Pipeline) -> tuple[str, Verdict]:
        return FAILS, Verdict("proved", "values", "far off", output="out0")

    one = Probe(CASE, System("own"), Pipeline("d"), *WRONG, attempt, lambda *_: None)
    assert operators.first_divergence(one) == Divergence("torch.neg", "v0", True, "far off")
    gone = probe(System("own"), Pipeline("d"), lambda p: PASSES)
    found = operators.first_divergence(gone)
    assert found is not None
    assert (found.operator, found.reproduces) == (None, False)
    assert operators.first_divergence(probe(System("own"), Pipeline("d"), lambda p: PASSES, CRASH)) is None


BACKTRACE = """/usr/lib/python3.11/lib-dynload/_ctypes.so(+0x1234)[0x7f1]
/lib/libc.so.6(+0x42520)[0x7f2]
/site-packages/tvm/libtvm_compiler.so(+0x100)[0x7f3]
/site-packages/tvm/libtvm_compiler.so(TVMFuncCall+0x5f)[0x7f4]
/site-packages/tvm/libtvm_compiler.so(+0x300)[0x7f5]
/usr/bin/python3.11(_PyEval+0x30)[0x7f6]
"""


def test_the_deepest_native_frames_of_the_targets_own_libraries():
    named = {0x100: "tvm::tirx::Simplify", 0x300: None}
    frames = crashes.own_frames(BACKTRACE, ("libtvm",), lambda file, offset: named[offset])
    assert frames == (
        "libtvm_compiler.so:?",
        "libtvm_compiler.so:TVMFuncCall",
        "libtvm_compiler.so:tvm::tirx::Simplify",
    )
    assert crashes.own_frames("", ("libtvm",)) == ()


def test_blames_come_back_from_data():
    blame = Blame(
        "inductor", "fusion", ("stages", "options"), "detail", (Mitigation("no fusion", PASSES),),
        Divergence("torch.add", "v1", True, "text"), ("a:b",), ("note",), 1.5,
    )  # fmt: skip
    assert Blame.from_data(blame.to_data()) == blame
    assert blame.key == "inductor/fusion"
    assert Blame().key == "?"


def test_a_crash_leaves_its_native_frames(tmp_path):
    path = tmp_path / "frames"
    code = (
        "from misfold.triage.localise import crashes\n"
        f"crashes.serve({{'service': 'ctypes:string_at', 'request': 8, 'path': {str(path)!r}}})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == -signal.SIGSEGV
    assert crashes.own_frames(path.read_text(), ("ctypes",))
