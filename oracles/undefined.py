"""Calls whose result nothing defines for these operands: no target can be wrong about them."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from misfold.programs.graph import Node

from .calls import Tensors
from .kinds import base_name
from .operands import (
    DIVISION,
    SCATTER,
    SHIFT,
    divides_lowest,
    fits,
    has_lowest,
    is_integer,
    scatters_twice,
    shifts_too_far,
    unchecked,
)

#: Their last result says which matrices they failed on; what is in the others is not defined then.
_FACTORISING = frozenset("cholesky_ex inv_ex ldl_factor_ex solve_ex".split())
_NEGATION = frozenset("abs absolute neg negative".split())


def undefined(node: Node, inputs: Tensors, results: Sequence[torch.Tensor]) -> str | None:
    """Why the call's meaning is undefined for these operands (as they were before it), or None."""
    name = base_name(node.op)
    operands = list(inputs.values())
    whole = [torch.iinfo(item.dtype) for item in results if is_integer(item)]
    if whole:
        low, high = max(item.min for item in whole), min(item.max for item in whole)
        if not all(fits(item, low, high) for item in operands):
            return "a float out of an integer type's range"
    if name in DIVISION and divides_lowest(node, operands):
        return "the smallest integer by -1"
    if name in _NEGATION and has_lowest([item for item in operands if item.dtype in (torch.int32, torch.int64)]):
        return "the smallest integer has no opposite"
    if (name in SHIFT or name == "ldexp") and shifts_too_far(node, inputs):
        return "a shift out of range"
    if name in ("pow", "float_power") and whole:
        signed = [item for item in operands if is_integer(item) and item.dtype.is_signed and item.numel()]
        if any(bool((item < 0).any()) for item in signed[1:]):
            return "an integer to a negative power"
    if name in _FACTORISING and results and is_integer(results[-1]) and bool((results[-1] != 0).any()):
        return "a matrix that cannot be factorised"
    if name in SCATTER and scatters_twice(node, name, inputs):
        return "two elements for one place"
    return unchecked(node, name, inputs)
