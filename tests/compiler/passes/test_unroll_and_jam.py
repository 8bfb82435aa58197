"""Unroll-and-jam: what runs together, and what must not alternate."""

from __future__ import annotations

import pytest

from .harness import check_pass
from .nests import random_nests
from .shapes import becomes, stays

ABC = "a: in f32[64, 64], b: in f32[64, 64], c: inout f32[64, 64]"


def test_a_matrix_product():
    becomes(
        "unroll-and-jam",
        ABC,
        "for m in 0..64 { for k in 0..64 { for n in 0..64 { c[m, n] add= a[m, k] * b[k, n] } } }",
        """
        for m in 0..64 step 2 { for k in 0..64 { for n in 0..64 {
          c[m, n] add= a[m, k] * b[k, n]
          c[m + 1, n] add= a[m + 1, k] * b[k, n]
        } } }
        """,
        factor=2,
    )


def test_what_is_left_over_has_a_loop():
    becomes(
        "unroll-and-jam",
        ABC,
        "for m in 3..10 step 2 { for n in 0..64 { c[m, n] = b[0, n] } }",
        """
        for m in 3..9 step 6 { for n in 0..64 {
          c[m, n] = b[0, n]
          c[m + 2, n] = b[0, n]
          c[m + 4, n] = b[0, n]
        } }
        for m_1 in 9..10 step 2 { for n_3 in 0..64 { c[m_1, n_3] = b[0, n_3] } }
        """,
        factor=3,
    )


def test_statements_around_the_inner_loop():
    becomes(
        "unroll-and-jam",
        ABC,
        "for m in 0..8 { let t: f32 = a[m, 0]\n for n in 0..64 { c[m, n] = b[0, n] * t } }",
        """
        for m in 0..8 step 2 {
          let t: f32 = a[m, 0]
          let t_1: f32 = a[m + 1, 0]
          for n in 0..64 {
            c[m, n] = b[0, n] * t
            c[m + 1, n] = b[0, n] * t_1
          }
        }
        """,
        factor=2,
    )


@pytest.mark.parametrize(
    "body",
    [
        # distance (1, -1)
        "for i in 1..63 { for j in 0..63 { c[i, j] = c[i - 1, j + 1] } }",
        # the second statement feeds the first of the next iteration
        "for i in 1..63 { for j in 0..63 { c[i, 0] = c[i - 1, 1]\n c[i, 1] = a[i, j] } }",
        # a statement before the inner loop reads what the loop wrote one iteration ago
        "for i in 1..63 { let t: f32 = c[i - 1, 5]\n for j in 0..63 { c[i, j] = t } }",
        "for i in 0..63 { for j in 0..63 { c[i64(a[i, j]), 0] = b[i, j] } }",
        # nothing to jam
        "for i in 0..63 { c[i, 0] = a[i, 0] }",
        "for i in 0..63 { for j in 0..i { c[i, j] = a[i, j] } }",
        # too short
        "for i in 0..2 { for j in 0..63 { c[i, j] = a[i, j] } }",
        "parallel i in 0..64 { for j in 0..63 { c[i, j] = a[i, j] } }",
        "for i in 0..64 { parallel j in 0..63 { c[i, j] = a[i, j] } }",
    ],
)
def test_what_it_leaves_alone(body):
    stays("unroll-and-jam", ABC, body, factor=4, reuse=False)


def test_a_distance_beyond_the_factor_is_no_hindrance():
    body = "for i in 4..64 { for j in 0..63 { c[i, j] = c[i - 4, j + 1] } }"
    with pytest.raises(AssertionError):
        stays("unroll-and-jam", ABC, body, factor=4, reuse=False)
    stays("unroll-and-jam", ABC, body, factor=6, reuse=False)


def test_without_reuse_there_is_no_point():
    stays("unroll-and-jam", ABC, "for i in 0..64 { for j in 0..64 { c[i, j] = a[i, j] } }")


CHOICES = [{"factor": 2, "reuse": False}, {"factor": 3}]


@pytest.mark.parametrize("parameters", CHOICES)
def test_random_programs(parameters):
    check_pass("unroll-and-jam", parameters, 20, share=0.1)
    check_pass("unroll-and-jam", parameters, 20, programs=random_nests)


@pytest.mark.slow
@pytest.mark.parametrize("parameters", CHOICES)
def test_many_random_programs(parameters):
    check_pass("unroll-and-jam", parameters, 500, seed=1, share=0.1)
    check_pass("unroll-and-jam", parameters, 500, seed=1, programs=random_nests)
