"""Bodies of ``fused`` nodes: producers in place, at most one operator with loops, and what follows it."""

from __future__ import annotations

import numpy as np
import pytest

from misfold.compiler.dtypes import F16, F32, I32, I64
from misfold.compiler.errors import Unsupported
from misfold.compiler.graph.builder import Builder
from misfold.compiler.graph.ir import TensorType
from misfold.compiler.loops.ir import Allocate, For, Store
from misfold.compiler.loops.visit import statements
from misfold.compiler.lowering import lower

from .harness import check, check_both, fused


def _f32(*shape):
    return TensorType(F32, shape)


# Name, shapes of the inputs, attributes: each operator with loops, in forms that take different ways.
_NESTS = [
    ("reduce", [(4, 3, 2)], {"op": "add", "dims": (2,)}),
    ("reduce", [(4, 3, 2)], {"op": "max", "dims": (0,)}),
    ("reduce", [(4, 3, 2)], {"op": "mul", "dims": (1,)}),
    ("reduce", [(4, 3)], {"op": "add", "dims": (0, 1)}),
    ("reduce", [(4, 3)], {"op": "add", "dims": ()}),
    ("argreduce", [(4, 3)], {"op": "max", "dim": 0}),
    ("argreduce", [(4, 3)], {"op": "min", "dim": 1}),
    ("scan", [(4, 3)], {"op": "add", "dim": 0}),
    ("scan", [(4, 3)], {"op": "max", "dim": 1}),
    ("argscan", [(4, 3)], {"op": "max", "dim": 0}),
    ("argscan", [(4, 3)], {"op": "min", "dim": 1}),
    ("dot", [(2, 3, 4), (2, 4, 5)], {}),
    ("dot", [(2, 3, 4), (2, 4, 1)], {}),
    ("convolution", [(2, 4, 5), (6, 2, 3)], {"strides": (1,), "dilations": (1,), "groups": 2}),
    ("convolution", [(2, 4, 3), (6, 4, 3)], {"strides": (1,), "dilations": (1,), "groups": 1}),
    ("window", [(2, 7)], {"op": "add", "sizes": (3,), "strides": (2,), "dilations": (1,)}),
    ("argwindow", [(2, 7)],
     {"op": "max", "sizes": (3,), "strides": (2,), "dilations": (1,), "extents": (5,), "low": (1,)}),
    ("sort", [(4, 5)], {"dim": 0, "descending": True}),
    ("sort", [(2, 70)], {"dim": 1, "descending": False}),
]  # fmt: skip
_IDS = [f"{name}-{number}" for number, (name, _, _) in enumerate(_NESTS)]


def _produced(builder, shape):
    """A value that is computed in place: broadcast, padded, turned, and used twice."""
    x = builder.input(_f32(*shape))
    row = builder.input(_f32(shape[-1]))
    spread = builder.one("broadcast", row, shape=shape, dims=(len(shape) - 1,))
    y = builder.one("mul", builder.one("add", x, spread), builder.one("reverse", x, dims=(0,)))
    wide = builder.one("pad", y, low=(1,) * len(shape), high=(0,) * len(shape), interior=(0,) * len(shape), value=2.0)
    sliced = builder.one("slice", wide, starts=(0,) * len(shape), stops=shape, steps=(1,) * len(shape))
    return builder.one("max", sliced, y)


@pytest.mark.parametrize(("name", "shapes", "attributes"), _NESTS, ids=_IDS)
@pytest.mark.parametrize("outputs", ["nest", "epilogue", "both", "all"])
def test_producers_and_an_epilogue(name, shapes, attributes, outputs):
    builder = Builder()
    results = builder.apply(name, *[_produced(builder, shape) for shape in shapes], **attributes)
    last = results[-1]
    shape = last.type.shape
    number = builder.one("cast", last, dtype=F32) if last.type.dtype == I64 else last
    residual = builder.input(_f32(*shape))
    y = builder.one("exp", builder.one("mul", number, builder.one("full", value=0.125, shape=shape, dtype=F32)))
    z = builder.one("sub", builder.one("mul", y, y), residual)
    wanted = {"nest": results, "epilogue": [z], "both": [results[0], z], "all": [z, residual, *results, y]}[outputs]
    graph = builder.finish(wanted)
    given = [
        (np.random.default_rng(number).integers(-3, 4, value.type.shape) / 2).astype(np.float32)
        for number, value in enumerate(graph.inputs)
    ]
    check_both(graph, given)


