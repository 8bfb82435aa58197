"""Boundaries of loops become loops of their own."""

from __future__ import annotations

import pytest

from .harness import check_pass
from .shapes import becomes, stays

P = "a: in f32[100], n: in i64[1], o: out f32[100]"


def test_padding():
    becomes(
        "partition",
        P,
        """for i in 0..100 {
          if (i >= 1) & (i < 99) { o[i] = a[i - 1] + a[i + 1] } else { o[i] = 0.0:f32 }
        }""",
        """o[0] = 0.0:f32
        for i_1 in 1..99 { o[i_1] = a[i_1 - 1] + a[i_1 + 1] }
        o[99] = 0.0:f32""",
    )


def test_the_last_tile():
    becomes(
        "partition",
        P,
        "for i in 0..13 { for j in 0..8 { if i * 8 + j < 100 { o[i * 8 + j] = a[i * 8 + j] } } }",
        """for i in 0..12 { for j in 0..8 { o[i * 8 + j] = a[i * 8 + j] } }
        for j_1 in 0..4 { o[j_1 + 96] = a[j_1 + 96] }""",
    )


def test_a_bound_with_min():
    becomes(
        "partition",
        P,
        "for i in 0..13 { for j in 0..min(8, 100 - i * 8) { o[i * 8 + j] = a[i * 8 + j] } }",
        """for i in 0..12 { for j in 0..8 { o[i * 8 + j] = a[i * 8 + j] } }
        for j_1 in 0..4 { o[j_1 + 96] = a[j_1 + 96] }""",
    )


def test_a_select_of_a_vectorised_loop():
    becomes(
        "partition",
        P,
        "vectorised i in 0..16 { o[i] = select(i < 5, a[i], 1.0:f32) }",
        "vectorised i in 0..5 { o[i] = a[i] }  vectorised i_1 in 5..16 { o[i_1] = 1.0:f32 }",
    )


def test_steps_keep_their_phase():
    becomes(
        "partition",
        P,
        "for i in 1..100 step 7 { if i < 20 { o[i] = a[i] } }",
        "for i in 1..22 step 7 { o[i] = a[i] }",
    )


@pytest.mark.parametrize(
    "body",
    [
        "let m: i64 = n[0]  for i in 0..100 { if i < m { o[i] = a[i] } }",  # no constant place
        "let m: i64 = n[0]  for i in 0..m { if i < 5 { o[i] = a[i] } }",
        "for i in 0..100 { if i % 2 == 0 { o[i] = a[i] } }",
        "for i in 0..100 { if a[i] > 0.0:f32 { o[i] = a[i] } }",
    ],
)
def test_left_alone(body):
    stays("partition", P, body)


def test_limits():
    body = "for i in 0..100 { if i < 50 { o[i] = a[i] } else { o[i] = 0.0:f32 } }"
    stays("partition", "a: in f32[100], o: out f32[100]", body.replace("o[i] = a[i]", "o[i] = a[i] " * 10), limit=10)


def test_random_programs():
    check_pass("partition", count=40, share=0.3)


@pytest.mark.slow
def test_many_random_programs():
    check_pass("partition", count=600, seed=1, share=0.3)
    check_pass("partition", {"limit": 1000, "parts": 9}, count=400, seed=2, share=0.3)
