"""Targets on cases: in this process, and through workers, where whatever a target does becomes an Outcome."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from misfold.programs.case import Case, parse_case
from misfold.programs.errors import TargetError
from misfold.programs.pipeline import Pipeline
from misfold.targets.eager import Eager
from misfold.targets.isolation import ForkServer, Limits, Slot
from misfold.targets.isolation.answer import Answer
from misfold.targets.outcome import Failure, Outcome
from misfold.targets.running import FAMILY, PRELOAD, SERVICE, outcome_of, run_case

from .conftest import HOSTILE

_spec = importlib.util.spec_from_file_location("hostile_targets", HOSTILE / "hostile_targets.py")
assert _spec is not None and _spec.loader is not None
hostile_targets = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(hostile_targets)

CASE = parse_case(
    """# misfold case, version 1

def program(x0: "float32[2, 3]", x1: "float32[3]"):
    v0 = torch.relu(x0)
    v1 = x1.add_(1.0)
    v2 = torch.mul(v0, v1)
    v3 = x0.t()
    return v2, v3

INPUTS = {
    "x0": {"draw": "values", "values": [1, -2, 3, -4, 5, 6], "requires_grad": True},
    "x1": {"draw": "values", "values": [0, 1, 2]},
}
"""
)


def run(what: str | None = None, phase: str = "run", repeats: int = 1, case: Case = CASE) -> Outcome:
    options = {} if what is None else {phase: what}
    return run_case(hostile_targets.Misbehaving(), case, Pipeline("p", options), repeats)


def test_values_gradients_mutated_inputs_and_layout():
    outcome = run_case(Eager(), CASE)
    assert outcome.kind == "values" and outcome.failure is None and outcome.facts == {}
    product, transposed = outcome.values
    np.testing.assert_array_equal(product.array(), [[1, 0, 9], [0, 10, 18]])
    np.testing.assert_array_equal(transposed.array(), [[1, -4], [-2, 5], [3, 6]])
    assert (transposed.shape, transposed.strides, transposed.alias) == ((3, 2), (1, 3), "x0")
    assert product.alias is None
    # cotangents are 1, 2, -1, … row by row
    (gradient,) = outcome.gradients
    np.testing.assert_array_equal(gradient.array(), [[1 + 1, -1, -3 + 2], [2, 2 * 2 + 1, -3 - 1]])
    assert outcome.mutated[0] is None
    np.testing.assert_array_equal(outcome.mutated[1].array(), [1, 2, 3])
    assert set(outcome.seconds) == {"compile", "run", "total"}
    assert outcome.seconds["total"] == pytest.approx(outcome.seconds["compile"] + outcome.seconds["run"])


def test_a_target_without_gradients_runs_forward_on_inputs_that_need_none():
    class Forward(hostile_targets.Misbehaving):
        gradients = False
        aliases = False

        def act(self, what, inputs, outputs=None):
            assert not any(tensor.requires_grad for tensor in inputs)
            return outputs

    outcome = run_case(Forward(), CASE, Pipeline("p"))
    assert outcome.kind == "values" and outcome.gradients == ()
    assert [value.alias for value in outcome.values] == [None, None]
    np.testing.assert_array_equal(outcome.values[0].array(), [[1, 0, 9], [0, 10, 18]])


def test_what_compiling_writes_does_not_reach_the_run():
    outcome = run("write-inputs", "compile")
    assert outcome.values == run().values and outcome.mutated == run().mutated


def test_inputs_that_the_target_writes_are_seen():
    outcome = run("write-inputs")
    assert [value is not None for value in outcome.mutated] == [True, True]
    np.testing.assert_array_equal(outcome.mutated[0].array(), np.full((2, 3), 7))


def test_strides_overlap_and_bits_of_inputs_are_kept():
    case = parse_case(
        """# misfold case, version 1

def program(x0: "float32[2, 2]{0, 1}", x1: "bfloat16[2, 2]{1, 2}", x2: "float32[3]"):
    v0 = x0.add(1.0)
    v1 = x1.t()
    v2 = x2.mul_(1.0)
    return v0, v1, v2

