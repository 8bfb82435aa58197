"""Loop fusion: what becomes one loop, and what must stay two."""

from __future__ import annotations

import pytest

from .harness import check_pass
from .nests import random_nests
from .shapes import becomes, stays

XYZ = "x: in f32[16, 16], y: inout f32[16, 16], z: inout f32[16, 16]"


def test_a_producer_and_its_consumer():
    becomes(
        "fusion",
        XYZ,
        """
        for i in 0..16 { for j in 0..16 { y[i, j] = x[i, j] } }
        for m in 0..16 { for n in 0..16 { z[m, n] = y[m, n] } }
        """,
        "for i in 0..16 { for j in 0..16 { y[i, j] = x[i, j]\n z[i, j] = y[i, j] } }",
    )


def test_rows_are_fused_where_elements_are_not():
    """What lowering makes of a softmax: the maximum of a row must be known before the row is gone over again."""
    becomes(
        "fusion",
        "x: in f32[16, 16], y: out f32[16, 16]",
        """
        alloc m: f32[16]
        for i0 in 0..16 { m[i0] = -inf:f32 }
        for i1 in 0..16 { for j1 in 0..16 { m[i1] max= x[i1, j1] } }
        alloc s: f32[16]
        for i2 in 0..16 { s[i2] = 0.0:f32 }
        for i3 in 0..16 { for j3 in 0..16 { s[i3] add= exp(x[i3, j3] - m[i3]) } }
        for i4 in 0..16 { for j4 in 0..16 { y[i4, j4] = exp(x[i4, j4] - m[i4]) / s[i4] } }
        """,
        """
        alloc m: f32[16]
        alloc s: f32[16]
        for i0 in 0..16 {
          m[i0] = -inf:f32
          for j1 in 0..16 { m[i0] max= x[i0, j1] }
          s[i0] = 0.0:f32
          for j3 in 0..16 { s[i0] add= exp(x[i0, j3] - m[i0]) }
          for j4 in 0..16 { y[i0, j4] = exp(x[i0, j4] - m[i0]) / s[i0] }
        }
        """,
    )


def test_an_independent_let_in_between_moves():
    becomes(
        "fusion",
        XYZ,
        "for i in 0..16 { y[i, 0] = 1.0:f32 }\n let t: f32 = x[0, 0]\n for j in 0..16 { z[j, 0] = t }",
        "let t: f32 = x[0, 0]\n for i in 0..16 { y[i, 0] = 1.0:f32\n z[i, 0] = t }",
    )


def test_earlier_iterations_may_be_read_if_no_parallelism_is_lost():
    body = "for i in 1..16 { y[i, 0] = x[i, 0] }\n for j in 1..16 { z[j, 0] = y[j - 1, 0] }"
    stays("fusion", XYZ, body)
    becomes("fusion", XYZ, body, "for i in 1..16 { y[i, 0] = x[i, 0]\n z[i, 0] = y[i - 1, 0] }", parallelism="ignore")


def test_parallel_loops_stay_parallel():
    becomes(
        "fusion",
        XYZ,
        "parallel i in 0..16 { y[i, 0] = x[i, 0] }\n parallel j in 0..16 { z[j, 0] = y[j, 0] }",
        "parallel i in 0..16 { y[i, 0] = x[i, 0]\n z[i, 0] = y[i, 0] }",
    )


@pytest.mark.parametrize(
    "body",
    [
        # an element that a later iteration writes
        "for i in 0..15 { y[i, 0] = x[i, 0] }\n for j in 0..15 { z[j, 0] = y[j + 1, 0] }",
        # one that a later iteration still reads
        "for i in 0..14 { z[i, 0] = y[i, 0] }\n for j in 0..14 { y[j + 2, 0] = x[j, 0] }",
        # a whole sum
        "for i in 0..16 { y[0, 0] add= x[i, 0] }\n for j in 0..16 { z[j, 0] = y[0, 0] }",
        # anything
        "for i in 0..16 { y[i, 0] = x[i, 0] }\n for j in 0..16 { z[j, 0] = y[i64(x[j, 0]), 0] }",
        # the order of two writes
        "for i in 0..16 { y[0, 0] = x[i, 0] }\n for j in 0..16 { y[0, 0] = x[j, 1] }",
        # other bounds, other steps, other kinds
        "for i in 0..16 { y[i, 0] = x[i, 0] }\n for j in 0..15 { z[j, 0] = y[j, 0] }",
        "for i in 0..16 { y[i, 0] = x[i, 0] }\n for j in 0..16 step 2 { z[j, 0] = y[j, 0] }",
        "for i in 0..16 { y[i, 0] = x[i, 0] }\n parallel j in 0..16 { z[j, 0] = y[j, 0] }",
        "unrolled i in 0..16 { y[i, 0] = x[i, 0] }\n unrolled j in 0..16 { z[j, 0] = y[j, 0] }",
        # something in between that reads what the first writes, or that is no let
        "for i in 0..16 { y[i, 0] = x[i, 0] }\n let t: f32 = y[3, 0]\n for j in 0..16 { z[j, 0] = t }",
        "for i in 0..16 { y[i, 0] = x[i, 0] }\n z[0, 1] = 0.0:f32\n for j in 0..16 { z[j, 0] = y[j, 0] }",
        # parallel iterations that would meet
        "parallel i in 0..15 { y[i, 0] = x[i, 0] }\n parallel j in 0..15 { y[15 - j, 0] add= x[j, 0] }",
        # bounds that the first loop changes
        "for i in 0..i64(y[0, 0]) { y[i, 0] = 1.0:f32 }\n for j in 0..i64(y[0, 0]) { z[j, 0] = 1.0:f32 }",
        # what an assert of a later iteration guards
        'for i in 0..9 { assert x[i, 0] > 0.0:f32, "" }\n for j in 0..9 { z[j, i64(x[0, 0])] = 1.0:f32 }',
    ],
)
def test_what_it_leaves_alone(body):
    stays("fusion", XYZ, body, parallelism="ignore")


def test_the_limit_is_kept():
    statements = "y[0, 0] add= 1.0:f32\n" * 5
    body = f"for i in 0..16 {{ {statements} }}\n for j in 0..16 {{ {statements} }}"
    stays("fusion", XYZ, body, limit=8)


CHOICES = [{}, {"parallelism": "ignore"}]


@pytest.mark.parametrize("parameters", CHOICES)
def test_random_programs(parameters):
    check_pass("fusion", parameters, 40, share=0.1)
    check_pass("fusion", parameters, 40, programs=random_nests)


@pytest.mark.slow
@pytest.mark.parametrize("parameters", CHOICES)
def test_many_random_programs(parameters):
    check_pass("fusion", parameters, 500, seed=1, share=0.1)
    check_pass("fusion", parameters, 500, seed=1, programs=random_nests)
