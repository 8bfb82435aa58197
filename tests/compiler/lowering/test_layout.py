"""Guesses of where the elements of values computed in place lie, and what is made of them."""

from __future__ import annotations

import pytest

from misfold.compiler.dtypes import F32
from misfold.compiler.graph.builder import Builder
from misfold.compiler.graph.ir import TensorType
from misfold.compiler.loops.ir import Allocate, For, Reduce
from misfold.compiler.loops.visit import Names, statements
from misfold.compiler.lowering.elements import ELEMENTS, POINTWISE
from misfold.compiler.lowering.emitter import Emitter
from misfold.compiler.lowering.layout import strides_of
from misfold.compiler.lowering.reader import Reader

from .harness import check, fused


def _strides(type, make):
    builder = Builder()
    x = builder.input(type)
    value = make(builder, x)
    reader = Reader(Emitter(Names()), ELEMENTS, POINTWISE, builder.nodes, [value], {})
    return strides_of(reader, value)


@pytest.mark.parametrize(
    ("make", "wanted"),
    [
        (lambda b, x: x, (12, 4, 1)),
        (lambda b, x: b.one("permute", x, dims=(2, 0, 1)), (1, 12, 4)),
        (lambda b, x: b.one("slice", x, starts=(0, 0, 0), stops=(2, 3, 4), steps=(1, 2, 3)), (12, 8, 3)),
        (lambda b, x: b.one("broadcast", x, shape=(5, 2, 3, 4), dims=(1, 2, 3)), (0, 12, 4, 1)),
        (lambda b, x: b.one("reshape", x, shape=(3, 8)), (8, 1)),
        (lambda b, x: b.one("reshape", b.one("permute", x, dims=(2, 0, 1)), shape=(2, 2, 1, 6)), (2, 1, 0, 4)),
        (lambda b, x: b.one("reshape", b.one("permute", x, dims=(2, 1, 0)), shape=(24,)), (1,)),
        (lambda b, x: b.one("neg", b.one("permute", b.one("exp", x), dims=(1, 2, 0))), (4, 1, 12)),
        (lambda b, x: b.one("mul", b.one("full", value=1.0, shape=(2, 3, 4), dtype=F32), x), (12, 4, 1)),
    ],
)
def test_strides(make, wanted):
    assert _strides(TensorType(F32, (2, 3, 4)), make) == wanted


def test_strides_of_an_input_in_another_layout():
    assert _strides(TensorType(F32, (2, 3), (1, 2)), lambda b, x: b.one("permute", x, dims=(1, 0))) == (2, 1)


def _dot(rows):
    builder = Builder()
    a, b = builder.input(TensorType(F32, (2, rows, 5))), builder.input(TensorType(F32, (2, 4, 5)))
    product = builder.one("dot", a, builder.one("permute", b, dims=(0, 2, 1)))
    return check(fused(builder.finish([builder.one("neg", product)])))


def test_a_transposed_operand_is_copied_into_rows_where_that_pays():
    def allocated(function):
        return [one.buffer.name for one in statements(function.body) if isinstance(one, Allocate)]

    assert "packed" in allocated(_dot(6))
    assert "packed" not in allocated(_dot(3))


def test_reductions_of_what_is_permuted_go_through_memory_in_order():
    builder = Builder()
    x = builder.input(TensorType(F32, (5, 7)))
    turned = builder.one("permute", builder.one("exp", x), dims=(1, 0))
    function = check(fused(builder.finish([builder.one("reduce", turned, op="add", dims=(1,))])))
    (loop,) = [one for one in statements(function.body) if isinstance(one, For) and isinstance(one.body[-1], Reduce)]
    assert loop.stop.value == 7
