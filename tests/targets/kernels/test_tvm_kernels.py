"""Kernels through TVM: the emission keeps the loop IR's meaning."""

from __future__ import annotations

from collections import Counter

import pytest

pytest.importorskip("tvm")

from misfold.compiler.loops.parser import parse_function
from misfold.generators.kernels import Options
from misfold.oracles.kernels import expect
from misfold.programs.errors import TargetError
from misfold.programs.kernel import KernelCase
from misfold.programs.pipeline import Pipeline
from misfold.targets.kernels.tvm import TVM

from .harness import made, outcome_in_child, verdict


@pytest.fixture(scope="module")
def target():
    target = TVM()
    target.warm_up()
    return target


def one(text: str, seed: int = 3) -> KernelCase:
    return KernelCase(parse_function(text), seed)


UNARY = "neg abs sqrt floor ceil trunc round"
BINARY = "floordiv floormod truncmod min max copysign add sub mul div"
INTEGER = "floordiv floormod truncdiv truncmod eucliddiv euclidmod min max shl shr pow and or xor"
INFIX = {"floordiv": "//", "floormod": "%", "add": "+", "sub": "-", "mul": "*", "div": "/", "shl": "<<", "shr": ">>"}
INFIX |= {"and": "&", "or": "|", "xor": "^"}


def applied(op: str, a: str, b: str) -> str:
    return f"{a} {INFIX[op]} {b}" if op in INFIX else f"{op}({a}, {b})"


@pytest.mark.parametrize("dtype", ["f16", "bf16", "f32", "f64"])
def test_operators_on_floats(target, dtype):
    lines = [f"y[{n}, i] = {op}(x[i] / 3:{dtype})" for n, op in enumerate(UNARY.split())]
    for n, op in enumerate(BINARY.split(), 7):
        lines.append(f"y[{n}, i] = {applied(op, f'(x[i] / 3:{dtype})', f'(z[i] / 2:{dtype})')}")
    # Not 0 / 0, which TVM refuses to fold.
    nan = f"sqrt(-1:{dtype} - abs(x[i]))"
    lines += [f"y[17, i] = min(x[i], {nan})", f"y[18, i] = max({nan}, x[i])"]
    body = "\n".join(lines)
    head = f"function f(x: in {dtype}[40], z: in {dtype}[40], y: out {dtype}[19, 40])"
    text = head + " {\nfor i in 0..40 {\n" + body + "\n}\n}"
    found = verdict(target, one(text), exact=True)
    assert (found.kind, found.oracle) == ("ok", "values"), found


@pytest.mark.parametrize("dtype", ["i8", "i16", "i32", "i64", "u8", "u32", "u64"])
def test_operators_on_integers(target, dtype):
    lines = []
    for n, op in enumerate(INTEGER.split()):
        right = f"(z[i] | 1:{dtype})" if "div" in op or "mod" in op else f"(z[i] % 4:{dtype})"
        lines.append(f"y[{n}, i] = {applied(op, f'(x[i] % 3:{dtype})', right)}")
    body = "\n".join(lines)
    head = f"function f(x: in {dtype}[40], z: in {dtype}[40], y: out {dtype}[14, 40])"
    text = head + " {\nfor i in 0..40 {\n" + body + "\n}\n}"
    found = verdict(target, one(text), exact=True)
    assert (found.kind, found.oracle) == ("ok", "values"), found


def test_casts_saturate_and_round_once(target):
    casts = [f"{a}[i] = {b}(x[i] * 1e10:f64)" for a, b in (("p", "i32"), ("q", "u8"), ("r", "bf16"), ("s", "i64"))]
    body = "\n".join(casts)
    text = (
        "function f(x: in f64[30], p: out i32[30], q: out u8[30], r: out bf16[30], s: out i64[30]) {\n"
        f"for i in 0..30 {{\n{body}\n}}\n}}"
    )
    found = verdict(target, one(text), exact=True)
    assert (found.kind, found.oracle) == ("ok", "values"), found


def check(target, seeds: range) -> None:
    """What compiles is right. TVM's own failed checks while compiling say nothing of the emission; they stay rare."""
    seen: Counter[str] = Counter()
    for seed in seeds:
        found = verdict(target, made(seed, Options(statements=10, depth=3, expression=3)))
        seen["compile" if found.bad and found.oracle == "compile" else found.kind] += 1
        assert not found.bad or found.oracle == "compile", (seed, found)
    assert seen["ok"] > len(seeds) / 2
    assert seen["compile"] < len(seeds) / 8


def test_random_kernels(target):
    check(target, range(25))


@pytest.mark.slow
def test_many_random_kernels(target):
    check(target, range(25, 200))


def test_an_assert_that_does_not_hold_is_an_error(target):
    case = one('function f(x: in i32[4], y: out i32[4]) {\nfor i in 0..4 {\nassert i < 2, "no"\ny[i] = x[i]\n}\n}')
    assert expect(case).fails
    assert outcome_in_child(target, case).kind == "run-error"
    assert verdict(target, case).kind == "ok"


def test_bad_pipelines_are_named(target):
    case = made(0)
    for pipeline in (
        Pipeline("p", {}, (("NoSuchPass", {}),)),
        Pipeline("p", {"config": {"nothing": 1}}),
        Pipeline("p", {"nothing": 1}),
    ):
        with pytest.raises(TargetError):
            target.compile(case.function, pipeline)
