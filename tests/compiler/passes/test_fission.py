"""Loop fission: which statements part, and which stay together."""

from __future__ import annotations

import pytest

from misfold.compiler.loops.parser import parse_function
from misfold.compiler.loops.verify import verify
from misfold.compiler.passes.base import make

from .harness import check_pass
from .nests import random_nests
from .shapes import becomes, stays

XYZ = "x: in f32[16, 16], y: inout f32[16, 16], z: inout f32[16, 16]"


def test_independent_statements_part():
    becomes(
        "fission",
        XYZ,
        "for i in 0..16 { y[i, 0] = x[i, 0]\n z[i, 0] = x[i, 1] }",
        "for i in 0..16 { y[i, 0] = x[i, 0] }\n for i_1 in 0..16 { z[i_1, 0] = x[i_1, 1] }",
    )


def test_components_are_put_in_order():
    """The second statement feeds a later iteration of the first, so its loop comes first."""
    becomes(
        "fission",
        XYZ,
        "for i in 1..16 { z[i, 0] = y[i - 1, 0]\n y[i, 0] = x[i, 0] }",
        "for i in 1..16 { y[i, 0] = x[i, 0] }\n for i_1 in 1..16 { z[i_1, 0] = y[i_1 - 1, 0] }",
    )


def test_a_let_is_computed_again():
    becomes(
        "fission",
        XYZ,
        "for i in 0..16 { let t: f32 = x[i, 0]\n y[i, 0] = t\n z[i, 0] = t * t }",
        """
        for i in 0..16 { let t: f32 = x[i, 0]
          y[i, 0] = t }
        for i_1 in 0..16 { let t_1: f32 = x[i_1, 0]
          z[i_1, 0] = t_1 * t_1 }
        """,
    )


def test_inner_loops_part_too():
    becomes(
        "fission",
        XYZ,
        "for i in 0..8 { for j in 0..8 { y[i, j] = x[i, j]\n z[i, j] = y[i, j] } }",
        "for i in 0..8 { for j in 0..8 { y[i, j] = x[i, j] }\n for j_1 in 0..8 { z[i, j_1] = y[i, j_1] } }",
        loops="innermost",
    )


@pytest.mark.parametrize(
    "body",
    [
        # a cycle: each statement feeds the next iteration of the other
        "for i in 1..16 { z[i, 0] = y[i - 1, 0]\n y[i, 0] = z[i, 0] }",
        # an exchange: the let must see the old element, and cannot be computed again
        "for i in 0..15 { let t: f32 = y[i, 0]\n y[i, 0] = z[i, 0]\n z[i, 0] = t }",
        # a local buffer
        "for i in 0..16 { alloc l: f32[1]\n l[0] = x[i, 0]\n y[i, 0] = l[0] }",
        # another operation on the same element
        "for i in 0..16 { y[0, 0] add= x[i, 0]\n y[0, 0] max= x[i, 1] }",
        # any element
        "for i in 0..16 { y[i64(x[i, 0]), 0] = 1.0:f32\n z[i, 0] = y[i, 0]\n y[i, 1] = z[3, 0] }",
        # kinds that are not for reordering
        "unrolled i in 0..16 { y[i, 0] = x[i, 0]\n z[i, 0] = x[i, 1] }",
        # bounds that the loop changes
        "for i in 0..i64(y[0, 0]) { y[i, 0] = 1.0:f32\n z[i, 0] = 1.0:f32 }",
        # what comes after an assert in a later iteration
        'for i in 0..9 { z[i, i64(x[i, 0])] = 1.0:f32\n assert x[i, 1] > 0.0:f32, "" }',
    ],
)
def test_what_it_leaves_alone(body):
    stays("fission", XYZ, body)


def test_copied_variables_that_use_one_another():
    """c is copied, and uses b, which is copied, and uses a, which reads what the loop writes and is not."""
    function = parse_function(
        """function f(x: in f32[8], y: out f32[8], z: out f32[8], w: inout f32[8]) {
          for i in 0..8 {
            let a: f32 = w[i]
            let b: f32 = a + x[i]
            let c: f32 = b * b
            w[i] = x[i]
            y[i] = c
            z[i] = x[i]
          }
        }"""
    )
    after = make("fission", {}).run(function)
    verify(after)
    assert after != function


CHOICES = [{}, {"loops": "innermost"}]


@pytest.mark.parametrize("parameters", CHOICES)
def test_random_programs(parameters):
    check_pass("fission", parameters, 20)
    check_pass("fission", parameters, 20, programs=random_nests)


@pytest.mark.slow
@pytest.mark.parametrize("parameters", CHOICES)
def test_many_random_programs(parameters):
    check_pass("fission", parameters, 500, seed=1)
    check_pass("fission", parameters, 500, seed=1, programs=random_nests)
