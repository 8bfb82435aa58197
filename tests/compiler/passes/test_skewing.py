"""Loop skewing: the slanted nest, and when it is of use."""

from __future__ import annotations

import pytest

from misfold.compiler.passes.base import make

from .harness import check_pass
from .nests import random_nests
from .shapes import becomes, function, stays

X = "x: inout f32[16, 16]"
WAVEFRONT = "for i in 1..16 { for j in 0..15 { x[i, j] = x[i - 1, j + 1] } }"


def test_a_wavefront():
    becomes(
        "skewing",
        X,
        WAVEFRONT,
        """
        for i in 1..16 { for j_skewed in i..15 + i {
          x[i, j_skewed - i] = x[i - 1, j_skewed - i + 1]
        } }
        """,
    )


def test_a_larger_factor():
    becomes(
        "skewing",
        X,
        "for i in 1..16 { for j in 0..14 { x[i, j] = x[i - 1, j + 2] } }",
        """
        for i in 1..16 { for j_skewed in i * 2..14 + i * 2 {
          x[i, j_skewed - i * 2] = x[i - 1, j_skewed - i * 2 + 2]
        } }
        """,
        factor=2,
    )


def test_it_makes_interchange_legal():
    before = function(X, WAVEFRONT)
    interchange = make("interchange", {"order": "reverse"})
    assert interchange.run(before) is before
    skewed = make("skewing").run(before)
    assert interchange.run(skewed) is not skewed


@pytest.mark.parametrize(
    "body",
    [
        # permutable as it is
        "for i in 1..16 { for j in 1..16 { x[i, j] = x[i - 1, j - 1] } }",
        # one step is not enough
        "for i in 1..16 { for j in 0..14 { x[i, j] = x[i - 1, j + 2] } }",
        # no step is enough
        "for i in 0..8 { for j in 0..8 { x[i64(x[0, i]), j] = 1.0:f32 } }",
        "for i in 1..16 { x[i, 0] = x[i - 1, 1] }",
        "for i in 1..16 { unrolled j in 0..15 { x[i, j] = x[i - 1, j + 1] } }",
    ],
)
def test_what_it_leaves_alone(body):
    stays("skewing", X, body)


CHOICES = [{"when": "always"}, {"when": "always", "factor": 3}]


@pytest.mark.parametrize("parameters", CHOICES)
def test_random_programs(parameters):
    check_pass("skewing", parameters, 20, share=0.3)
    check_pass("skewing", parameters, 20, share=0.5, programs=random_nests)


@pytest.mark.slow
@pytest.mark.parametrize("parameters", CHOICES)
def test_many_random_programs(parameters):
    check_pass("skewing", parameters, 500, seed=1, share=0.3)
    check_pass("skewing", parameters, 500, seed=1, share=0.5, programs=random_nests)
