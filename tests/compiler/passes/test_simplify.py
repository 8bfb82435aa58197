"""Constant folding, identities, canonical indices, and control flow that ranges decide."""

from __future__ import annotations

import random

import pytest

from misfold.compiler.dtypes import ALL, F64, I8, I16
from misfold.compiler.loops.arithmetic import cast
from misfold.compiler.loops.ir import Cast, Var
from misfold.compiler.loops.ranges import Ranges
from misfold.compiler.passes.loops.identities import RULES, improve, lossless

from .harness import check_pass
from .shapes import becomes, stays

A = "a: in f32[8], b: out f32[8]"
N = "n: in i32[8], m: out i32[8]"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a[i] + -0.0:f32", "a[i]"),
        ("a[i] - 0.0:f32", "a[i]"),
        ("a[i] * 1.0:f32", "a[i]"),
        ("a[i] / -1.0:f32", "neg(a[i])"),
        ("2.0:f32 * a[i]", "a[i] * 2.0:f32"),
        ("1.5:f32 + 2.0:f32", "3.5:f32"),
        ("neg(neg(a[i]))", "a[i]"),
        ("a[i] - neg(a[i])", "a[i] + a[i]"),
        ("floor(round(a[i]))", "round(a[i])"),
        ("ceil(f32(i))", "f32(i)"),
        ("abs(neg(a[i]))", "abs(a[i])"),
        ("copysign(a[i], -2.0:f32)", "neg(abs(a[i]))"),
        ("select(i < 8, a[i], 0.0:f32)", "a[i]"),
        ("select(i > 7, a[i], 0.0:f32)", "0.0:f32"),
        ("max(a[i], a[i])", "a[i]"),
        ("f32(f64(a[i]))", "a[i]"),
    ],
)
def test_floats(before, after):
    becomes("simplify", A, f"for i in 0..8 {{ b[i] = {before} }}", f"for i in 0..8 {{ b[i] = {after} }}")


@pytest.mark.parametrize(
    "kept",
    [
        "a[i] + 0.0:f32",  # -0.0 becomes 0.0
        "a[i] * 0.0:f32",  # NaN, infinity, -0.0
        "a[i] - a[i]",
        "a[i] / 3.0:f32",
        "a[i] + 1.0:f32 + 1.0:f32",  # rounds twice
        "max(0.0:f32, a[i])",
        "f32(f16(a[i]))",
        "f32(i32(a[i]))",
    ],
)
def test_floats_that_stay(kept):
    stays("simplify", A, f"for i in 0..8 {{ b[i] = {kept} }}")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("n[i] + 0:i32", "n[i]"),
        ("n[i] * 0:i32", "0:i32"),
        ("n[i] - n[i]", "0:i32"),
        ("n[i] + 3:i32 - 3:i32", "n[i]"),
        ("n[i] + n[i] - n[i]", "n[i]"),
        ("2147483647:i32 + 1:i32", "-2147483648:i32"),
        ("n[i] & -1:i32", "n[i]"),
        ("n[i] ^ n[i]", "0:i32"),
        ("n[i] << 0:i32", "n[i]"),
        ("n[i] // 1:i32", "n[i]"),
        ("min(min(n[i], 9:i32), 5:i32)", "min(n[i], 5:i32)"),
        ("max(i32(u8(n[i])), -1:i32)", "i32(u8(n[i]))"),
        ("i32(i64(n[i]))", "n[i]"),
        ("i32(bool(n[i]))", "i32(n[i] != 0:i32)"),
        ("abs(i32(i))", "i32(i)"),
    ],
)
def test_integers(before, after):
    becomes("simplify", N, f"for i in 0..8 {{ m[i] = {before} }}", f"for i in 0..8 {{ m[i] = {after} }}")


@pytest.mark.parametrize("kept", ["5:i32 // 0:i32", "(n[i] + 4:i32) // 4:i32", "n[i] + 1:i32 - i32(u8(n[i]))"])
def test_integers_that_stay(kept):
    stays("simplify", N, f"for i in 0..8 {{ m[i] = {kept} }}")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("(i * 4 + j) // 4", "i"),
        ("(i * 4 + j) % 4", "j"),
        ("(i * 8 + j + 4) // 4", "i * 2 + 1"),
        ("min(i, 1)", "i"),
        ("max(i - 5, 0)", "0"),
        ("(i + 1) * 2 - 2 - i", "i"),
        ("j + 1 + 1 - j", "2"),
        ("abs(i - 1 + 1)", "i"),
        ("select((i < 3) & (j >= 0), i, j)", "i"),
    ],
)
def test_indices(before, after):
    """For i below 2 and j below 4."""
    text = "for i in 0..2 {{ for j in 0..4 {{ b[{}] = 1.0:f32 }} }}"
    becomes("simplify", A, text.format(before), text.format(after))


def test_control_flow():
    becomes(
        "simplify",
        A,
        """
        for i in 0..8 {
          if i < 8 { b[i] = 1.0:f32 } else { b[i] = 2.0:f32 }
          for j in 3..3 { b[j] = a[j] }
          for k in 4..5 { b[k] = a[k] }
          if i > 2 { } else { b[i] = a[i] }
          assert i >= 0, "never"
          let x: i64 = i
          if (i < 4) & (i < 6) { if i < 5 { b[x] = 0.0:f32 } }
        }
        """,
        """
        for i in 0..8 {
          b[i] = 1.0:f32
          b[4] = a[4]
          if i <= 2 { b[i] = a[i] }
          if (i < 4) & (i < 6) { b[i] = 0.0:f32 }
        }
        """,
    )


def test_what_an_assert_said_is_known_after_it():
    becomes(
        "simplify",
        "a: in i64[1], b: out f32[8]",
        'let x: i64 = a[0]  assert (x >= 0) & (x < 8), "range"  if x < 9 { b[x] = 1.0:f32 }',
        'let x: i64 = a[0]  assert (x >= 0) & (x < 8), "range"  b[x] = 1.0:f32',
    )


def test_neutral_reductions_go():
    becomes("simplify", N, "m[0] add= 0:i32  m[1] max= -2147483648:i32  m[2] add= 1:i32", "m[2] add= 1:i32")
    stays("simplify", "b: inout f32[8]", "b[0] add= 0.0:f32")


def test_a_loop_that_may_not_run_stays():
    stays("simplify", "a: in i64[1], b: out f32[8]", "let n: i64 = a[0]  for i in 0..n { b[0] = 1.0:f32 }")


def test_casts_that_count_as_lossless_are():
    for source in ALL:
        for target in ALL:
            if lossless(source, target) and not source.is_float:
                for value in {source.min, source.max, source.max - 1, 1}:
                    value = bool(value) if source.is_bool else value
                    assert cast(cast(value, source, target), target, source) == value, (source, target)


def test_a_cast_over_floats_is_kept_where_it_saturates():
    over = Cast(I8, Cast(F64, Var("x", I16)))  # saturates, where i8(x) wraps
    assert improve(over, Ranges()) is over


def test_each_rule_gives_a_reason():
    assert all(len(one.reason) > 10 for rules in RULES.values() for one in rules)


def test_twice_is_once():
    from misfold.compiler.passes.base import make
    from misfold.generators.kernels import generate

    one = make("simplify")
    done = 0
    for seed in range(30):
        once = one.run(generate(random.Random(seed)))
        done += one.run(once) is once
    assert done >= 24  # a second walk finds something only now and then


def test_random_programs():
    check_pass("simplify", count=40, share=0.9)


@pytest.mark.slow
def test_many_random_programs():
    check_pass("simplify", count=1000, seed=1, share=0.9)
