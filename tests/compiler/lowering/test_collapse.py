"""Loops and dimensions that are joined, and those that must not be."""

from __future__ import annotations

import pytest

from misfold.compiler.dtypes import F32, I64
from misfold.compiler.graph.builder import Builder
from misfold.compiler.graph.ir import TensorType
from misfold.compiler.loops.ir import For, Function
from misfold.compiler.loops.visit import statements

from .harness import check, fused, one


def _f32(*shape):
    return TensorType(F32, shape)


def _shapes(function: Function) -> list[tuple[int, ...]]:
    return [parameter.buffer.shape for parameter in function.parameters]


def _loops(function: Function) -> list[int]:
    return [statement.stop.value for statement in statements(function.body) if isinstance(statement, For)]


def _flat(graph):
    return check(graph, flat_parameters=True)


def test_elementwise_nests_become_one_loop():
    function = _flat(one("add", _f32(2, 3, 4, 5), _f32(2, 3, 4, 5)))
    assert _shapes(function) == [(120,)] * 3
    assert _loops(function) == [120]


def test_parameters_keep_their_shapes_unless_asked():
    function = check(one("add", _f32(2, 1, 4), _f32(2, 1, 4)))
    assert _shapes(function) == [(2, 1, 4)] * 3


def test_local_buffers_lose_dimensions_of_size_1():
    builder = Builder()
    x = builder.input(_f32(4, 3))
    y = builder.one("reshape", x, shape=(1, 4, 1, 3))
    function = check(builder.finish([builder.one("reduce", y, op="add", dims=(1,))]))
    (local,) = [s.buffer for s in statements(function.body) if hasattr(s, "buffer") and s.buffer.name == y.name][:1]
    assert local.shape == (4, 3)


def test_reductions_join_what_is_kept_and_what_is_reduced():
    function = _flat(one("reduce", _f32(2, 3, 4, 5), op="add", dims=(2, 3)))
    assert _shapes(function) == [(6, 20), (6,)]
    assert _loops(function) == [6, 20]
    function = _flat(one("reduce", _f32(2, 3, 4, 5), op="add", dims=(0, 1)))
    assert _shapes(function) == [(6, 20), (20,)]


def test_a_broadcast_row_keeps_rows_and_columns_apart():
    builder = Builder()
    x, row = builder.input(_f32(2, 3, 4)), builder.input(_f32(4))
    y = builder.one("mul", x, builder.one("broadcast", row, shape=(2, 3, 4), dims=(2,)))
    function = _flat(fused(builder.finish([y])))
    assert _shapes(function) == [(6, 4), (4,), (6, 4)]


def test_what_one_nest_keeps_apart_all_do():
    builder = Builder()
    x = builder.input(_f32(3, 4))
    y = builder.one("exp", x)
    z = builder.one("permute", y, dims=(1, 0))
    w = builder.one("neg", builder.one("sqrt", builder.one("abs", builder.input(_f32(3, 4)))))
    function = _flat(builder.finish([z, w]))
    assert _shapes(function) == [(3, 4), (12,), (4, 3), (12,)]


@pytest.mark.parametrize("strides", [(1, 3), (5, 1), (4, 1), (0, 1), (8, 2)])
def test_only_dimensions_that_lie_behind_each_other_are_joined(strides):
    function = _flat(one("neg", TensorType(F32, (3, 4), strides)))
    assert _shapes(function)[0] == ((12,) if strides in ((4, 1), (8, 2)) else (3, 4))


def test_indices_that_are_used_otherwise_stay():
    builder = Builder()
    x = builder.input(TensorType(I64, (3, 4)))
    y = builder.one("add", x, builder.one("iota", dim=1, shape=(3, 4), dtype=I64))
    assert _shapes(_flat(fused(builder.finish([y])))) == [(3, 4)] * 2
    assert _shapes(_flat(one("reverse", _f32(3, 4, 5), dims=(0,)))) == [(3, 20)] * 2
    assert _shapes(_flat(one("slice", _f32(3, 4), starts=(0, 0), stops=(3, 3), steps=(1, 1)))) == [(3, 4), (3, 3)]
