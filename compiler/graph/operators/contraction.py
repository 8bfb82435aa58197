"""Products of matrices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from misfold.compiler.graph.ir import TensorType

from .base import operator
from .checks import check_kind, shown, want


@operator("dot", 2)
def dot(inputs: Sequence[TensorType], attributes: Mapping[str, Any]) -> list[TensorType]:
    """[B, M, K] × [B, K, N] → [B, M, N] of numbers: sums of products in any order, each rounded to the dtype or fused
    with its sum. 0 for K = 0."""
    x, y = inputs
    want(x.dtype == y.dtype, f"dot: operands must have one dtype, unlike {x.dtype} and {y.dtype}")
    check_kind("dot", x.dtype, ("int", "uint", "float"))
    fits = x.rank == y.rank == 3 and x.shape[0] == y.shape[0] and x.shape[2] == y.shape[1]
    want(fits, f"dot takes [B, M, K] and [B, K, N], not {shown(x.shape)} and {shown(y.shape)}")
    return [TensorType(x.dtype, (x.shape[0], x.shape[1], y.shape[2]))]
