"""Operators that move elements, alone and one inside of another."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from misfold.compiler.dtypes import F32, I32
from misfold.compiler.graph.builder import Builder
from misfold.compiler.graph.ir import TensorType
from misfold.compiler.loops.ir import Binary, Select
from misfold.compiler.loops.visit import all_expressions
from misfold.compiler.lowering import lower

from .harness import check, check_both, fused, one


def _i32(*shape):
    return TensorType(I32, shape)


def _operators(function):
    return {node.op for node in all_expressions(function.body) if isinstance(node, Binary)}


@pytest.mark.parametrize(
    ("shape", "wanted", "dims"),
    [((3,), (2, 3), (1,)), ((1, 3), (4, 3), (0, 1)), ((), (2, 2), ()), ((2, 1), (2, 5, 0), (0, 1)), ((1,), (1,), (0,))],
)
def test_broadcast(shape, wanted, dims):
    check(one("broadcast", _i32(*shape), shape=wanted, dims=dims))


@pytest.mark.parametrize("dims", itertools.permutations(range(3)))
def test_permute(dims):
    check(one("permute", _i32(2, 3, 4), dims=dims))


def test_slice_and_reverse():
    check(one("slice", _i32(7, 5), starts=(1, 0), stops=(6, 5), steps=(2, 3)))
    check(one("slice", _i32(7), starts=(3,), stops=(3,), steps=(1,)))
    check(one("reverse", _i32(3, 4, 2), dims=(0, 2)))
    check(one("reverse", _i32(0, 4), dims=(0, 1)))


_SHAPES = [
    ((6,), (2, 3)), ((2, 3), (6,)), ((4, 6), (2, 2, 3, 2)), ((4, 6), (3, 8)), ((2, 3, 4), (4, 3, 2)),
    ((1, 6, 1), (3, 1, 2)), ((), (1, 1)), ((1,), ()), ((0, 3), (5, 0)), ((12, 5), (3, 20)), ((6, 35), (2, 21, 5)),
]  # fmt: skip


@pytest.mark.parametrize(("shape", "wanted"), _SHAPES)
def test_reshape(shape, wanted):
    check(one("reshape", _i32(*shape), shape=wanted))


def test_reshapes_that_join_or_split_dimensions_joined_need_no_division():
    joined = lower(one("reshape", _i32(4, 3, 2, 5), shape=(12, 10)))
    assert _operators(joined) <= {"floordiv", "floormod"}
    split = lower(one("reshape", _i32(12, 10), shape=(4, 3, 2, 5)))
    assert _operators(split) <= {"add", "mul"}


@pytest.mark.parametrize(("shape", "wanted"), [((6, 4), (3, 8)), ((24,), (2, 3, 4)), ((2, 3, 4), (24,))])
def test_a_reshape_and_back_is_nothing(shape, wanted):
    builder = Builder()
    x = builder.input(_i32(*shape))
    back = builder.one("reshape", builder.one("reshape", x, shape=wanted), shape=shape)
    assert not _operators(check(fused(builder.finish([back]))))


def test_chains_of_reshapes_stay_small():
    builder = Builder()
    x = builder.input(_i32(4, 6))
    y = x
    for _ in range(20):
        y = builder.one("permute", builder.one("reshape", y, shape=(3, 8)), dims=(1, 0))
        y = builder.one("permute", builder.one("reshape", y, shape=(6, 4)), dims=(1, 0))
    function = check(fused(builder.finish([y])))
    assert sum(1 for _ in all_expressions(function.body)) < 2000


def _pad(shape, low, high, interior):
    return one("pad", _i32(*shape), low=low, high=high, interior=interior, value=9)


@pytest.mark.parametrize(
    ("shape", "low", "high", "interior"),
    [
        ((3,), (1,), (2,), (0,)),
        ((3,), (0,), (0,), (2,)),
        ((2, 3), (1, 0), (0, 2), (1, 2)),
        ((0, 2), (1, 1), (1, 0), (3, 0)),
        ((1,), (0,), (0,), (5,)),
        ((20, 30), (1, 2), (0, 3), (0, 0)),
        ((20, 15), (1, 2), (2, 3), (1, 0)),
        ((5, 6, 20), (1, 0, 2), (2, 1, 3), (0, 0, 0)),
    ],
)
def test_pad(shape, low, high, interior):
    check(_pad(shape, low, high, interior))


@pytest.mark.parametrize("dim", [0, 1])
@pytest.mark.parametrize("sizes", [(3,), (2, 0, 3), (30, 1, 60, 20), tuple(range(1, 30))], ids=str)
def test_concatenate(dim, sizes):
    types = [_i32(size, 4) if dim == 0 else _i32(4, size) for size in sizes]
    check(one("concatenate", *types, dim=dim))


def test_seams_of_large_nests_are_cut():
    builder = Builder()
    x, y = builder.input(_i32(40, 8)), builder.input(_i32(24, 8))
    both = builder.one("concatenate", builder.one("neg", x), y, dim=0)
    padded = builder.one("pad", x, low=(12, 0), high=(12, 0), interior=(0, 0), value=1)
    graph = builder.finish([builder.one("add", both, padded)])
    function = check(fused(graph))
    assert not any(isinstance(node, Select) for node in all_expressions(function.body))
    check(graph)


def test_padding_and_operands_are_read_within_bounds_at_any_index():
    builder = Builder()
    x, y = builder.input(_i32(4, 3)), builder.input(_i32(2, 3))
    both = builder.one("concatenate", x, y, dim=0)
    padded = builder.one("pad", both, low=(2, 1), high=(1, 2), interior=(1, 0), value=-5)
    turned = builder.one("permute", builder.one("reverse", padded, dims=(0,)), dims=(1, 0))
    sliced = builder.one("slice", turned, starts=(1, 2), stops=(6, 13), steps=(1, 2))
    check_both(builder.finish([builder.one("reshape", sliced, shape=(6, 5))]))


def test_the_same_element_is_read_once_per_index():
    builder = Builder()
    x = builder.input(TensorType(F32, (4, 4)))
    turned = builder.one("permute", x, dims=(1, 0))
    y = builder.one("add", builder.one("mul", x, turned), builder.one("sub", turned, x))
    check_both(builder.finish([y]), [np.arange(16, dtype=np.float32).reshape(4, 4)])


def test_long_chains_of_movement_stay_shallow():
    builder = Builder()
    y = builder.input(_i32(70, 3))
    for number in range(25):
        y = builder.one("pad", y, low=(1, 0), high=(0, 1), interior=(0, 0), value=number)
        y = builder.one("reverse", y, dims=(0, 1))
        y = builder.one("slice", y, starts=(1, 1), stops=y.type.shape, steps=(1, 1))
        y = builder.one("slice", y, starts=(1, 0), stops=(y.type.shape[0], 3), steps=(1, 1))
    check(fused(builder.finish([y])))


def test_many_operands_are_chosen_from_in_steps():
    types = [_i32(1 + number % 2) for number in range(150)]
    builder = Builder()
    both = builder.one("concatenate", *[builder.input(type) for type in types], dim=0)
    check_both(builder.finish([builder.one("reverse", both, dims=(0,))]))
