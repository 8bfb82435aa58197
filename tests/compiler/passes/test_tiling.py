"""Tiling: the shape of tiles and of those that stick out, and what must not be tiled."""

from __future__ import annotations

import pytest

from .harness import check_pass
from .nests import random_nests
from .shapes import becomes, stays


def test_tiles_that_fit():
    becomes(
        "tiling",
        "x: inout f32[64, 64]",
        "for i in 0..64 { for j in 0..32 { x[j, i] = 1.0:f32 } }",
        """
        for i_tile in 0..64 step 16 { for j_tile in 0..32 step 16 {
          for i_in in 0..16 { for j_in in 0..16 { x[j_tile + j_in, i_tile + i_in] = 1.0:f32 } }
        } }
        """,
        size=16,
    )


def test_tiles_that_stick_out_have_shorter_loops():
    becomes(
        "tiling",
        "x: inout f32[64, 64]",
        "for i in 1..60 { for j in 0..32 { x[j, i] = 1.0:f32 } }",
        """
        for i_tile in 1..60 step 32 {
          for i in i_tile..min(i_tile + 32, 60) { for j in 0..32 { x[j, i] = 1.0:f32 } }
        }
        """,
    )


def test_tiles_that_stick_out_are_guarded():
    becomes(
        "tiling",
        "x: inout f32[64]",
        "for i in 0..50 { x[i] = 1.0:f32 }",
        "for i_tile in 0..50 step 32 { for i_in in 0..32 { if i_tile + i_in < 50 { x[i_tile + i_in] = 1.0:f32 } } }",
        tail="guard",
    )


def test_tiling_twice_tiles_once():
    tiled = "for i_tile in 0..60 step 32 { for i in i_tile..min(i_tile + 32, 60) { x[i] = 1.0:f32 } }"
    stays("tiling", "x: inout f32[64]", tiled)


def test_only_the_inner_part_of_a_nest_may_be_permutable():
    becomes(
        "tiling",
        "x: inout f32[64, 64]",
        "for i in 1..64 { for j in 0..63 { x[i, j] = x[i - 1, j + 1] } }",
        """
        for i in 1..64 { for j_tile in 0..63 step 16 {
          for j in j_tile..min(j_tile + 16, 63) { x[i, j] = x[i - 1, j + 1] }
        } }
        """,
        size=16,
    )


def test_one_loop_can_always_be_cut():
    becomes(
        "tiling",
        "x: inout f32[64]",
        "for i in 0..32 { x[i + 1] = x[i] }",
        "for i_tile in 0..32 step 8 { for i_in in 0..8 { x[i_tile + i_in + 1] = x[i_tile + i_in] } }",
        size=8,
    )


@pytest.mark.parametrize(
    "body",
    [
        "for i in 0..64 step 2 { x[i, 0] = 1.0:f32 }",
        "for i in 0..16 { for j in 0..8 { x[i, j] = 1.0:f32 } }",
        "vectorised i in 0..64 { x[i, 0] = 1.0:f32 }",
        "for i in 5..5 { x[i, 0] = 1.0:f32 }",
        # it is not known that adding a tile's size does not overflow
        "for i in 0..i64(x[0, 0]) { x[i, 0] = 1.0:f32 }",
    ],
)
def test_what_it_leaves_alone(body):
    stays("tiling", "x: inout f32[64, 64]", body, size=16)


def test_a_triangle_is_only_cut():
    becomes(
        "tiling",
        "x: inout f32[64, 64]",
        "for i in 0..64 { for j in 0..i { x[i, j] = x[j, i] } }",
        "for i in 0..64 { for j_tile in 0..i step 32 { for j in j_tile..min(j_tile + 32, i) { x[i, j] = x[j, i] } } }",
    )


CHOICES = [{"size": 2}, {"size": 4, "depth": 1}, {"size": 3, "depth": 3, "tail": "guard"}]


@pytest.mark.parametrize("parameters", CHOICES)
def test_random_programs(parameters):
    check_pass("tiling", parameters, 20, share=0.5)
    check_pass("tiling", parameters, 20, share=0.5, programs=random_nests)


@pytest.mark.slow
@pytest.mark.parametrize("parameters", CHOICES)
def test_many_random_programs(parameters):
    check_pass("tiling", parameters, 400, seed=1, share=0.5)
    check_pass("tiling", parameters, 400, seed=1, share=0.5, programs=random_nests)
