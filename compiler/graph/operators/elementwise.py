"""Operators that compute each element of their output from the same elements of their inputs.

All but ``select`` and ``cast`` are the operators on scalars of ``loops.operators``, with their meaning.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from misfold.compiler.dtypes import BOOL
from misfold.compiler.graph.ir import TensorType
from misfold.compiler.loops import operators as scalars

from .base import operator
from .checks import check_kind, check_same, shown, want


def _register(scalar: scalars.Operator) -> None:
    def infer(inputs: Sequence[TensorType], attributes: Mapping[str, Any]) -> list[TensorType]:
        check_same(scalar.name, inputs)
        check_kind(scalar.name, inputs[0].dtype, scalar.kinds)
        return [TensorType(BOOL if scalar.compares else inputs[0].dtype, inputs[0].shape)]

    written = f"x {scalar.infix} y" if scalar.infix else f"{scalar.name}({', '.join('xy'[: scalar.arity])})"
    infer.__doc__ = f"``{written}`` of each element, as in the loop IR."
    operator(scalar.name, scalar.arity)(infer)


for _scalar in (*scalars.UNARY.values(), *scalars.BINARY.values()):
    _register(_scalar)


@operator("select", 3)
def select(inputs: Sequence[TensorType], attributes: Mapping[str, Any]) -> list[TensorType]:
    """``then`` where ``condition``, else ``other``: inputs (condition, then, other), the first of bool."""
    condition, then, other = inputs
    want(condition.dtype == BOOL, f"select: the condition must be bool, not {condition.dtype}")
    check_same("select", (then, other))
    want(
        condition.shape == then.shape,
        f"select: the condition's shape {shown(condition.shape)} is not that of the arms, {shown(then.shape)}",
    )
    return [TensorType(then.dtype, then.shape)]


@operator("cast", 1, {"dtype": "dtype"})
def cast(inputs: Sequence[TensorType], attributes: Mapping[str, Any]) -> list[TensorType]:
    """Each element converted to ``dtype``, as in the loop IR."""
    return [TensorType(attributes["dtype"], inputs[0].shape)]
