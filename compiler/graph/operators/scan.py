"""Operators that give all intermediate results of a reduction along one dimension."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from misfold.compiler.dtypes import I64
from misfold.compiler.graph.ir import TensorType

from .base import operator
from .checks import check_dim, check_kind, check_one_of

_NUMBERS = ("int", "uint", "float")


@operator("scan", 1, {"op": "str", "dim": "int"})
def scan(inputs: Sequence[TensorType], attributes: Mapping[str, Any]) -> list[TensorType]:
    """Element i along ``dim`` is elements 0 to i combined with ``op``; sums and products of floats in any order."""
    (x,) = inputs
    check_one_of("scan", "op", attributes["op"], ("add", "mul", "min", "max"))
    check_kind("scan", x.dtype, _NUMBERS)
    check_dim("scan", attributes["dim"], x.rank)
    return [TensorType(x.dtype, x.shape)]


@operator("argscan", 1, {"op": "str", "dim": "int"})
def argscan(inputs: Sequence[TensorType], attributes: Mapping[str, Any]) -> list[TensorType]:
    """Outputs: the smallest or largest element so far along ``dim``, and its i64 index: the latest of equals (zeros of
    both signs are equal). From the first NaN on the value is NaN, and the index that of the latest NaN. The value is
    the element at the index."""
    (x,) = inputs
    check_one_of("argscan", "op", attributes["op"], ("min", "max"))
    check_kind("argscan", x.dtype, _NUMBERS)
    check_dim("argscan", attributes["dim"], x.rank)
    return [TensorType(x.dtype, x.shape), TensorType(I64, x.shape)]
