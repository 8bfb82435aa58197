"""Verdicts on kernels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from misfold.compiler.loops.parser import parse_function
from misfold.oracles.kernels import expect, judge_kernel, unmet_passes
from misfold.programs.kernel import KernelCase, kernel_inputs
from misfold.programs.kernel_tvmscript import TVMScriptCase
from misfold.programs.pipeline import Pipeline
from misfold.targets.outcome import Failure, Outcome, TensorValue


def case_of(expression: str, dtype: str = "i32") -> KernelCase:
    text = f"function f(x: in {dtype}[6], y: out {dtype}[6]) {{\nfor i in 0..6 {{\ny[i] = {expression}\n}}\n}}"
    return KernelCase(parse_function(text), 5)


def values(case: KernelCase, *, change: float = 0) -> Outcome:
    (array,) = expect(case).values.values()
    array = array.copy()
    array[2] += array.dtype.type(change)
    return Outcome("values", (TensorValue(array.dtype.name, array.shape, array.tobytes()),), facts={"names": ["y"]})


def judged(case: KernelCase, outcome: Outcome, exact_overflow: bool = False):
    found = judge_kernel(case, expect(case), outcome, exact_overflow=exact_overflow)
    return found.kind, found.oracle


def test_a_pass_without_what_it_needs_is_nobodys_fault():
    class Needy:
        def unmet(self, names, script):
            return None if script or "a" in names else "b runs without a before it"

    case, broken = case_of("x[i]"), Outcome("crash", failure=Failure("SIGSEGV", ""))
    alone, both = (Pipeline("p", passes=tuple((name, {}) for name in names)) for names in ("b", "ab"))
    found = unmet_passes(Needy(), case, alone, broken)
    assert found is not None
    assert (found.kind, found.oracle) == ("undecided", "passes")
    assert unmet_passes(Needy(), case, both, broken) is None
    assert unmet_passes(Needy(), case, Pipeline("default"), broken) is None
    assert unmet_passes(Needy(), case, alone, Outcome("rejected")) is None
    script = TVMScriptCase("", 1)
    assert unmet_passes(Needy(), script, alone, broken) is None


def test_bits_decide():
    case = case_of("x[i] * 2:i32")
    assert judged(case, values(case)) == ("ok", "values")
    assert judged(case, values(case, change=1)) == ("proved", "values")


def test_zeros_and_nans_are_alike():
    case = case_of("0:f32 / (x[i] - x[i])", "f32")
    other = np.array([-np.nan] * 6, np.float32)
    assert judged(case, Outcome("values", (TensorValue("float32", (6,), other.tobytes()),))) == ("ok", "values")
    case = case_of("0:f32 * abs(x[i])", "f32")
    other = np.array([-0.0] * 6, np.float32)
    assert judged(case, Outcome("values", (TensorValue("float32", (6,), other.tobytes()),))) == ("ok", "values")


def test_approximate_buffers_are_judged_from_afar():
    case = case_of("sin(x[i])", "f32")
    assert expect(case).approximate == {"y"}
    assert judged(case, values(case, change=1e-7)) == ("undecided", "values")
    assert judged(case, values(case, change=0.5)) == ("suspect", "values")


@pytest.mark.parametrize(
    ("expression", "wraps"),
    [
        ("x[i] * 1000000000:i32", True),
        ("x[i] + 2147483647:i32", True),
        ("neg(x[i] - x[i] + -2147483648:i32)", True),
        ("abs(x[i] - x[i] + -2147483648:i32)", True),
        ("truncdiv(x[i] - x[i] + -2147483648:i32, -1:i32)", True),
        ("1:i32 << 31:i32", True),
        ("pow(3:i32, 40:i32)", True),
        ("1:i32 << 40:i32", False),
        ("pow(2:i32, 30:i32)", False),
        ("i32(i8(x[i] * 1000:i32))", False),
        ("x[i] + 1:i32", False),
    ],
)
def test_overflow_is_seen(expression, wraps):
    case = case_of(expression)
    assert bool(expect(case).overflow) == wraps
    different = values(case, change=1)
    assert judged(case, different) == ("undecided" if wraps else "proved", "values")
    assert judged(case, different, exact_overflow=True) == ("proved", "values")


def test_failures():
    case = case_of("x[i]")
    for kind, oracle in (("crash", "crash"), ("hang", "hang"), ("compile-error", "compile"), ("stamped", "memory")):
        assert judged(case, Outcome(kind, failure=Failure("E", "m"))) == ("proved", oracle)
    assert judged(case, Outcome("rejected", failure=Failure("E", "m"))) == ("ok", "rejected")
    assert judged(case, Outcome("crash", failure=Failure("E", "bad_alloc"))) == ("undecided", "crash")
    assert judged(case, replace(values(case), facts={"stable": False})) == ("proved", "nondeterminism")
    assert judged(case, Outcome("values")) == ("proved", "outputs")


def test_an_undefined_kernel_is_invalid():
    case = case_of("x[i + 1]")
    assert "out of bounds" in (expect(case).invalid or "")
    assert judged(case, Outcome("crash")) == ("undecided", "kernel")


def test_the_inputs_stay_as_they_are():
    case = case_of("x[i]")
    before = [array.copy() for array in kernel_inputs(case)]
    expect(case)
    assert all(np.array_equal(a, b) for a, b in zip(before, kernel_inputs(case)))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("y[i] = exp(x[i])", False),
        ("y[i] = exp(x[i]) / 3.0:f32", False),
        ("y[i] = floor(exp(x[i]))", True),
        ("y[i] = exp(x[i]) % 3.0:f32", True),
        ("y[i] = select(exp(x[i]) > 1.0:f32, 1.0:f32, 0.0:f32)", True),
        ("y[i] = f32(i32(exp(x[i])))", True),
        ("y[i] = f32(i // 2)", False),
    ],
)
def test_what_an_approximate_value_may_decide(line, expected):
    from misfold.compiler.loops.parser import parse_function
    from misfold.oracles.kernels import discrete

    text = f"function f(x: in f32[4], y: out f32[4]) {{\n  for i in 0..4 {{\n    {line}\n  }}\n}}\n"
    assert discrete(parse_function(text)) is expected
