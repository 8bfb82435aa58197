"""Reading and writing at positions that are data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from misfold.compiler.graph.ir import TensorType
from misfold.compiler.loops.operators import BINARY

from .base import operator
from .checks import check_indices, check_kind, check_one_of, shown, want

SCATTERS = ("replace", "add", "mul", "min", "max")


@operator("gather", None)
def gather(inputs: Sequence[TensorType], attributes: Mapping[str, Any]) -> list[TensorType]:
    """Inputs (x, i0, …), one i64 index per dimension of x, all of the output's shape: ``x[i0, i1, …]``. An index that
    is negative or not below the size ends the run with an error. x has one dimension at least."""
    want(len(inputs) > 0, "gather takes a tensor and its indices")
    x, *indices = inputs
    check_indices("gather", indices, x.rank)
    return [TensorType(x.dtype, indices[0].shape)]


@operator("scatter", None, {"op": "str"})
def scatter(inputs: Sequence[TensorType], attributes: Mapping[str, Any]) -> list[TensorType]:
    """Inputs (x, updates, i0, …), one i64 index per dimension of x, all of the shape of updates: a copy of x into which
    each update is combined at its indices, in row-major order of the updates. Indices are checked as by ``gather``.
    ``replace`` takes every dtype, the others what the operator of their name does."""
    want(len(inputs) > 1, "scatter takes a tensor, updates and indices")
    x, updates, *indices = inputs
    op = attributes["op"]
    check_one_of("scatter", "op", op, SCATTERS)
    if op != "replace":
        check_kind(f"scatter {op}", x.dtype, BINARY[op].kinds)
    want(x.dtype == updates.dtype, f"scatter: updates must be {x.dtype}, not {updates.dtype}")
    check_indices("scatter", indices, x.rank)
    want(
        updates.shape == indices[0].shape,
        f"scatter: updates have shape {shown(updates.shape)}, but indices {shown(indices[0].shape)}",
    )
    return [TensorType(x.dtype, x.shape)]
