"""Schedules that change the meaning: found by interpretation, named, and shown by a pipeline of their own."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("tvm")

from misfold.oracles.kernels import Expected, judge_kernel
from misfold.oracles.schedules import changed_by, difference
from misfold.oracles.tvmscript import expected_of
from misfold.programs.errors import TargetError
from misfold.programs.kernel_tvmscript import TVMScriptCase
from misfold.programs.pipeline import Pipeline
from misfold.targets.kernels import running
from misfold.targets.kernels.tvm import TVM, parse_script, scheduled
from misfold.targets.kernels.tvm_schedules import PRIMITIVES
from misfold.targets.protocol import Unsupported
from tests.oracles.padded_minimum import SCRIPT, pad

CASE = TVMScriptCase(SCRIPT, 3)


def test_the_primitive_at_fault_is_named(monkeypatch):
    monkeypatch.setitem(PRIMITIVES, "pad", (pad, 1))
    found = changed_by(CASE, [("annotate", 6), ("pad", 1), ("unroll", 2)])
    if found is None:
        pytest.skip("the installed TVM pads a minimum as it must")
    assert (found.position, found.name) == (1, "pad") and "differ" in found.difference


@pytest.mark.parametrize("name", ["split", "unroll", "annotate", "add_unit_loop", "parallel"])
def test_honest_primitives_change_nothing(name):
    assert changed_by(CASE, [(name, seed) for seed in range(1, 4)]) is None


def test_differences():
    one, other = (Expected({"y": np.array([1, value], np.int32)}) for value in (2, 3))
    assert difference(one, one) is None
    assert "y[1] is 3 afterwards, 2 before" in difference(one, other)
    assert "undefined afterwards" in difference(one, Expected(invalid="out of bounds"))
    # What is undefined, overflows or is approximate decides nothing.
    assert difference(Expected(invalid="x"), other) is None
    assert difference(Expected(one.values, overflow=("a",)), other) is None
    assert difference(one, Expected(other.values, frozenset({"y"}))) is None
    nan = Expected({"y": np.array([np.nan, 0.0])})
    assert difference(nan, Expected({"y": np.array([np.nan, -0.0])})) is None


def test_a_pipeline_begins_with_a_schedule():
    pipeline = Pipeline("schedule", {"target": {"opt-level": 0}, "schedule": [["split", 5]]})
    target = TVM()
    outcome = running.run_kernel(target, CASE, pipeline)
    assert outcome.kind == "values"
    assert judge_kernel(CASE, expected_of(CASE), outcome, exact_overflow=target.wraps).kind == "ok"
    source = target.script(CASE, pipeline)
    assert "sch.split" in source and "apply_trace(schedule)" in source
    compile(source, "source", "exec")


@pytest.mark.parametrize(
    ("schedule", "error", "message"),
    [
        ([["fly", 1]], TargetError, "no primitive of schedules is called 'fly'"),
        (["split"], TargetError, "schedule has"),
        ([["compute_at", 1]], Unsupported, "does not apply"),
    ],
)
def test_bad_schedules_are_explained(schedule, error, message):
    with pytest.raises(error, match=message):
        scheduled("tvm", parse_script(SCRIPT), Pipeline("p", {"schedule": schedule}))


@pytest.mark.slow
def test_the_source_of_a_script_runs(tmp_path):
    source = TVM().script(CASE, Pipeline("schedule", {"schedule": [["split", 5]]}))
    path = tmp_path / "script.py"
    path.write_text(f"import os\n{source}\ncompile_kernel()\n")
    found = subprocess.run([sys.executable, str(path)], capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
