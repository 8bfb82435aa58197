"""Reductions over windows that slide along the trailing dimensions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from misfold.compiler.dtypes import I64
from misfold.compiler.graph.ir import TensorType

from .base import operator
from .checks import check_kind, check_least, check_length, check_one_of, shown, want

_GEOMETRY = {"op": "str", "sizes": "ints", "strides": "ints", "dilations": "ints"}


def slide(
    name: str, extents: Sequence[int], sizes: Sequence[int], strides: Sequence[int], dilations: Sequence[int]
) -> tuple[int, ...]:
    """How many windows fit in each dimension; at least one."""
    for key, values in (("strides", strides), ("dilations", dilations)):
        check_length(name, key, values, len(sizes))
        check_least(name, key, values, 1)
    check_least(name, "sizes", sizes, 1)
    found = []
    for extent, size, stride, dilation in zip(extents, sizes, strides, dilations):
        span = dilation * (size - 1) + 1
        want(span <= extent, f"{name}: a window that spans {span} does not fit in a dimension of size {extent}")
        found.append((extent - span) // stride + 1)
    return tuple(found)


def _infer(name: str, x: TensorType, attributes: Mapping[str, Any]) -> TensorType:
    sizes = attributes["sizes"]
    check_kind(name, x.dtype, ("int", "uint", "float"))
    want(0 < len(sizes) <= x.rank, f"{name}: a window of {len(sizes)} dimensions over a tensor of {x.rank}")
    kept = x.rank - len(sizes)
    moved = slide(name, x.shape[kept:], sizes, attributes["strides"], attributes["dilations"])
    return TensorType(x.dtype, (*x.shape[:kept], *moved))


@operator("window", 1, _GEOMETRY)
def window(inputs: Sequence[TensorType], attributes: Mapping[str, Any]) -> list[TensorType]:
    """Output element o of the trailing dimensions is the sum or maximum of the elements
    ``o·strides + k·dilations``, 0 <= k < sizes, as by ``reduce``. Each window lies within the tensor."""
    check_one_of("window", "op", attributes["op"], ("add", "max"))
    return [_infer("window", inputs[0], attributes)]


@operator("argwindow", 1, {**_GEOMETRY, "extents": "ints", "low": "ints"})
def argwindow(inputs: Sequence[TensorType], attributes: Mapping[str, Any]) -> list[TensorType]:
    """``window`` with max that tells which element it took. Outputs: the element, and its i64 row-major index in the
    trailing dimensions as they were before padding: their sizes were ``extents``, and ``low`` was put in front.

    Elements outside of ``extents`` are padding and never taken, whatever they hold; each window must have another. The
    first of equals is taken, and the last NaN if there is one (as max pooling does it in PyTorch)."""
    (x,) = inputs
    check_one_of("argwindow", "op", attributes["op"], ("max",))
    made = _infer("argwindow", x, attributes)
    sizes, extents, low = attributes["sizes"], attributes["extents"], attributes["low"]
    for name in ("extents", "low"):
        check_length("argwindow", name, attributes[name], len(sizes))
        check_least("argwindow", name, attributes[name], 0)
    kept = x.rank - len(sizes)
    for total, extent, before in zip(x.shape[kept:], extents, low):
        want(extent + before <= total, f"argwindow: {before} + {extent} elements do not fit in {shown(x.shape)}")
    for dim, count in enumerate(made.shape[kept:]):
        stride, step = attributes["strides"][dim], attributes["dilations"][dim]
        # Windows that start in the padding in front hit the extents at an offset that repeats after ``step`` windows,
        # the first of them is farthest away, and of all others the last is.
        in_front = min(count, -(-low[dim] // stride), step)
        for position in (*range(in_front if extents[dim] < step else min(in_front, 1)), count - 1):
            distance = position * stride - low[dim]
            k = max(0, -(distance // step))
            inside = k < sizes[dim] and distance + k * step < extents[dim]
            want(inside, f"argwindow: window {position} of trailing dimension {dim} lies in padding altogether")
    return [made, TensorType(I64, made.shape)]
