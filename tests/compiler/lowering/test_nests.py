"""Operators with loops of their own."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from misfold.compiler.dtypes import ALL, BF16, BOOL, F16, F32, F64, I8, I32, I64, U8
from misfold.compiler.errors import AssertionFailed
from misfold.compiler.graph.arithmetic import NUMPY
from misfold.compiler.graph.builder import Builder
from misfold.compiler.graph.ir import TensorType
from misfold.compiler.graph.operators.indexing import SCATTERS
from misfold.compiler.loops.ir import For, Reduce
from misfold.compiler.loops.operators import BINARY, REDUCTIONS
from misfold.compiler.loops.visit import statements
from misfold.compiler.lowering import lower

from .harness import array, check, one, run

_LAYOUTS = [None, (1, 2, 6), (12, 1, 3), (0, 4, 1)]
_NAN = float("nan")


def _f32(*shape):
    return TensorType(F32, shape)


def _all_dims(rank):
    return [dims for count in range(rank + 1) for dims in itertools.combinations(range(rank), count)]


_TYPED = [(op, dtype) for op in REDUCTIONS for dtype in ALL if dtype.kind in BINARY[op].kinds]


@pytest.mark.parametrize(("op", "dtype"), _TYPED, ids=str)
def test_reduce_of_all_types(op, dtype):
    for dims in ((), (1,), (0,), (0, 1)):
        check(one("reduce", TensorType(dtype, (3, 2)), op=op, dims=dims))


@pytest.mark.parametrize("strides", _LAYOUTS, ids=str)
@pytest.mark.parametrize("dims", _all_dims(3), ids=str)
def test_reduce_of_all_layouts(dims, strides):
    check(one("reduce", TensorType(F32, (2, 3, 4), strides), op="add", dims=dims))


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (1, 3), (3, 1), (1, 1)], ids=str)
def test_reduce_of_few_elements(shape):
    for dims, op in itertools.product(_all_dims(2), ("add", "mul", "min")):
        check(one("reduce", TensorType(F32, shape), op=op, dims=dims))
        check(one("reduce", TensorType(I32, shape), op=op, dims=dims))


def test_reduce_goes_through_memory_in_order():
    def innermost(function):
        (loop,) = (s for s in statements(function.body) if isinstance(s, For) and isinstance(s.body[0], Reduce))
        return loop.stop.value

    assert innermost(lower(one("reduce", _f32(5, 7), op="add", dims=(0,)))) == 7
    assert innermost(lower(one("reduce", _f32(5, 7), op="add", dims=(1,)))) == 7
    assert innermost(lower(one("reduce", TensorType(F32, (5, 7), (1, 5)), op="add", dims=(0,)))) == 5


@pytest.mark.parametrize("strides", _LAYOUTS, ids=str)
@pytest.mark.parametrize("dim", range(3))
def test_scans_and_selections_of_all_layouts(dim, strides):
    type = TensorType(F32, (2, 3, 4), strides)
    check(one("scan", type, op="add", dim=dim))
    for op in ("min", "max"):
        check(one("argscan", type, op=op, dim=dim))
        check(one("argreduce", type, op=op, dim=dim))


@pytest.mark.parametrize("dtype", [dtype for dtype in ALL if dtype != BOOL], ids=str)
def test_scans_and_selections_of_all_types(dtype):
    type = TensorType(dtype, (3, 4))
    for op in ("add", "mul", "min", "max"):
        check(one("scan", type, op=op, dim=1))
    for op, dim in itertools.product(("min", "max"), (0, 1)):
        check(one("argscan", type, op=op, dim=dim))
        check(one("argreduce", type, op=op, dim=dim))
        worst = dtype.min if op == "max" else dtype.max
        check(one("argreduce", type, op=op, dim=dim), [np.full((3, 4), worst, NUMPY[dtype.name])])


@pytest.mark.parametrize("shape", [(0, 3), (1, 3), (3, 1), (1, 1)], ids=str)
def test_scans_of_few_elements(shape):
    for dim in (0, 1):
        check(one("scan", _f32(*shape), op="mul", dim=dim))
        check(one("argscan", _f32(*shape), op="max", dim=dim))


@pytest.mark.parametrize("op", ["min", "max"])
@pytest.mark.parametrize("dim", [0, 1])
def test_selections_of_special_values(op, dim):
    inf = float("inf")
    rows = [[1, _NAN, 2, _NAN], [_NAN, 0, 0, 3], [-inf] * 4, [inf] * 4, [0.0, -0.0, 0.0, -0.0], [3, -inf, inf, inf]]
    x = np.array(rows, np.float32)
    x = x if dim == 1 else np.ascontiguousarray(x.T)
    check(one("argreduce", _f32(*x.shape), op=op, dim=dim), [x])
    check(one("argscan", _f32(*x.shape), op=op, dim=dim), [x])
    check(one("scan", _f32(*x.shape), op=op, dim=dim), [x])


@pytest.mark.parametrize("dtype", [F16, F32, F64, I8, U8], ids=str)
@pytest.mark.parametrize(
    ("a", "b"),
    [
        (TensorType(F32, (2, 3, 4)), TensorType(F32, (2, 4, 5))),
        (TensorType(F32, (2, 3, 4)), TensorType(F32, (2, 4, 5), (20, 1, 4))),
        (TensorType(F32, (1, 3, 4)), TensorType(F32, (1, 4, 1))),
        (TensorType(F32, (1, 1, 1)), TensorType(F32, (1, 1, 1))),
        (TensorType(F32, (2, 3, 0)), TensorType(F32, (2, 0, 5))),
        (TensorType(F32, (2, 3, 0)), TensorType(F32, (2, 0, 1))),
        (TensorType(F32, (0, 3, 4)), TensorType(F32, (0, 4, 5))),
        (TensorType(F32, (2, 0, 4)), TensorType(F32, (2, 4, 5))),
    ],
    ids=str,
)
def test_dot(dtype, a, b):
    check(one("dot", TensorType(dtype, a.shape, a.strides), TensorType(dtype, b.shape, b.strides)))


_CONVOLUTIONS = [
    ((2, 3, 7), (4, 3, 3), (1,), (1,), 1),
    ((2, 4, 7), (6, 2, 2), (2,), (2,), 2),
    ((1, 4, 5, 6), (4, 1, 2, 3), (2, 1), (1, 2), 4),
    ((1, 4, 5, 6), (8, 1, 2, 3), (1, 1), (1, 1), 4),
    ((2, 3, 4, 4, 4), (2, 3, 2, 2, 2), (1, 2, 1), (1, 1, 2), 1),
    ((2, 3, 4, 4), (5, 3, 4, 4), (1, 1), (1, 1), 1),
    ((2, 3, 4, 5), (5, 3, 1, 1), (1, 1), (1, 1), 1),
    ((2, 3, 4, 5), (5, 3, 1, 1), (2, 1), (1, 1), 1),
    ((2, 0, 4), (3, 0, 2), (1,), (1,), 1),
    ((0, 2, 4), (3, 2, 2), (1,), (1,), 1),
]


@pytest.mark.parametrize(("x", "w", "strides", "dilations", "groups"), _CONVOLUTIONS)
@pytest.mark.parametrize("dtype", [F32, I32], ids=str)
def test_convolution(x, w, strides, dilations, groups, dtype):
    geometry = {"strides": strides, "dilations": dilations, "groups": groups}
    check(one("convolution", TensorType(dtype, x), TensorType(dtype, w), **geometry))


def test_convolution_with_channels_innermost():
    x, w = TensorType(F32, (2, 3, 4, 5), (60, 1, 15, 3)), TensorType(F32, (4, 3, 2, 2), (12, 1, 6, 3))
    check(one("convolution", x, w, strides=(1, 1), dilations=(1, 1), groups=1))


_WINDOWS = [
    ((7,), (3,), (1,), (1,)),
    ((2, 7), (3,), (2,), (2,)),
    ((2, 5, 6), (2, 3), (1, 2), (2, 1)),
    ((3, 4), (3, 4), (1, 1), (1, 1)),
    ((0, 4), (2,), (1,), (1,)),
]


@pytest.mark.parametrize(("shape", "sizes", "strides", "dilations"), _WINDOWS)
@pytest.mark.parametrize("dtype", [F32, F16, I32, U8], ids=str)
def test_window(shape, sizes, strides, dilations, dtype):
    geometry = {"sizes": sizes, "strides": strides, "dilations": dilations}
    for op in ("add", "max"):
        check(one("window", TensorType(dtype, shape), op=op, **geometry))
    extents = shape[len(shape) - len(sizes) :]
    low = (0,) * len(sizes)
    check(one("argwindow", TensorType(dtype, shape), op="max", **geometry, extents=extents, low=low))


@pytest.mark.parametrize("shape", [(6, 5), (2, 6, 5)], ids=str)
def test_argwindow_never_takes_padding(shape):
    geometry = {"sizes": (3, 2), "strides": (1, 1), "dilations": (1, 1), "extents": (3, 3), "low": (2, 1)}
    graph = one("argwindow", _f32(*shape), op="max", **geometry)
    check(graph)
    check(graph, [np.full(shape, -np.inf, np.float32)])
    x = array(_f32(*shape), np.random.default_rng(6))
    x[..., 3, 2] = x[..., 2, 2] = _NAN
    check(graph, [x])


_SCATTERS = [*itertools.product(SCATTERS, [F32, F16, I64, U8]), ("replace", BOOL)]


@pytest.mark.parametrize(("op", "dtype"), _SCATTERS, ids=str)
def test_scatter(op, dtype):
    indices = TensorType(I64, (2, 4))
    graph = one("scatter", TensorType(dtype, (3, 2)), TensorType(dtype, (2, 4)), indices, indices, op=op)
    random = np.random.default_rng(7)
    given = [array(value.type, random) for value in graph.inputs[:2]]
    rows, columns = random.integers(0, 3, (2, 4)), random.integers(0, 2, (2, 4))
    check(graph, [*given, rows, columns])
    rows[1, 1] = 3
    with pytest.raises(AssertionFailed, match="dimension 0 of size 3"):
        run(lower(graph), graph, [*given, rows, columns])


def test_scatter_of_nothing_is_a_copy():
    check(one("scatter", _f32(3), _f32(0), TensorType(I64, (0,)), op="add"))
    check(one("scatter", _f32(0), _f32(0), TensorType(I64, (0,)), op="add"))


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("dtype", ALL, ids=str)
def test_sort(dtype, descending):
    for dim in (0, 1):
        check(one("sort", TensorType(dtype, (5, 4)), dim=dim, descending=descending))


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("length", [1, 2, 64, 65, 100, 128, 130])
def test_sort_of_all_lengths(length, descending):
    random = np.random.default_rng(length)
    x = random.integers(-9, 9, (2, length)).astype(np.float32)
    x[random.random(x.shape) < 0.1] = _NAN
    x[random.random(x.shape) < 0.1] *= -0.0
    check(one("sort", _f32(2, length), dim=1, descending=descending), [x])


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (1, 1)], ids=str)
def test_sort_of_few_elements(shape):
    check(one("sort", _f32(*shape), dim=0, descending=False))


def test_outputs_that_are_not_used_are_not_stored():
    builder = Builder()
    x = builder.input(_f32(4))
    _, places = builder.apply("sort", x, dim=0, descending=True)
    check(builder.finish([places]))


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_composites_are_decomposed(name):
    builder = Builder()
    x = builder.input(_f32(3, 4))
    check(builder.finish([builder.one("relu", builder.one(name, x, dim=1))]))


@pytest.mark.parametrize("dtype", [F16, BF16], ids=str)
def test_narrow_floats_are_summed_in_f32(dtype):
    def ones(graph):
        check(graph, [np.ones(value.type.shape, NUMPY[dtype.name]) for value in graph.inputs])

    many = 2500  # in f16, 2048 + 1 is 2048; in bf16, 256 + 1 is 256
    ones(one("reduce", TensorType(dtype, (2, many)), op="add", dims=(1,)))
    ones(one("reduce", TensorType(dtype, (many, 2)), op="add", dims=(0,)))
    ones(one("scan", TensorType(dtype, (many,)), op="add", dim=0))
    ones(one("window", TensorType(dtype, (many,)), op="add", sizes=(many,), strides=(1,), dilations=(1,)))
    ones(one("dot", TensorType(dtype, (1, 1, many)), TensorType(dtype, (1, many, 1))))
    ones(one("dot", TensorType(dtype, (1, 2, many)), TensorType(dtype, (1, many, 2))))
    geometry = {"strides": (1,), "dilations": (1,), "groups": 1}
    ones(one("convolution", TensorType(dtype, (1, many, 1)), TensorType(dtype, (1, many, 1)), **geometry))
    ones(one("convolution", TensorType(dtype, (1, many, 2)), TensorType(dtype, (1, many, 1)), **geometry))
