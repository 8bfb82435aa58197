"""Kernels in block form: the same meaning, blocks whose kinds are right, work for schedules."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

pytest.importorskip("tvm")

from misfold.compiler.loops.ir import For, Reduce, Store
from misfold.compiler.loops.parser import parse_function
from misfold.compiler.loops.visit import statements
from misfold.generators.kernels import Options
from misfold.oracles.kernels import expect
from misfold.programs.kernel import KernelCase
from misfold.programs.pipeline import Pipeline
from misfold.targets.kernels.tirx import emit
from misfold.targets.kernels.tirx.blocks import kinds_of
from misfold.targets.kernels.tirx_reader import Unreadable, read_function
from misfold.targets.kernels.tvm import TVM
from misfold.targets.kernels.tvm_schedules import PRIMITIVES, apply

from .harness import made, verdict

DATA_PARALLEL, REDUCTION, OPAQUE = 0, 2, 4
BLOCKS = Pipeline("blocks", {"target": {"opt-level": 0}, "blocks": True, "verify": True})
MATMUL = """
function f(a: in i32[3, 4], b: in i32[4, 5], y: out i32[3, 5]) {
  for i in 0..3 {
    for j in 0..5 {
      y[i, j] = 0:i32
      for k in 0..4 {
        y[i, j] add= a[i, k] * b[k, j]
      }
    }
  }
}
"""

SCALED = """
function f(a: in i32[3, 4], y: out i32[3, 4]) {
  for i in 0..3 {
    for j in 0..4 {
      y[i, j] = a[i, j] * 2:i32
    }
  }
}
"""


def kinds(text):
    """For each store of a function the kinds of its loops' variables, outermost first."""
    function, found = parse_function(text), []

    def visit(body, loops):
        for statement in body:
            if isinstance(statement, For):
                visit(statement.body, [*loops, statement.var.name])
            elif isinstance(statement, Store | Reduce):
                found.append([kinds_of(statement, loops)[name] for name in loops])

    visit(function.body, [])
    assert len(found) == sum(isinstance(one, Store | Reduce) for one in statements(function.body))
    return found


def test_kinds():
    assert kinds(MATMUL) == [[DATA_PARALLEL, DATA_PARALLEL], [DATA_PARALLEL, DATA_PARALLEL, REDUCTION]]


@pytest.mark.parametrize(
    "body",
    [
        "y[i + j] = x[i]",  # two iterations write one element
        "y[0] = x[i]",  # the last one counts
        "y[i] = y[j] + x[i]",  # what another iteration wrote
        "y[i] = x[j]",  # the last j counts
        "let k: i64 = i * 2\n    y[k] = x[i]",  # what k is, is not looked into
    ],
)
def test_what_depends_on_order_is_opaque(body):
    text = f"function f(x: in i32[4], y: inout i32[9]) {{\n for i in 0..4 {{\n  for j in 0..4 {{\n    {body}\n}} }} }}"
    (found,) = kinds(text)
    assert set(found) == {OPAQUE}


def read_back(case):
    return read_function(emit(case.function, blocks=True), case.function.parameters)


def test_round_trip_through_blocks():
    case = KernelCase(parse_function(MATMUL), 1)
    text = emit(case.function, blocks=True).script()
    assert text.count('T.sblock("y_') == 2 and "T.axis.remap" in text
    left, right = expect(case), expect(KernelCase(read_back(case), 1))
    assert right.invalid is None and np.array_equal(left.values["y"], right.values["y"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (MATMUL, {"split", "fuse", "reorder", "unroll"}),
        (SCALED, {"split", "fuse", "reorder", "unroll", "parallel", "vectorize", "cache_read", "blockize"}),
    ],
)
def test_schedules_have_work_and_keep_the_meaning(text, expected):
    case = KernelCase(parse_function(text), 1)
    wanted, function = expect(case).values["y"], emit(case.function, blocks=True)
    done: Counter[str] = Counter()
    for name in PRIMITIVES:
        if name == "pad_einsum":  # pads what is no sum with zeros
            continue
        for seed in range(1, 4):
            try:
                scheduled = apply(function, name, seed)
            except Exception:  # it does not apply
                continue
            done[name] += 1
            try:
                again = expect(KernelCase(read_function(scheduled, case.function.parameters), 1))
            except Unreadable:  # a parameter of another layout, which the loop IR's caller would not hand over
                assert name == "transform_layout"
                continue
            assert again.invalid is None and np.array_equal(again.values["y"], wanted), name
    assert expected <= set(done), done


@pytest.mark.parametrize("seed", range(3))
def test_generated_kernels_in_block_form(seed):
    target, case = TVM(), made(seed, Options(statements=5, expression=2, work=300))
    found = verdict(target, case, BLOCKS)
    without = {name: value for name, value in BLOCKS.options.items() if name != "blocks"}
    plain = verdict(target, case, Pipeline("no-blocks", without)) if found.kind == "proved" else found
    # What TVM gets wrong in the plain form as well is no fault of this form.
    assert found.kind != "proved" or plain.kind == "proved", found