INPUTS = {
    "x0": {"draw": "values", "values": [1, 2]},
    "x1": {"draw": "normal", "seed": 3},
    "x2": {"draw": "values", "values": [float("nan"), -0.0, 1.0]},
}
"""
    )
    outcome = run_case(Eager(), case, None, 2)
    assert outcome.kind == "values"
    assert outcome.mutated == (None, None, None)
    assert outcome.values[1].strides == (2, 1) and outcome.values[1].alias == "x1"
    assert outcome.facts == {"stable": True}


@pytest.mark.parametrize("phase", ["compile", "run"])
@pytest.mark.parametrize(
    ("what", "kind", "failure"),
    [
        ("unsupported", "rejected", ("misfold.targets.protocol.Unsupported", "no relu here", "aten.relu")),
        ("rejection", "rejected", ("NotImplementedError", "not yet", None)),
        ("error", "{phase}-error", ("ZeroDivisionError", "planted", None)),
        ("stamp", "stamped", ("misfold.targets.protocol.MemoryStamped", "around input 0", None)),
        ("exit", "crash", ("SystemExit", "asked to exit with status 4", None)),
    ],
)
def test_exceptions(phase: str, what: str, kind: str, failure: tuple[str, str, str | None]):
    outcome = run(what, phase)
    assert outcome.kind == kind.format(phase=phase)
    got = outcome.failure
    assert (got.type, got.message, got.operator) == failure
    assert got.frames[-1] == "hostile_targets:act"
    assert "misfold.targets.execution" not in {frame.partition(":")[0] for frame in got.frames[1:]}
    assert outcome.values == () and phase in outcome.seconds


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("none", "a NoneType in place of a sequence of tensors"),
        ("no-tensor", "output 1 is a int, not a tensor"),
        ("complex", "output 0 is a tensor of type complex64"),
        ("huge", "outputs of 1073741848 bytes; at most 67108864 are kept"),
    ],
)
def test_outputs_that_are_none(what: str, message: str):
    outcome = run(what)
    assert outcome.kind == "run-error" and outcome.failure.type.endswith("BadOutput")
    assert message in outcome.failure.message


def test_repeats_tell_nondeterminism():
    assert run(repeats=3).facts == {"stable": True}
    outcome = run("unstable", repeats=3)
    assert outcome.kind == "values" and outcome.facts["stable"] is False
    assert set(outcome.facts["unstable"]) == {"out0"}
    assert len(outcome.facts["unstable"]["out0"]) == 3
    assert Outcome.unpack(outcome.pack()).facts["stable"] is False


def test_a_failure_in_a_repeat_is_the_outcome():
    hostile_targets.counter = iter([0, 1])
    outcome = run("fails-later", repeats=2)
    assert (outcome.kind, outcome.facts) == ("run-error", {"stable": False})


def test_pipelines_come_from_the_argument_the_case_or_the_target():
    seen = []

    class Noting(hostile_targets.Misbehaving):
        def compile(self, graph, inputs, pipeline):
            seen.append(pipeline.name)
            return super().compile(graph, inputs, pipeline)

    run_case(Noting(), CASE)
    run_case(Noting(), replace(CASE, pipelines={"misbehaving": Pipeline("of the case")}))
    run_case(Noting(), replace(CASE, pipelines={"misbehaving": Pipeline("of the case")}), Pipeline("given"))
    assert seen == ["default", "of the case", "given"]


def test_what_is_wrong_with_the_request_is_no_outcome():
    with pytest.raises(TargetError, match="eager has no options"):
        run_case(Eager(), CASE, Pipeline("p", {"x": 1}))


# Through workers.


@pytest.fixture(scope="module")
def slot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slot]:
    environment = {"PYTHONPATH": str(HOSTILE), FAMILY: "misbehaving,eager"}
    preload = ["hostile_targets:register", PRELOAD]
    folder = tmp_path_factory.mktemp("server")
    with ForkServer("torch", preload, folder, Limits(seconds=60), environment) as server, Slot(server) as slot:
        yield slot


def ask(
    slot: Slot, what: str | None = None, phase: str = "run", seconds: float | None = None, **more: object
) -> Outcome:
    pipeline = None if what is None else Pipeline("p", {phase: what, "list": [1, {"a": [2]}]}).to_data()
    request = {"target": "misbehaving", "case": CASE.text, "pipeline": pipeline, **more}
    return outcome_of(slot.call(SERVICE, request, seconds))


def test_served_outcomes_equal_those_in_process(slot: Slot):
    outcome = ask(slot)
    # what it cost is measured in workers alone
    assert replace(outcome, seconds={}, facts={}) == replace(run(), seconds={}, facts={})
    assert set(outcome.facts) <= {"spent"}
    eager = ask(slot, target="eager")
    assert replace(eager, seconds={}, facts={}) == replace(run_case(Eager(), CASE), seconds={}, facts={})
    assert {key: item for key, item in ask(slot, repeats=2).facts.items() if key != "spent"} == {"stable": True}


@pytest.mark.parametrize(
    ("what", "kind", "type_"),
    [
        ("unsupported", "rejected", "misfold.targets.protocol.Unsupported"),
        ("error", "{phase}-error", "ZeroDivisionError"),
        ("exit", "crash", "SystemExit"),
        ("hard-exit", "crash", "exit"),
        ("segfault", "crash", "SIGSEGV"),
    ],
)
@pytest.mark.parametrize("phase", ["compile", "run"])
def test_served_failures(slot: Slot, what: str, kind: str, type_: str, phase: str):
    outcome = ask(slot, what, phase)
    assert (outcome.kind, outcome.failure.type) == (kind.format(phase=phase), type_)
    if what != "hard-exit":
        assert "hostile_targets:act" in outcome.failure.frames
        assert outcome.failure.frames[0] == "hostile_targets:" + phase
    assert ask(slot).kind == "values"


def test_a_served_hang(slot: Slot):
    outcome = ask(slot, "sleep", seconds=1.0)
    assert (outcome.kind, outcome.failure.type) == ("hang", "timeout")
    assert outcome.failure.frames[-2:] == ("hostile_targets:run", "hostile_targets:act")
    assert outcome.seconds["total"] > 0


def test_what_a_target_prints_comes_with_its_failure(slot: Slot):
    assert ask(slot, "say").failure.stderr == "from the target\n"


def test_targets_are_warm_single_threaded_and_settled_once_in_each_worker(slot: Slot):
    seen = set()
    for _ in range(2):
        slot.close()
        first, second = ask(slot, "facts").failure.message, ask(slot, "facts").failure.message
        warm, folder, threads = first.split()
        assert first == second and (warm, threads) == ("True", "1")
        seen.add(folder)
        assert os.listdir(folder) == []
    assert len(seen) == 2


@pytest.mark.parametrize("phase", ["compile", "run"])
def test_a_full_disk_is_no_fault_of_the_target(phase: str):
    for what in ("disk-full", "disk-full-says-tool"):
        with pytest.raises(TargetError, match="misbehaving cannot write its files: No space left on device"):
            run(what, phase)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"target": "nonesuch"}, "there is no target 'nonesuch'"),
        ({"case": "broken"}, "not a case file"),
        ({"pipeline": {"name": 3}}, "not a pipeline"),
    ],
)
def test_requests_that_cannot_be_served(slot: Slot, change: dict[str, object], message: str):
    with pytest.raises(TargetError, match=message):
        ask(slot, **change)
    assert ask(slot).kind == "values"


@pytest.mark.parametrize(
    ("family", "message"),
    [
        ("broken", "target broken failed to warm up: no disk"),
        ("missing", "target missing cannot run here: the package nowhere is not installed: pip install nowhere"),
    ],
)
def test_targets_that_cannot_warm_up(tmp_path, family: str, message: str):
    environment = {"PYTHONPATH": str(HOSTILE), FAMILY: family}
    server = ForkServer("torch", ["hostile_targets:register", PRELOAD], tmp_path, None, environment)
    with pytest.raises(TargetError, match=message):
        server.start()


def test_deaths_become_outcomes():
    death = Failure("memory", "too much")
    outcome = outcome_of(Answer("memory", None, death, "", 1, 2.0))
    assert (outcome.kind, outcome.failure, outcome.seconds) == ("crash", death, {"total": 2.0})
