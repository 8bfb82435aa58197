"""Kernel case files: they come back as they were, and broken ones give one clear error."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from misfold.compiler.arrays import numpy_dtype
from misfold.compiler.loops.parser import parse_function
from misfold.generators.kernels import Options, generate
from misfold.programs.errors import BoundError, MisfoldError, TextError
from misfold.programs.kernel import HEADER, KernelCase, kernel_inputs, normal, parse_kernel_case
from misfold.programs.kernel_bounds import KernelBounds, check_kernel
from misfold.programs.pipeline import Pipeline

SMALL = Options(statements=8, work=200)
FUNCTION = "function f(x: in i8[4], y: out i8[4]{2}) {\n  for i in 0..4 {\n    y[i] = x[i] + 1:i8\n  }\n}\n"


def made(seed: int, options: Options = SMALL) -> KernelCase:
    pipelines = {"tvm": Pipeline("p", {"config": {"a": 1.5, "b": [True, None]}}, (("Fold", {"n": 2}),))}
    about = {"origin": 'a "quoted"\nline', "index": seed}
    return KernelCase(generate(random.Random(seed), options), seed, pipelines, about)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**63 - 1))
def test_cases_come_back_from_their_text(seed):
    case = made(seed)
    again = parse_kernel_case(case.text)
    assert again == case
    assert (again.text, again.hash) == (case.text, case.hash)


def test_names_do_not_count_but_the_rest_does():
    case = KernelCase(parse_function(FUNCTION), 1)
    renamed = KernelCase(
        parse_function(FUNCTION.replace("x", "input_0").replace("i]", "n]").replace("for i", "for n")), 1
    )
    assert renamed.function != case.function
    assert renamed.hash == case.hash
    others = [
        case.with_seed(2),
        KernelCase(case.function, 1, {"tvm": Pipeline("a")}),
        KernelCase(parse_function(FUNCTION.replace("+", "-")), 1),
        KernelCase(parse_function(FUNCTION.replace("i8", "u8")), 1),
    ]
    assert len({one.hash for one in (case, *others)}) == 5
    assert KernelCase(case.function, 1, {}, {"a": 1}).hash == case.hash


def test_normal_functions_are_normal_already():
    for seed in range(40):
        function = normal(made(seed).function)
        assert normal(function) == function


def test_inputs_fit_and_depend_on_the_seed_alone():
    for seed in range(30):
        case = made(seed)
        first, second, other = kernel_inputs(case), kernel_inputs(case), kernel_inputs(case.with_seed(seed + 1000))
        assert all(a.tobytes() == b.tobytes() for a, b in zip(first, second))
        for parameter, array in zip(case.function.parameters, first):
            assert (array.shape, array.dtype) == (parameter.buffer.shape, numpy_dtype(parameter.buffer.dtype))
        if any(one.role != "out" and one.buffer.elements > 4 for one in case.function.parameters):
            assert any(not np.array_equal(a, b) for a, b in zip(first, other))


def text(*head: str, function: str = FUNCTION) -> str:
    return "\n".join([HEADER, *head, "", function])


@pytest.mark.parametrize(
    ("source", "line", "message"),
    [
        ("", 1, "not a kernel case file"),
        ("# misfold case, version 1\n", 1, "not a kernel case file"),
        ("# misfold kernel, version 2\n", 1, "unknown version"),
        (text(), 2, "no seed"),
        (text("# seed: -1"), 2, "not an integer from 0 on"),
        (text("# seed: 1", "# seed: 1"), 3, "a second line with seed"),
        (text("# seed: true"), 2, "not an integer"),
        (text("# seed: 1", "# about: {"), 3, "not JSON"),
        (text("# seed: 1", '# about: {"a": 1, "a": 2}'), 3, "a second time"),
        (text("# seed: 1", "# about: []"), 3, "not an object"),
        (text("# seed: 1", f"# about: {'[' * 100_000}"), 3, "about"),
        (text("# seed: 1", f'# about: {{"a": 1{"0" * 5000}}}'), 3, "about"),
        (text("# seed: 1", '# pipelines: {"tvm": {"name": 3}}'), 3, "tvm: not a pipeline"),
        (text("# seed: 1", "# exec: 1"), 3, "not a line of a kernel case's head"),
        (text("# seed: 1", function=FUNCTION.replace("+", "?")), 6, "no token"),
        (text("# seed: 1", function=FUNCTION.replace("1:i8", "1")), None, "operands"),
        (text("# seed: 1", function=""), None, "expected"),
    ],
)
def test_a_broken_file_gives_one_clear_error(source, line, message):
    with pytest.raises(TextError) as caught:
        parse_kernel_case(source, "a.kernel")
    assert message in str(caught.value)
    assert str(caught.value).startswith("a.kernel")
    assert line is None or caught.value.line == line


def test_mangled_files_give_cases_or_errors():
    broken = 0
    for seed in range(200):
        source = random.Random(seed)
        whole = made(seed % 20).text
        start = source.randrange(len(whole))
        stop = min(len(whole), start + source.randint(0, 30))
        junk = "".join(source.choices("#{}[]()=,:.+-\n\x00\ufffd 019afx\"'\\", k=source.randint(0, 20)))
        mangled = whole[:start] if source.random() < 0.2 else whole[:start] + junk + whole[stop:]
        try:
            case = parse_kernel_case(mangled)
            check_kernel(case)
            assert parse_kernel_case(case.text) == case
        except MisfoldError as error:
            broken += 1
            assert str(error).isprintable()
    assert 100 < broken < 200


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("function f(x: out i8[70000]) {\n}", "x takes 70000 elements"),
        ("function f(x: in i8[2]{100000}) {\n}", "x takes 100001 elements"),
        ("function f() {\n  for i in 0..100000000000 {\n    let t: i64 = i\n  }\n}", "steps"),
        ("function f(x: in i64[]) {\n  for i in 0..x[] {\n    let t: i64 = i\n  }\n}", "steps"),
        ("function f() {\n  unrolled i in 0..99999 {\n    let t: i64 = i\n  }\n}", "written out"),
    ],
)
def test_what_is_too_large_is_refused(function, message):
    with pytest.raises(BoundError, match=message):
        check_kernel(parse_function(function))


def test_generated_kernels_are_within_the_limits():
    for seed in range(60):
        check_kernel(made(seed, Options()))
    with pytest.raises(BoundError):
        check_kernel(made(1, Options()), KernelBounds(steps=10))
