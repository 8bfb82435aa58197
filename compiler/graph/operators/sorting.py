"""Sorting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from misfold.compiler.dtypes import I64
from misfold.compiler.graph.ir import TensorType

from .base import operator
from .checks import check_dim


@operator("sort", 1, {"dim": "int", "descending": "bool"})
def sort(inputs: Sequence[TensorType], attributes: Mapping[str, Any]) -> list[TensorType]:
    """Outputs: the elements along ``dim`` in order, and the i64 index of each. Stable in both directions: equal
    elements (zeros of both signs, any NaNs) keep their order. NaN is larger than all else."""
    (x,) = inputs
    check_dim("sort", attributes["dim"], x.rank)
    return [TensorType(x.dtype, x.shape), TensorType(I64, x.shape)]
