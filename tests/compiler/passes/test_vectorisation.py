"""Vectorisation: bodies, tails and partial results, and loops that must stay."""

from __future__ import annotations

import pytest

from .harness import check_pass
from .nests import random_nests
from .shapes import becomes, stays

XY = "x: in f32[100], y: inout f32[100], s: inout f32[4], k: in i64[100], m: inout f32[16, 16]"


def test_a_tail_of_its_own():
    becomes(
        "vectorisation",
        XY,
        "for i in 0..100 { y[i] = x[i] }",
        """
        for i_block in 0..96 step 16 { vectorised i_lane in 0..16 { y[i_block + i_lane] = x[i_block + i_lane] } }
        for i_1 in 96..100 { y[i_1] = x[i_1] }
        """,
    )


def test_a_masked_loop():
    becomes(
        "vectorisation",
        XY,
        "for i in 0..100 { y[i] = x[i] }",
        """
        for i_block in 0..100 step 8 { vectorised i_lane in 0..8 {
          if i_block + i_lane < 100 { y[i_block + i_lane] = x[i_block + i_lane] }
        } }
        """,
        tail="masked",
        width=256,
    )


def test_a_masked_tail():
    becomes(
        "vectorisation",
        XY,
        "for i in 0..20 { y[i] = x[i] }",
        """
        vectorised i_lane in 0..16 { y[i_lane] = x[i_lane] }
        vectorised i_lane_1 in 0..16 { if 16 + i_lane_1 < 20 { y[16 + i_lane_1] = x[16 + i_lane_1] } }
        """,
        tail="split",
    )


def test_partial_results():
    becomes(
        "vectorisation",
        XY,
        "for i in 0..100 { s[2] add= x[i] }",
        """
        alloc s_partial: f32[1, 8]
        vectorised i_lane_1 in 0..8 { s_partial[0, i_lane_1] = -0.0:f32 }
        for i_block in 0..96 step 8 { vectorised i_lane in 0..8 { s_partial[0, i_lane] add= x[i_block + i_lane] } }
        vectorised i_lane_2 in 0..8 { s[2] add= s_partial[0, i_lane_2] }
        for i_1 in 96..100 { s[2] add= x[i_1] }
        """,
        lanes=8,
    )


def test_several_accumulators():
    becomes(
        "vectorisation",
        XY,
        "for i in 0..88 { s[2] max= x[i] }",
        """
        alloc s_partial: f32[2, 8]
        vectorised i_lane_2 in 0..8 { s_partial[0, i_lane_2] = -inf:f32
          s_partial[1, i_lane_2] = -inf:f32 }
        for i_block in 0..80 step 16 {
          unrolled unit in 0..2 { vectorised i_lane in 0..8 {
            s_partial[unit, i_lane] max= x[i_block + unit * 8 + i_lane]
          } }
        }
        vectorised i_lane_1 in 0..8 { s_partial[0, i_lane_1] max= x[80 + i_lane_1] }
        vectorised i_lane_3 in 0..8 {
          s_partial[0, i_lane_3] max= s_partial[1, i_lane_3]
          s[2] max= s_partial[0, i_lane_3]
        }
        """,
        lanes=8,
        accumulators=2,
    )


def test_a_local_buffer_gets_a_lane_dimension():
    becomes(
        "vectorisation",
        XY,
        "for i in 0..8 { alloc l: f32[1]\n l[0] = x[i]\n y[i] = l[0] }",
        "alloc l: f32[1, 8]\n vectorised i_lane in 0..8 { l[0, i_lane] = x[i_lane]\n y[i_lane] = l[0, i_lane] }",
    )


def test_a_loop_around_unrolled_ones():
    becomes(
        "vectorisation",
        XY,
        "for i in 0..16 { unrolled j in 0..2 { y[i] add= x[i + j] } }",
        "vectorised i_lane in 0..16 { unrolled j in 0..2 { y[i_lane] add= x[i_lane + j] } }",
    )


def test_lanes_are_as_many_as_fit_the_widest_type_and_the_loop():
    becomes(
        "vectorisation",
        XY,
        "for i in 0..8 { y[i] = f32(k[i]) }",
        "vectorised i_lane in 0..8 { y[i_lane] = f32(k[i_lane]) }",
    )
    becomes("vectorisation", XY, "for i in 0..4 { y[i] = x[i] }", "vectorised i_lane in 0..4 { y[i_lane] = x[i_lane] }")


def test_unknown_bounds():
    becomes(
        "vectorisation",
        XY,
        "for t in 0..60 step 32 { for i in t..min(t + 32, 60) { y[i] = x[i] } }",
        """
        for t in 0..60 step 32 {
          let i_end: i64 = t + max(min(t + 32, 60) - t, 0) // 16 * 16
          for i_block in t..i_end step 16 { vectorised i_lane in 0..16 { y[i_block + i_lane] = x[i_block + i_lane] } }
          for i_1 in i_end..min(t + 32, 60) { y[i_1] = x[i_1] }
        }
        """,
    )


@pytest.mark.parametrize(
    "body",
    [
        "for i in 1..99 { y[i] = y[i - 1] }",
        # even where lockstep would do: the language calls it a race
        "for i in 1..99 { y[i] = y[i + 1] }",
        "for i in 0..99 { y[0] = x[i] }",
        "for i in 0..99 { y[k[i]] = x[i] }",
        # a reduction whose running value is seen
        "for i in 0..99 { s[0] add= x[i]\n y[i] = s[0] }",
        # two operations on one element
        "for i in 0..99 { s[0] add= x[i]\n s[0] mul= x[i] }",
        # elements far apart
        "for i in 0..50 { y[i] = x[i * 2] }",
        "for i in 0..16 { m[i, 0] = x[i] }",
        "for i in 0..50 step 2 { y[i] = x[i] }",
        "for i in 0..1 { y[i] = x[i] }",
        "for i in 3..3 { y[i] = x[i] }",
        "unrolled i in 0..8 { y[i] = x[i] }",
        # bounds of which it is not known that they are far from overflow
        "for i in k[0]..k[1] { y[i] = x[i] }",
    ],
)
def test_what_it_leaves_alone(body):
    stays("vectorisation", XY, body)


CHOICES = [
    {"lanes": 2, "strided": True},
    {"lanes": 2, "strided": True, "tail": "masked"},
    {"lanes": 2, "strided": True, "tail": "split", "accumulators": 2},
]


@pytest.mark.parametrize("parameters", CHOICES)
def test_random_programs(parameters):
    check_pass("vectorisation", parameters, 20)
    check_pass("vectorisation", parameters, 20, programs=random_nests)


@pytest.mark.slow
@pytest.mark.parametrize("parameters", [*CHOICES, {}])
def test_many_random_programs(parameters):
    check_pass("vectorisation", parameters, 300, seed=1)
    check_pass("vectorisation", parameters, 300, seed=1, programs=random_nests, share=0.05)
