"""What a graph computes, by numpy: the meaning of the language for tests, and how constants are folded.

Sums and products of floats may be formed in any order; here f16 and bf16 are summed in f32 and rounded once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from misfold.compiler.dtypes import DType
from misfold.compiler.errors import AssertionFailed
from misfold.compiler.loops.operators import BINARY, UNARY, identity

from .arithmetic import NUMPY, Array, binary, cast, unary
from .decompositions import decomposition
from .ir import Graph, Node, TensorType
from .operators.base import operators


def evaluate(graph: Graph, arrays: Sequence[Array]) -> list[Array]:
    """The outputs of a verified graph, as new arrays in row-major order.

    ``arrays`` are the inputs: of the types' shapes and numpy dtypes (``arithmetic.NUMPY``), in any layout.

    Raises:
        ValueError: an array is not of its input's type, or there are not as many.
        AssertionFailed: an index of ``gather`` or ``scatter`` is out of range.
        UndefinedBehaviour: an integer is divided by zero.
    """
    if len(arrays) != len(graph.inputs):
        raise ValueError(f"{graph.name} takes {len(graph.inputs)} arrays, not {len(arrays)}")
    for value, array in zip(graph.inputs, arrays):
        if array.dtype != NUMPY[value.type.dtype.name] or array.shape != value.type.shape:
            raise ValueError(f"{value.name} is {value.type}, not {array.dtype}{list(array.shape)}")
    return [np.array(array, order="C") for array in _run(graph, arrays)]


def evaluate_node(node: Node, arrays: Sequence[Array]) -> Sequence[Array]:
    """The outputs of one node; they may share memory with its inputs. Raises what ``evaluate`` does."""
    name = node.operator
    if name in UNARY:
        return [unary(name, arrays[0], node.inputs[0].type.dtype)]
    if name in BINARY:
        return [binary(name, arrays[0], arrays[1], node.inputs[0].type.dtype)]
    if node.body is not None:
        return _run(node.body, arrays)
    if operators()[name].composite:
        return _run(decomposition(node), arrays)
    with np.errstate(all="ignore"):
        made = _RULES[name](node.outputs[0].type, dict(node.attributes), *arrays)
    return made if isinstance(made, tuple) else (made,)


def _run(graph: Graph, arrays: Sequence[Array]) -> list[Array]:
    values = {value.name: array for value, array in zip(graph.inputs, arrays)}
    for node in graph.nodes:
        results = evaluate_node(node, [values[value.name] for value in node.inputs])
        values.update((value.name, np.asarray(result)) for value, result in zip(node.outputs, results))
    return [values[value.name] for value in graph.outputs]


_Attributes = Mapping[str, Any]
_UFUNCS: Mapping[str, Any] = {
    "add": np.add,
    "mul": np.multiply,
    "min": np.minimum,
    "max": np.maximum,
    "and": np.bitwise_and,
    "or": np.bitwise_or,
    "xor": np.bitwise_xor,
}


def _wide(x: Array) -> Array:
    """f16 and bf16 as f32."""
    return x.astype(np.float32) if x.dtype.itemsize == 2 and x.dtype.kind not in "iu" else x


def _fold(x: Array, op: str, axes: tuple[int, ...], dtype: DType) -> Array:
    # Contiguous, so that numpy's order depends on nothing but the shape.
    wide = np.ascontiguousarray(_wide(x)).reshape(x.shape)
    folded = _UFUNCS[op].reduce(wide, axis=axes, dtype=wide.dtype, initial=identity(op, dtype))
    return cast(np.asarray(folded), dtype)


# ----------------------------------------------------------------------------------------- creation and movement


def _full(out: TensorType, attributes: _Attributes) -> Array:
    return np.full(out.shape, attributes["value"], NUMPY[out.dtype.name])


def _iota(out: TensorType, attributes: _Attributes) -> Array:
    dim = attributes["dim"]
    along = cast(np.arange(out.shape[dim]), out.dtype)
    return np.broadcast_to(along.reshape([-1 if d == dim else 1 for d in range(out.rank)]), out.shape)


def _literal(out: TensorType, attributes: _Attributes) -> Array:
    return np.array(attributes["values"], NUMPY[out.dtype.name]).reshape(out.shape)


def _broadcast(out: TensorType, attributes: _Attributes, x: Array) -> Array:
    sizes = [1] * out.rank
    for size, dim in zip(x.shape, attributes["dims"]):
        sizes[dim] = size
    return np.broadcast_to(x.reshape(sizes), out.shape)


def _slice(out: TensorType, attributes: _Attributes, x: Array) -> Array:
    return x[tuple(map(slice, attributes["starts"], attributes["stops"], attributes["steps"]))]


def _pad(out: TensorType, attributes: _Attributes, x: Array) -> Array:
    padded = _full(out, attributes)
    place = tuple(
        slice(low, low + max(size - 1, 0) * (interior + 1) + min(size, 1), interior + 1)
        for size, low, interior in zip(x.shape, attributes["low"], attributes["interior"])
    )
    padded[place] = x
    return padded


# -------------------------------------------------------------------------------------------- reductions and scans


def _reduce(out: TensorType, attributes: _Attributes, x: Array) -> Array:
    return _fold(x, attributes["op"], attributes["dims"], out.dtype)


def _argreduce(out: TensorType, attributes: _Attributes, x: Array) -> Array:
    choose = np.argmin if attributes["op"] == "min" else np.argmax
    return np.asarray(choose(_wide(x), axis=attributes["dim"]))


def _scan(out: TensorType, attributes: _Attributes, x: Array) -> Array:
    wide = _wide(x)
    return cast(_UFUNCS[attributes["op"]].accumulate(wide, axis=attributes["dim"], dtype=wide.dtype), out.dtype)


def _argscan(out: TensorType, attributes: _Attributes, x: Array) -> tuple[Array, Array]:
    dim, wide = attributes["dim"], _wide(x)
    best = _UFUNCS[attributes["op"]].accumulate(wide, axis=dim)
    taken = (wide == best) | (wide != wide)
    positions = np.arange(x.shape[dim]).reshape([-1 if d == dim else 1 for d in range(x.ndim)])
    indices = np.maximum.accumulate(np.where(taken, positions, 0), axis=dim)
    return np.take_along_axis(x, indices, dim), indices


# --------------------------------------------------------------------------- contraction, convolution and windows


def _dot(out: TensorType, attributes: _Attributes, x: Array, y: Array) -> Array:
    return cast(np.matmul(np.ascontiguousarray(_wide(x)), np.ascontiguousarray(_wide(y))), out.dtype)


def _windows(
    x: Array, moved: Sequence[int], sizes: Sequence[int], strides: Sequence[int], dilations: Sequence[int]
) -> Array:
    """A view of the windows over the trailing dimensions: [*leading, *moved, *sizes]."""
    x = np.ascontiguousarray(x)
    kept = x.ndim - len(sizes)
    steps = x.strides[kept:]
    return np.lib.stride_tricks.as_strided(
        x,
        (*x.shape[:kept], *moved, *sizes),
        (*x.strides[:kept], *(a * b for a, b in zip(steps, strides)), *(a * b for a, b in zip(steps, dilations))),
        writeable=False,
    )


def _convolution(out: TensorType, attributes: _Attributes, x: Array, w: Array) -> Array:
    groups, spatial = attributes["groups"], x.ndim - 2
    views = _windows(_wide(x), out.shape[2:], w.shape[2:], attributes["strides"], attributes["dilations"])
    weights, inner, outer = _wide(w), w.shape[1], w.shape[0] // groups
    result = np.zeros(out.shape, views.dtype)
    axes = (1, *range(2 + spatial, 2 + 2 * spatial)), (1, *range(2, 2 + spatial))
    for group in range(groups):
        channels, kernels = slice(group * inner, (group + 1) * inner), slice(group * outer, (group + 1) * outer)
        result[:, kernels] = np.moveaxis(np.tensordot(views[:, channels], weights[kernels], axes), -1, 1)
    return cast(result, out.dtype)


def _window(out: TensorType, attributes: _Attributes, x: Array) -> Array:
    sizes = attributes["sizes"]
    moved = out.shape[out.rank - len(sizes) :]
    views = _windows(x, moved, sizes, attributes["strides"], attributes["dilations"])
    return _fold(views, attributes["op"], tuple(range(out.rank, views.ndim)), out.dtype)


def _argwindow(out: TensorType, attributes: _Attributes, x: Array) -> tuple[Array, Array]:
    sizes, extents = attributes["sizes"], attributes["extents"]
    count = len(sizes)
    kept = out.rank - count
    moved = out.shape[kept:]
    # For each window and element of it (row-major, one dimension): where that lay before padding, if it did.
    flat: Array = np.zeros((1,) * (2 * count), np.int64)
    inside: Array = np.ones((1,) * (2 * count), np.bool_)
    for dim in range(count):
        window = np.arange(moved[dim])[:, None] * attributes["strides"][dim]
        place = window + np.arange(sizes[dim]) * attributes["dilations"][dim] - attributes["low"][dim]
        axes = [1] * (2 * count)
        axes[dim], axes[count + dim] = place.shape
        place = place.reshape(axes)
        flat = flat * extents[dim] + place
        inside = inside & (place >= 0) & (place < extents[dim])
    flat, inside = (np.broadcast_to(one, (*moved, *sizes)).reshape(*moved, -1) for one in (flat, inside))
    views = _windows(x, moved, sizes, attributes["strides"], attributes["dilations"]).reshape(
        *out.shape, flat.shape[-1]
    )
    wide = _wide(views)
    best = _UFUNCS["max"].reduce(np.where(inside, wide, identity("max", out.dtype)), axis=-1, keepdims=True)
    nan = inside & (wide != wide)
    first = np.argmax(inside & (wide == best), axis=-1)
    last = nan.shape[-1] - 1 - np.argmax(nan[..., ::-1], axis=-1)
    chosen = np.where(nan.any(axis=-1), last, first)[..., None]
    everywhere = np.broadcast_to(flat, views.shape)
    return np.take_along_axis(views, chosen, -1)[..., 0], np.take_along_axis(everywhere, chosen, -1)[..., 0]


# ------------------------------------------------------------------------------------------------------- indexing


def _checked(name: str, shape: tuple[int, ...], indices: Sequence[Array]) -> tuple[Array, ...]:
    for size, index in zip(shape, indices):
        wrong = index[(index < 0) | (index >= size)]
        if wrong.size:
            raise AssertionFailed(f"{name}: index {wrong.flat[0]} is out of range for dimension of size {size}")
    return tuple(indices)


def _gather(out: TensorType, attributes: _Attributes, x: Array, *indices: Array) -> Array:
    return np.asarray(x[_checked("gather", x.shape, indices)])


def _scatter(out: TensorType, attributes: _Attributes, x: Array, updates: Array, *indices: Array) -> Array:
    result, place = np.array(x, order="C"), _checked("scatter", x.shape, indices)
    if attributes["op"] == "replace":
        # Element by element where an index repeats, as the order counts then.
        flat = np.ravel_multi_index(place, x.shape).ravel() if updates.size else np.zeros(0, np.int64)
        last = dict(zip(flat.tolist(), range(flat.size)))
        result.reshape(-1)[list(last)] = updates.reshape(-1)[list(last.values())]
    else:
        _UFUNCS[attributes["op"]].at(result, place, updates)
    return result


def _sort(out: TensorType, attributes: _Attributes, x: Array) -> tuple[Array, Array]:
    dim, wide = attributes["dim"], _wide(x)
    if attributes["descending"]:
        # Backwards twice keeps the order of equals.
        order = np.argsort(np.flip(wide, dim), axis=dim, kind="stable")
        order = x.shape[dim] - 1 - np.flip(order, dim)
    else:
        order = np.argsort(wide, axis=dim, kind="stable")
    return np.take_along_axis(x, order, dim), order


_RULES: Mapping[str, Callable[..., Array | tuple[Array, ...]]] = {
    "select": lambda out, attributes, condition, then, other: np.where(condition, then, other),
    "cast": lambda out, attributes, x: cast(x, out.dtype),
    "full": _full,
    "iota": _iota,
    "literal": _literal,
    "broadcast": _broadcast,
    "reshape": lambda out, attributes, x: x.reshape(out.shape),
    "permute": lambda out, attributes, x: np.transpose(x, attributes["dims"]),
    "slice": _slice,
    "reverse": lambda out, attributes, x: np.flip(x, attributes["dims"]),
    "pad": _pad,
    "concatenate": lambda out, attributes, *xs: np.concatenate(xs, axis=attributes["dim"]),
    "reduce": _reduce,
    "argreduce": _argreduce,
    "scan": _scan,
    "argscan": _argscan,
    "dot": _dot,
    "convolution": _convolution,
    "window": _window,
    "argwindow": _argwindow,
    "gather": _gather,
    "scatter": _scatter,
    "sort": _sort,
}
