"""Operators that move elements without computing any."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from misfold.compiler.graph.ir import TensorType

from .base import operator
from .checks import check_dim, check_dims, check_least, check_length, check_shape, check_value, shown, want


@operator("broadcast", 1, {"shape": "ints", "dims": "ints"})
def broadcast(inputs: Sequence[TensorType], attributes: Mapping[str, Any]) -> list[TensorType]:
    """Input dim i becomes output dim ``dims[i]``, stretched where its size is 1; ``dims`` increase. The other
    dimensions of ``shape`` are new."""
    (x,), shape, dims = inputs, attributes["shape"], attributes["dims"]
    check_shape("broadcast", shape)
    check_length("broadcast", "dims", dims, x.rank)
    check_dims("broadcast", dims, len(shape))
    for size, dim in zip(x.shape, dims):
        want(size in (1, shape[dim]), f"broadcast: a dimension of size {size} cannot become one of size {shape[dim]}")
    return [TensorType(x.dtype, shape)]


@operator("reshape", 1, {"shape": "ints"})
def reshape(inputs: Sequence[TensorType], attributes: Mapping[str, Any]) -> list[TensorType]:
    """The same elements in row-major order, whatever the strides, in another shape."""
    (x,), shape = inputs, attributes["shape"]
    check_shape("reshape", shape)
    made = TensorType(x.dtype, shape)
    want(
        made.elements == x.elements,
        f"reshape: {shown(shape)} has {made.elements} elements, {shown(x.shape)} has {x.elements}",
    )
    return [made]


@operator("permute", 1, {"dims": "ints"})
def permute(inputs: Sequence[TensorType], attributes: Mapping[str, Any]) -> list[TensorType]:
    """Output dim i is input dim ``dims[i]``."""
    (x,), dims = inputs, attributes["dims"]
    want(sorted(dims) == list(range(x.rank)), f"permute: {dims} is no permutation of {x.rank} dimensions")
    return [TensorType(x.dtype, tuple(x.shape[dim] for dim in dims))]


@operator("slice", 1, {"starts": "ints", "stops": "ints", "steps": "ints"})
def slice_(inputs: Sequence[TensorType], attributes: Mapping[str, Any]) -> list[TensorType]:
    """In each dimension the elements start, start + step, … below stop; 0 <= start <= stop <= size, step > 0."""
    (x,) = inputs
    for name in ("starts", "stops", "steps"):
        check_length("slice", name, attributes[name], x.rank)
    shape = []
    for size, start, stop, step in zip(x.shape, attributes["starts"], attributes["stops"], attributes["steps"]):
        want(0 <= start <= stop <= size, f"slice: {start} to {stop} is no range within a dimension of size {size}")
        want(step > 0, f"slice: steps must be positive, not {step}")
        shape.append((stop - start + step - 1) // step)
    return [TensorType(x.dtype, tuple(shape))]


@operator("reverse", 1, {"dims": "ints"})
def reverse(inputs: Sequence[TensorType], attributes: Mapping[str, Any]) -> list[TensorType]:
    """Elements in opposite order along ``dims``, which increase."""
    (x,) = inputs
    check_dims("reverse", attributes["dims"], x.rank)
    return [TensorType(x.dtype, x.shape)]


@operator("pad", 1, {"low": "ints", "high": "ints", "interior": "ints", "value": "number"})
def pad(inputs: Sequence[TensorType], attributes: Mapping[str, Any]) -> list[TensorType]:
    """In each dimension ``low`` elements in front, ``high`` behind and ``interior`` between each two neighbours, all of
    them ``value`` (written as for ``full``). None of the numbers is negative: ``slice`` is what crops."""
    (x,) = inputs
    low, high, interior = attributes["low"], attributes["high"], attributes["interior"]
    for name in ("low", "high", "interior"):
        check_length("pad", name, attributes[name], x.rank)
        check_least("pad", name, attributes[name], 0)
    check_value("pad", attributes["value"], x.dtype)
    shape = (before + size + max(size - 1, 0) * between + after
             for size, before, after, between in zip(x.shape, low, high, interior))  # fmt: skip
    return [TensorType(x.dtype, tuple(shape))]


@operator("concatenate", None, {"dim": "int"})
def concatenate(inputs: Sequence[TensorType], attributes: Mapping[str, Any]) -> list[TensorType]:
    """One or more operands one after the other along ``dim``; they have one dtype, and the same sizes elsewhere."""
    dim = attributes["dim"]
    want(len(inputs) > 0, "concatenate takes one or more inputs")
    first = inputs[0]
    check_dim("concatenate", dim, first.rank)
    for other in inputs[1:]:
        want(
            other.dtype == first.dtype,
            f"concatenate: operands must have one dtype, unlike {first.dtype} and {other.dtype}",
        )
        alike = other.rank == first.rank and all(
            a == b for d, (a, b) in enumerate(zip(first.shape, other.shape)) if d != dim
        )
        want(alike, f"concatenate: {shown(first.shape)} and {shown(other.shape)} differ in more than dimension {dim}")
    total = sum(one.shape[dim] for one in inputs)
    return [TensorType(first.dtype, (*first.shape[:dim], total, *first.shape[dim + 1 :]))]
