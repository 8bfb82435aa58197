"""Operators that are computed by element."""

from __future__ import annotations

import numpy as np
import pytest

from misfold.compiler.dtypes import ALL, BOOL, F32, F64, I32, I64, U8
from misfold.compiler.errors import AssertionFailed
from misfold.compiler.graph.builder import Builder
from misfold.compiler.graph.ir import Graph, TensorType
from misfold.compiler.loops.ir import Assert, For
from misfold.compiler.loops.operators import BINARY, UNARY
from misfold.compiler.loops.visit import statements
from misfold.compiler.lowering import lower

from .harness import array, check, check_both, fused, one, run

# Sign changes, a domain for each function, no division by zero.
_POSITIVE = {"sqrt", "log", "log2", "log10", "log1p", "acosh"}


def _typed(operators):
    return [(name, dtype) for name, operator in operators.items() for dtype in ALL if dtype.kind in operator.kinds]


@pytest.mark.parametrize(("name", "dtype"), _typed(UNARY), ids=str)
def test_unary(name, dtype):
    x = array(TensorType(dtype, (2, 3)), np.random.default_rng(1))
    if dtype.is_float:
        x = (np.abs(x) + np.array(1, x.dtype) if name in _POSITIVE else x / np.array(4, x.dtype)).astype(x.dtype)
    check(one(name, TensorType(dtype, (2, 3))), [x])


@pytest.mark.parametrize(("name", "dtype"), _typed(BINARY), ids=str)
def test_binary(name, dtype):
    random = np.random.default_rng(2)
    x, y = (array(TensorType(dtype, (2, 3)), random) for _ in range(2))
    if not dtype.is_bool:
        y = np.where(y == 0, np.array(2, y.dtype), y).astype(y.dtype)
    if name == "pow" and dtype.is_float:
        x = np.abs(x)
    check(one(name, TensorType(dtype, (2, 3)), TensorType(dtype, (2, 3))), [x, y])


@pytest.mark.parametrize("wanted", ALL, ids=str)
@pytest.mark.parametrize("dtype", ALL, ids=str)
def test_cast(dtype, wanted):
    check(one("cast", TensorType(dtype, (5,)), dtype=wanted))


@pytest.mark.parametrize("dtype", ALL, ids=str)
def test_select_full_iota_literal(dtype):
    type = TensorType(dtype, (2, 3))
    check(one("select", TensorType(BOOL, (2, 3)), type, type))
    number, other = (True, False) if dtype.is_bool else (2.5, dtype.max) if dtype.is_float else (3, dtype.max)
    check(one("full", value=number, shape=(2, 3), dtype=dtype))
    check_both(one("literal", values=(number, other, number) * 2, shape=(2, 3), dtype=dtype))
    if not dtype.is_bool:
        check(one("iota", dim=1, shape=(2, 3), dtype=dtype))


@pytest.mark.parametrize("shape", [(), (0,), (1,), (1, 1), (3, 0, 2), (1, 4, 1)], ids=str)
def test_shapes(shape):
    builder = Builder()
    x = builder.input(TensorType(F32, shape))
    y = builder.one("add", x, builder.one("full", value=1.5, shape=shape, dtype=F32))
    check_both(builder.finish([builder.one("neg", y), y]))


def test_a_literal_is_read_in_a_fused_nest():
    builder = Builder()
    x = builder.input(TensorType(F32, (4, 3)))
    literal = builder.one("literal", values=(1.0, 2.0, 4.0), shape=(3,), dtype=F32)
    y = builder.one("mul", x, builder.one("broadcast", literal, shape=(4, 3), dims=(1,)))
    check_both(builder.finish([y]))


def test_outputs_that_are_inputs_or_repeated_are_copies():
    builder = Builder()
    x = builder.input(TensorType(I32, (3, 2)))
    y = builder.one("neg", x)
    check(builder.finish([x, y, y, x]))
    check(builder.finish([y, builder.one("abs", y)]))


def test_layouts_of_inputs_and_outputs():
    builder = Builder()
    x = builder.input(TensorType(F32, (3, 4), (1, 3)))
    y = builder.input(TensorType(F32, (3, 4), (0, 2)))
    graph = builder.finish([builder.one("sub", x, y)])
    (node,) = graph.nodes
    strided = type(node.output)(node.output.name, TensorType(F32, (3, 4), (1, 5)))
    graph = Graph("strided", graph.inputs, (type(node)(node.operator, node.inputs, (strided,)),), (strided,))
    function = check(graph)
    (outer,) = (statement for statement in function.body if isinstance(statement, For))
    assert outer.stop.value == 4, "the dimension of stride 1 is innermost"


def test_long_chains_are_computed_without_recursion():
    builder = Builder()
    x = y = builder.input(TensorType(F64, (2,)))
    for number in range(3000):
        y = builder.one("add" if number % 3 else "sub", y, x)
    check(fused(builder.finish([y])))


def test_values_used_twice_are_computed_once():
    builder = Builder()
    y = builder.input(TensorType(F64, (2,)))
    for _ in range(40):
        y = builder.one("add", y, y)
    function = check(fused(builder.finish([y])))
    assert sum(1 for _ in statements(function.body)) < 60


def test_gather():
    builder = Builder()
    x = builder.input(TensorType(F32, (3, 4)))
    i, j = (builder.input(TensorType(I64, (5,))) for _ in range(2))
    graph = builder.finish([builder.one("gather", x, i, j)])
    values = array(TensorType(F32, (3, 4)), np.random.default_rng(3))
    rows, columns = np.array([0, 2, 1, 2, 0]), np.array([3, 0, 1, 3, 2])
    check(graph, [values, rows, columns])
    for bad in (-1, 4):
        wrong = columns.copy()
        wrong[2] = bad
        with pytest.raises(AssertionFailed, match="dimension 1 of size 4"):
            run(lower(graph), graph, [values, rows, wrong])


def test_gather_from_nothing_fails():
    graph = one("gather", TensorType(U8, (0,)), TensorType(I64, (2,)))
    with pytest.raises(AssertionFailed):
        run(lower(graph), graph, [np.zeros(0, np.uint8), np.zeros(2, np.int64)])


def test_gather_needs_no_check_where_the_index_is_known():
    builder = Builder()
    x = builder.input(TensorType(F32, (3, 4)))
    given = builder.input(TensorType(I64, (3, 4)))
    i = builder.one("iota", dim=0, shape=(3, 4), dtype=I64)
    low, high = (builder.one("full", value=value, shape=(3, 4), dtype=I64) for value in (0, 3))
    j = builder.one("min", builder.one("max", given, low), high)
    graph = fused(builder.finish([builder.one("gather", x, i, j)]))
    function = check(graph)
    assert not any(isinstance(statement, Assert) for statement in statements(function.body))
