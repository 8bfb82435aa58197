"""Parallelisation: which loops, and which would race."""

from __future__ import annotations

import pytest

from .harness import check_pass
from .nests import random_nests
from .shapes import becomes, stays

XY = "x: in f32[64, 64], y: inout f32[64, 64], k: in i64[64]"


def test_the_outermost_loop():
    body = "{} i in 0..64 {{ for j in 0..64 {{ y[i, j] = x[i, j] }} }}"
    becomes("parallelisation", XY, body.format("for"), body.format("parallel"), minimum=64)


def test_the_inner_loop_where_the_outer_one_carries_a_dependence():
    body = "for i in 1..64 {{ {} j in 0..64 {{ y[i, j] = y[i - 1, j] }} }}"
    becomes("parallelisation", XY, body.format("for"), body.format("parallel"), minimum=64)


def test_a_loop_that_runs_once_is_passed_over():
    body = "for b in 0..1 {{ {} i in 0..64 {{ y[i, b] = x[i, b] }} }}"
    becomes("parallelisation", XY, body.format("for"), body.format("parallel"), minimum=64)


def test_rows_of_a_reduction():
    body = "{} i in 0..64 {{ for j in 0..64 {{ y[i, 0] add= x[i, j] }} }}"
    becomes("parallelisation", XY, body.format("for"), body.format("parallel"), minimum=64)


def test_loops_inside_a_parallel_one_are_serial():
    before = "for i in 0..64 { parallel j in 0..64 { y[i, j] = x[i, j] } }"
    after = "parallel i in 0..64 { for j in 0..64 { y[i, j] = x[i, j] } }"
    becomes("parallelisation", XY, before, after, minimum=64)


def test_a_gather_with_its_assert():
    body = """
    {} i in 0..64 {{
      let p: i64 = k[i]
      assert (p >= 0) & (p < 64), "index out of range"
      y[i, 0] = x[p, 0]
    }}
    """
    becomes("parallelisation", XY, body.format("for"), body.format("parallel"), minimum=64)


@pytest.mark.parametrize(
    "body",
    [
        "for i in 1..64 { y[i, 0] = y[i - 1, 0] }",
        "for i in 0..63 { y[i, 0] = y[i + 1, 0] }",
        "for i in 0..64 { y[0, 0] = x[i, 0] }",
        "for i in 0..64 { y[0, 0] add= x[i, 0] }",
        "for i in 0..64 { y[k[i], 0] = x[i, 0] }",
        "for i in 0..64 { y[k[i], 0] add= x[i, 0] }",
        "for i in 0..64 { y[i // 2, 0] = x[i, 0] }",
        # the last of many writes counts
        "for i in 0..64 { y[i % 8, 0] = x[i, 0] }",
        # the assert guards an access of later iterations
        'for i in 0..64 { let p: i64 = k[i]\n assert p < 64, ""\n y[i, 0] = x[p, 0] }',
        "vectorised i in 0..64 { y[i, 0] = x[i, 0] }",
    ],
)
def test_what_it_leaves_alone(body):
    stays("parallelisation", XY, body, minimum=0)


def test_little_work():
    stays("parallelisation", XY, "for i in 0..64 { y[i, 0] = x[i, 0] }")


@pytest.mark.parametrize("minimum", [0, 64])
def test_random_programs(minimum):
    check_pass("parallelisation", {"minimum": minimum}, 20)
    check_pass("parallelisation", {"minimum": minimum}, 20, programs=random_nests)


@pytest.mark.slow
def test_many_random_programs():
    check_pass("parallelisation", {"minimum": 0}, 500, seed=1)
    check_pass("parallelisation", {"minimum": 0}, 500, seed=1, programs=random_nests)
