"""Loop interchange: which orders it makes, and which it must not."""

from __future__ import annotations

import pytest

from .harness import check_pass
from .nests import random_nests
from .shapes import becomes, stays

ORDERS = ("contiguous", "register", "outermost-parallel", "reverse")


def test_consecutive_addresses_go_innermost():
    becomes(
        "interchange",
        "x: inout f32[64, 64]",
        "for i in 0..64 { for j in 0..64 { x[j, i] = 1.0:f32 } }",
        "for j in 0..64 { for i in 0..64 { x[j, i] = 1.0:f32 } }",
    )


def test_strides_count_and_not_the_order_of_indices():
    stays("interchange", "x: inout f32[64, 64]{1, 64}", "for i in 0..64 { for j in 0..64 { x[j, i] = 1.0:f32 } }")


def test_a_matrix_product_runs_along_its_rows():
    dot = "c[m, n] add= a[m, k] * b[k, n]"
    parameters = "a: in f32[64, 64], b: in f32[64, 64], c: inout f32[64, 64]"
    becomes(
        "interchange",
        parameters,
        f"for m in 0..64 {{ for n in 0..64 {{ for k in 0..64 {{ {dot} }} }} }}",
        f"for m in 0..64 {{ for k in 0..64 {{ for n in 0..64 {{ {dot} }} }} }}",
    )


def test_a_reduction_goes_around_the_innermost_loop_for_registers():
    tiled = "c[m, t + n] add= a[m, k] * b[k, t + n]"
    becomes(
        "interchange",
        "a: in f32[64, 64], b: in f32[64, 64], c: inout f32[64, 64]",
        f"for m in 0..64 {{ for k in 0..64 {{ for t in 0..64 step 16 {{ for n in 0..16 {{ {tiled} }} }} }} }}",
        f"for m in 0..64 {{ for t in 0..64 step 16 {{ for k in 0..64 {{ for n in 0..16 {{ {tiled} }} }} }} }}",
        order="register",
    )


def test_a_triangle_is_swapped_exactly():
    becomes(
        "interchange",
        "x: inout f32[64, 64]",
        "for i in 0..64 { for j in 0..i + 1 { x[j, i] = 1.0:f32 } }",
        "for j in 0..64 { for i in max(0, j)..64 { x[j, i] = 1.0:f32 } }",
    )
    becomes(
        "interchange",
        "x: inout f32[64, 64]",
        "for i in 0..60 { for j in max(i, 3)..min(i + 3, 9) { x[j, i] = 1.0:f32 } }",
        "for j in max(0, 3)..min(62, 9) { for i in max(0, j - 2)..min(60, j + 1) { x[j, i] = 1.0:f32 } }",
    )


def test_independent_loops_go_outermost():
    becomes(
        "interchange",
        "x: inout f32[64, 64]",
        "for i in 1..64 { for j in 0..64 { x[i, j] = x[i - 1, j] } }",
        "for j in 0..64 { for i in 1..64 { x[i, j] = x[i - 1, j] } }",
        order="outermost-parallel",
    )


def test_a_parallel_loop_that_goes_out_may_become_serial():
    becomes(
        "interchange",
        "x: inout f32[64, 64]",
        "for i in 1..64 { parallel j in 1..64 { x[i, j] = x[i - 1, j - 1] } }",
        "for j in 1..64 { for i in 1..64 { x[i, j] = x[i - 1, j - 1] } }",
        order="reverse",
    )


@pytest.mark.parametrize(
    "body",
    [
        # distance (1, -1): the source would come after the sink
        "for i in 1..64 { for j in 0..63 { x[i, j] = x[i - 1, j + 1] } }",
        # the same the other way round: read before it is overwritten
        "for i in 0..63 { for j in 1..64 { x[i, j] = x[i + 1, j - 1] } }",
        # the last write must stay last
        "for i in 0..8 { for j in 0..8 { x[i + j, 0] = f32(i) } }",
        # an index from memory may be any
        "for i in 0..8 { for j in 0..8 { x[i64(x[0, i]), j] = f32(i) } }",
        # not a perfect nest
        "for i in 0..64 { let t: f32 = x[i, 0]\n for j in 0..64 { x[j, i] = 1.0:f32 } }",
        # bounds that memory decides, and bounds that cannot be solved
        "for i in 0..8 { for j in 0..i64(x[i, 0]) { x[j, i] = 1.0:f32 } }",
        "for i in 0..8 { for j in 0..i * 2 { x[j, i] = 1.0:f32 } }",
        "for i in 0..8 { for j in 0..i step 2 { x[j, i] = 1.0:f32 } }",
        # two operations do not commute
        "for i in 0..8 { for j in 0..8 { x[0, 0] add= f32(j)\n x[0, 0] mul= f32(i) } }",
        "for i in 0..8 { unrolled j in 0..8 { x[j, i] = 1.0:f32 } }",
    ],
)
def test_what_it_leaves_alone(body):
    stays("interchange", "x: inout f32[64, 64]", body, order="reverse")


def test_an_assert_keeps_what_it_guards():
    guarded = 'assert k[i] < 8, ""\n x[k[j], i] = 1.0:f32'
    stays(
        "interchange",
        "x: inout f32[64, 64], k: in i64[64]",
        f"for i in 0..8 {{ for j in 0..8 {{ {guarded} }} }}",
        order="reverse",
    )


@pytest.mark.parametrize("order", ORDERS)
def test_random_programs(order):
    check_pass("interchange", {"order": order}, 12, share=0.0)
    check_pass("interchange", {"order": order}, 16, share=0.1, programs=random_nests)


@pytest.mark.slow
@pytest.mark.parametrize("order", ORDERS)
def test_many_random_programs(order):
    check_pass("interchange", {"order": order}, 300, seed=1, share=0.01)
    check_pass("interchange", {"order": order}, 300, seed=1, programs=random_nests)
