"""What leaves a loop, and what must not."""

from __future__ import annotations

import pytest

from .harness import check_pass
from .shapes import becomes, stays

NAME = "loop-invariant-code-motion"
P = "a: in f32[8], n: in i64[2], b: inout f32[8], o: out f32[8]"


def test_a_load_and_what_is_computed_of_it():
    becomes(
        NAME,
        P,
        "for i in 0..8 { for j in 0..4 { b[j] = exp(a[i]) + a[j] } }",
        "for i in 0..8 { let invariant: f32 = exp(a[i])  for j in 0..4 { b[j] = invariant + a[j] } }",
    )


def test_one_variable_for_equal_expressions_and_out_of_two_loops():
    becomes(
        NAME,
        P,
        "for i in 0..8 { for j in 0..4 { o[i] = a[3] * 2.0:f32  o[j] = a[3] * 2.0:f32 } }",
        "let invariant: f32 = a[3] * 2.0:f32  for i in 0..8 { for j in 0..4 { o[i] = invariant  o[j] = invariant } }",
    )


def test_lets_move_whole():
    becomes(
        NAME,
        P,
        "for i in 0..8 { let x: i64 = n[0] * 2  o[i] = f32(x + i) }",
        "let x: i64 = n[0] * 2  for i in 0..8 { o[i] = f32(x + i) }",
    )


def test_integers_only_on_request():
    body = "for i in 0..4 { for j in 0..2 { o[i * 2 + j] = a[j] } }"
    stays(NAME, P, body)
    becomes(
        NAME,
        P,
        body,
        "for i in 0..4 { let invariant: i64 = i * 2  for j in 0..2 { o[invariant + j] = a[j] } }",
        integers=True,
    )


def test_a_guarded_division_waits_for_its_guard():
    stays(NAME, P, "let d: i64 = n[0]  for i in 0..4 { if i > 2 { o[i] = f32(7 // d) } }")
    becomes(
        NAME,
        P,
        "let d: i64 = n[0]  for i in 0..4 { o[i] = f32(7 // d) }",
        "let d: i64 = n[0]  let invariant: f32 = f32(7 // d)  for i in 0..4 { o[i] = invariant }",
    )


@pytest.mark.parametrize(
    "body",
    [
        "for i in 0..8 { b[i] = b[3] + 1.0:f32 }",  # written in the loop
        "for i in 0..n[0] { b[0] = a[n[1]] }",  # may not run, and the index may be out of range then
        "for i in 0..4 { if i > 2 { o[i] = a[n[0]] } }",  # guarded
        "o[1] = 0.0:f32  for i in 0..4 { if i > 2 { b[i] = o[0] } }",  # may have no value
        'for i in 0..4 { assert i < 3, "x"  b[i] = a[n[0]] }',  # the assert may come first
    ],
)
def test_left_alone(body):
    if "n[" in body:  # the index itself may move, not the load
        body = "let x: i64 = n[0]  let y: i64 = n[1]  " + body.replace("n[0]", "x").replace("n[1]", "y")
    stays(NAME, P, body)


def test_a_load_in_range_of_a_parameter_passes_its_guard():
    becomes(
        NAME,
        P,
        "for i in 0..4 { if i > 2 { o[i] = a[5] } }",
        "let invariant: f32 = a[5]  for i in 0..4 { if i > 2 { o[i] = invariant } }",
    )


def test_unswitching():
    before = "let c: bool = n[0] > 0  for i in 0..8 { if c { o[i] = a[i] } else { o[i] = b[i] } }"
    becomes(
        NAME,
        P,
        before,
        "let c: bool = n[0] > 0  if c { for i in 0..8 { o[i] = a[i] } } else { for i_1 in 0..8 { o[i_1] = b[i_1] } }",
    )
    long = "let c: bool = n[0] > 0  for i in 0..8 { o[i] = 0.0:f32 if c { o[i] = a[i] } }"
    stays(NAME, P, long, unswitch=0)


def test_random_programs():
    check_pass(NAME, count=40, share=0.5)


def test_random_programs_with_integers():
    check_pass(NAME, {"integers": True, "unswitch": 40}, count=40, seed=3, share=0.5)


@pytest.mark.slow
def test_many_random_programs():
    check_pass(NAME, count=500, seed=1, share=0.5)
    check_pass(NAME, {"integers": True, "unswitch": 40}, count=500, seed=2, share=0.5)
