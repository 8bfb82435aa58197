"""Kernels whose integers are kept from overflowing."""

from __future__ import annotations

import random

from misfold.compiler.loops.parser import parse_function
from misfold.generators.kernels import Options, generate, tame
from misfold.oracles.kernels import expect
from misfold.programs.kernel import KernelCase, kernel_inputs

SMALL = Options(statements=6, expression=3, work=300)


def test_nearly_all_kernels_can_be_kept_from_overflowing():
    overflowing = tamed = 0
    for seed in range(60):
        case = KernelCase(generate(random.Random(seed), SMALL), seed)
        if not expect(case).overflow:
            assert tame(case.function, kernel_inputs(case)) == case.function
            continue
        overflowing += 1
        function = tame(case.function, kernel_inputs(case))
        if function is not None:
            found = expect(KernelCase(function, seed))
            assert not found.overflow
            assert found.invalid is None
            tamed += 1
    assert overflowing >= 10
    assert tamed >= 0.9 * overflowing


def test_only_what_overflows_is_changed():
    text = (
        "function f(x: in i8[4], y: out i8[4], z: out i8[4]) {\n  for i in 0..4 {\n    y[i] = x[i] * 100:i8\n"
        "    z[i] = x[i] & 3:i8\n  }\n}\n"
    )
    case = KernelCase(parse_function(text), 3)
    assert expect(case).overflow
    function = tame(case.function, kernel_inputs(case))
    assert function is not None and function != case.function
    before, after = case.function.body[0].body, function.body[0].body
    assert before[1] == after[1]


def test_kernels_that_are_undefined_are_given_up():
    text = "function f(x: in i8[4], y: out i8[4]) {\n  for i in 0..5 {\n    y[i] = 1:i8\n  }\n}\n"
    case = KernelCase(parse_function(text), 3)
    assert tame(case.function, kernel_inputs(case)) is None