@pytest.mark.parametrize("op", ["replace", "add"])
def test_scatter_with_producers_and_an_epilogue(op):
    builder = Builder()
    x, updates = _produced(builder, (4, 3)), _produced(builder, (5, 2))
    rows = builder.one("iota", dim=0, shape=(5, 2), dtype=I64)
    top = builder.one("full", value=3, shape=(5, 2), dtype=I64)
    columns = builder.one("iota", dim=1, shape=(5, 2), dtype=I64)
    y = builder.one("scatter", x, updates, builder.one("min", rows, top), columns, op=op)
    check_both(builder.finish([builder.one("neg", y)]))
    check_both(builder.finish([y, builder.one("add", y, x)]))


def test_a_nest_without_an_epilogue_accumulates_where_the_result_goes():
    builder = Builder()
    a, b = builder.input(_f32(2, 3, 4)), builder.input(_f32(2, 4, 5))
    function = check(builder.finish([builder.one("dot", a, b)]))
    assert not any(isinstance(statement, Allocate) for statement in statements(function.body))


def test_an_epilogue_of_a_dot_stores_the_result_once():
    builder = Builder()
    a, b = builder.input(_f32(1, 3, 4)), builder.input(_f32(1, 4, 5))
    y = builder.one("dot", a, b)
    function = check(fused(builder.finish([builder.one("neg", y), y])))
    stores = [s for s in statements(function.body) if isinstance(s, Store) and s.buffer.name == "out1"]
    assert len(stores) == 1, "what clears it"


def test_an_elementwise_body_is_one_nest():
    builder = Builder()
    x = builder.input(TensorType(F16, (3, 4)))
    wide = builder.one("cast", x, dtype=F32)
    y = builder.one("mul", builder.one("tanh", wide), wide)
    function = check(fused(builder.finish([builder.one("cast", y, dtype=F16), y])))
    assert [type(statement) for statement in function.body] == [For]


def test_literals_and_composites_in_a_body():
    builder = Builder()
    x = builder.input(_f32(3, 4))
    literal = builder.one("literal", values=(1.0, 2.0, 0.5, -1.0), shape=(4,), dtype=F32)
    y = builder.one("gelu", x, approximate="tanh")
    y = builder.one("add", y, builder.one("broadcast", literal, shape=(3, 4), dims=(1,)))
    check_both(builder.finish([builder.one("reduce", y, op="add", dims=(0,))]))
    check_both(builder.finish([builder.one("sigmoid", builder.one("neg", literal)), literal]))


def test_bodies_that_are_not_one_nest_are_refused():
    def body(make):
        builder = Builder()
        x = builder.input(TensorType(I32, (3, 4)))
        y = builder.one("scan", x, op="add", dim=0)
        return fused(builder.finish(make(builder, x, y)))

    with pytest.raises(Unsupported, match="scan, scan"):
        lower(body(lambda builder, x, y: [builder.one("scan", y, op="add", dim=1)]))
    with pytest.raises(Unsupported, match="different shapes"):
        lower(body(lambda builder, x, y: [y, builder.one("slice", x, starts=(0, 0), stops=(1, 1), steps=(1, 1))]))
    with pytest.raises(Unsupported, match="follows scan"):
        lower(body(lambda builder, x, y: [builder.one("permute", y, dims=(1, 0))]))
    with pytest.raises(Unsupported, match="scan: cannot be computed by element"):
        lower(body(lambda builder, x, y: [builder.one("reverse", y, dims=(0,))]))


def test_two_fused_nodes_may_use_the_same_names():
    builder = Builder()
    x = builder.input(_f32(3))
    body = builder.finish([builder.one("neg", builder.one("exp", x))])
    first = fused(body)
    (node,) = first.nodes
    (value,) = node.outputs
    again = type(value)("again", value.type)
    second = type(node)("fused", (value,), (again,), (), body)
    check(type(first)("twice", first.inputs, (node, second), (again, value)))
