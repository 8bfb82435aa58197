"""Operators that combine the elements along dimensions, which disappear."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from misfold.compiler.dtypes import I64
from misfold.compiler.graph.ir import TensorType
from misfold.compiler.loops.operators import BINARY, REDUCTIONS

from .base import operator
from .checks import check_dim, check_dims, check_kind, check_one_of, want


def without(shape: tuple[int, ...], dims: Sequence[int]) -> tuple[int, ...]:
    """The shape with ``dims`` left out."""
    return tuple(size for dim, size in enumerate(shape) if dim not in dims)


@operator("reduce", 1, {"op": "str", "dims": "ints"})
def reduce(inputs: Sequence[TensorType], attributes: Mapping[str, Any]) -> list[TensorType]:
    """All elements along ``dims``, which increase, combined with ``op``, in any order for floats; none give
    ``identity(op)``. ``op`` takes the dtypes that the operator of its name does: bools have and, or and xor only. No
    dims: a copy."""
    (x,), op = inputs, attributes["op"]
    check_one_of("reduce", "op", op, REDUCTIONS)
    check_kind(f"reduce {op}", x.dtype, BINARY[op].kinds)
    check_dims("reduce", attributes["dims"], x.rank)
    return [TensorType(x.dtype, without(x.shape, attributes["dims"]))]


@operator("argreduce", 1, {"op": "str", "dim": "int"})
def argreduce(inputs: Sequence[TensorType], attributes: Mapping[str, Any]) -> list[TensorType]:
    """The i64 index of the smallest or largest element along ``dim``, whose size is not 0: the first of equals (zeros
    of both signs are equal); a NaN counts as smaller and larger than anything else, and the first NaN is taken."""
    (x,), dim = inputs, attributes["dim"]
    check_one_of("argreduce", "op", attributes["op"], ("min", "max"))
    check_kind("argreduce", x.dtype, ("int", "uint", "float"))
    check_dim("argreduce", dim, x.rank)
    want(x.shape[dim] > 0, f"argreduce: dimension {dim} has no elements to choose from")
    return [TensorType(I64, without(x.shape, (dim,)))]
