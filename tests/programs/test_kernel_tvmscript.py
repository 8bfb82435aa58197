"""TVMScript case files: they come back as they were, and what TVM's parser would run is refused."""

from __future__ import annotations

import numpy as np
import pytest

from misfold.programs.errors import BoundError, MisfoldError, TextError
from misfold.programs.kernel import kernel_inputs
from misfold.programs.kernel_tvmscript import (
    HEADER,
    TVMScriptCase,
    parse_any_kernel,
    parse_tvmscript_case,
    without_comments,
)
from misfold.programs.pipeline import Pipeline

SCRIPT = """@T.prim_func(s_tir=True)
def main(A: T.Buffer((4, 5), "float32"), B: T.Buffer((T.int64(4),), "int64")):
    T.func_attr({"tirx.noalias": True})
    C = T.sblock_alloc_buffer((4, 5), scope="local")
    for i, j in T.grid(4, 5):
        with T.sblock("C"):
            v_i, v_j = T.axis.remap("SS", [i, j])
            T.reads(A[v_i, v_j])
            T.writes(C[v_i, 0:5])
            x: T.let[T.float32] = A[v_i, v_j] * T.float32(2.0)
            C[v_i, v_j] = T.if_then_else(v_i < 3 and v_j != 2, T.exp(x), -x)
    for k in T.serial(4, annotations={"pragma_unroll_explicit": 1}):
        if 0 <= k:
            B[k] = T.Cast("int64", C[k, 0]) // T.int64(2)
"""


def case_of(script: str) -> str:
    return f"{HEADER}\n# seed: 3\n\n{script}"


def test_a_case_comes_back_from_its_text():
    pipelines = {"tvm": Pipeline("p", {"config": {"a": 1}}, (("tirx.Simplify", {}),))}
    case = TVMScriptCase(SCRIPT, 7, pipelines, {"origin": "topi unary"})
    again = parse_tvmscript_case(case.text)
    assert again == case
    assert (again.text, again.hash, parse_any_kernel(case.text)) == (case.text, case.hash, case)
    assert case.with_seed(8).hash != case.hash


def test_parameters_and_inputs_are_those_of_the_signature():
    case = parse_tvmscript_case(case_of(SCRIPT))
    assert [(one.buffer.name, one.buffer.shape, str(one.buffer.dtype), one.role) for one in case.parameters] == [
        ("A", (4, 5), "f32", "in"),
        ("B", (4,), "i64", "inout"),
    ]
    first, second = kernel_inputs(case), kernel_inputs(case)
    assert [(one.shape, one.dtype) for one in first] == [((4, 5), np.float32), ((4,), np.int64)]
    assert all(a.tobytes() == b.tobytes() for a, b in zip(first, second))


def test_comments_are_left_out():
    assert without_comments("# from tvm.script import tirx as T\n\n" + SCRIPT) == SCRIPT


HOSTILE = [
    "__import__('os').system('true')",
    "T.call_packed('runtime.SystemLib')",
    "T.call_extern('int32', 'system', 'x')",
    "T.meta_var(1)",
    "T.builder",
    "A.__class__",
    "A[0].__class__",
    "().__class__.__bases__",
    "[x for x in (1,)]",
    "(lambda: 1)()",
    "f'{A}'",
    "print(A[0])",
    "open('x')",
    "T.exp(*[1])",
    "T.exp(**{})",
    "getattr(T, 'x')",
    "T.prim_func.__globals__",
    "(y := 1)",
    "T.evaluate(T.call_llvm_intrin('int32', 'x'))",
    "A if 1 else A",
    "b'1'",
    "1j",
    "2**99",
    "unknown",
    "range",
    "T",
    "{1: 2}",
    "await A",
]


@pytest.mark.parametrize("expression", HOSTILE)
def test_expressions_that_could_run_something_are_refused(expression):
    script = SCRIPT.replace("-x)", f"{expression})")
    assert script != SCRIPT
    with pytest.raises(TextError):
        parse_tvmscript_case(case_of(script))


@pytest.mark.parametrize(
    "statement",
    [
        "import os",
        "from os import system",
        "global A",
        "del A",
        "return 1",
        "raise ValueError",
        "assert A",
        "try:\n        pass\n    finally:\n        pass",
        "while True:\n        pass",
        "def f():\n        pass",
        "class X:\n        pass",
        "A.data = 1",
        "T.exp = 1",
        "T = 1",
        "I = 1",
        "range = 1",
        "__builtins__ = 1",
        "with open('x'):\n        pass",
        "with T.sblock('a') as q:\n        pass",
        "for i in [1]:\n        pass",
        "for i in T.thread_binding(4):\n        pass",
        "for i in T.grid(4):\n        pass\n    else:\n        pass",
        "A[0]",
        "'text'",
        "x = y = 1",
        "A[0] += 1",
        "z: os = 1",
        "match 1:\n        case _:\n            pass",
    ],
)
def test_statements_that_no_seed_has_are_refused(statement):
    with pytest.raises(TextError):
        parse_tvmscript_case(case_of(SCRIPT + f"    {statement}\n"))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("@T.prim_func(s_tir=True)", "@T.prim_func(s_tir=print)"),
        ("@T.prim_func(s_tir=True)", "@print\n@T.prim_func(s_tir=True)"),
        ("@T.prim_func(s_tir=True)", "@T.jit()"),
        ("@T.prim_func(s_tir=True)\n", ""),
        ("def main(", "async def main("),
        ('A: T.Buffer((4, 5), "float32")', "A: T.handle"),
        ('A: T.Buffer((4, 5), "float32")', 'A: T.Buffer((n, 5), "float32")'),
        ('A: T.Buffer((4, 5), "float32")', 'A: T.Buffer((-4, 5), "float32")'),
        ('A: T.Buffer((4, 5), "float32")', 'A: T.Buffer((4, 5), "float8")'),
        ('A: T.Buffer((4, 5), "float32")', 'A: T.Buffer((4, 5), "float32", strides=[1])'),
        ('A: T.Buffer((4, 5), "float32")', 'A: T.Buffer((4, 5), "float32") = 1'),
        ('A: T.Buffer((4, 5), "float32")', "*A"),
    ],
)
def test_signatures_that_no_seed_has_are_refused(old, new):
    assert old in SCRIPT
    with pytest.raises(TextError):
        parse_tvmscript_case(case_of(SCRIPT.replace(old, new)))


def test_errors_name_the_line_and_the_file():
    with pytest.raises(TextError) as caught:
        parse_tvmscript_case(case_of(SCRIPT.replace("-x)", "open(x))")), "a.kernel")
    assert caught.value.line == 14
    assert caught.value.source == "a.kernel"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# misfold TVMScript kernel, version 2\n# seed: 1\n",
        f"{HEADER}\n\n{SCRIPT}",
        case_of("def f(:\n"),
        case_of("x = 1\n"),
    ],
)
def test_broken_files_give_one_error(text):
    with pytest.raises(MisfoldError):
        parse_tvmscript_case(text)


def test_what_is_too_large_or_nests_too_deeply_is_refused():
    with pytest.raises(BoundError):
        parse_tvmscript_case(case_of(SCRIPT.replace('(4, 5), "float32"', '(4000, 5000), "float32"')))
    with pytest.raises(TextError):
        parse_tvmscript_case(case_of(SCRIPT.replace("-x)", "-" * 500 + "x)")))
    with pytest.raises(TextError):
        parse_tvmscript_case(case_of(SCRIPT + "    T.evaluate(0)\n" * 9000))
