"""Loops written out whole, in part, and not at all."""

from __future__ import annotations

import pytest

from .harness import check_pass
from .shapes import becomes, stays

P = "a: in f32[100], n: in i64[1], o: out f32[100]"


def test_a_short_loop_disappears():
    becomes(
        "unrolling",
        P,
        "for i in 2..8 step 3 { let x: f32 = a[i]  o[i] = x }",
        "let x: f32 = a[2]  o[2] = x  let x_1: f32 = a[5]  o[5] = x_1",
    )


def test_marked_loops_disappear_whatever_their_length():
    body = "unrolled i in 0..20 { o[i] = 0.0:f32 }"
    becomes("unrolling", P, body, " ".join(f"o[{i}] = 0.0:f32" for i in range(20)))
    stays("unrolling", P, body, marked=False)
    stays("unrolling", P, body, limit=8)


def test_a_factor_with_a_remainder():
    becomes(
        "unrolling",
        P,
        "for i in 0..99 { o[i] = a[i] }",
        "for i in 0..98 step 2 { o[i] = a[i]  o[i + 1] = a[i + 1] }  for i_1 in 98..99 { o[i_1] = a[i_1] }",
        factor=2,
    )


def test_a_factor_of_a_symbolic_length():
    becomes(
        "unrolling",
        P,
        "let m: i64 = n[0]  for i in 0..m { o[i] = a[i] }",
        """let m: i64 = n[0]
        for i in 0..max(m, 0) // 2 * 2 step 2 { o[i] = a[i]  o[i + 1] = a[i + 1] }
        for i_1 in max(m, 0) // 2 * 2..m { o[i_1] = a[i_1] }""",
        factor=2,
    )


@pytest.mark.parametrize(
    "body",
    [
        "parallel i in 0..4 { o[i] = a[i] }",
        "vectorised i in 0..4 { o[i] = a[i] }",
        "for i in 0..90 { o[i] = a[i] }",
        "let m: i64 = n[0]  for i in m..90 { o[i] = a[i] }",
    ],
)
def test_left_alone(body):
    stays("unrolling", P, body)


def test_random_programs():
    check_pass("unrolling", count=40, share=0.5)


def test_random_programs_by_a_factor():
    check_pass("unrolling", {"factor": 4, "full": 0, "limit": 1024}, count=40, seed=3, share=0.3)


@pytest.mark.slow
def test_many_random_programs():
    check_pass("unrolling", count=400, seed=1, share=0.5)
    check_pass("unrolling", {"factor": 2, "full": 0, "limit": 1024}, count=400, seed=2, share=0.3)
    check_pass("unrolling", {"factor": 8, "full": 2, "limit": 1024}, count=200, seed=3, share=0.3)
