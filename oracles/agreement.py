"""Bit-for-bit agreement with eager: an outcome that has it needs no reference to be right."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from misfold.programs.case import Case
from misfold.targets.outcome import Outcome, TensorValue

from .structure import compare_structure
from .verdict import Verdict

_AGREES = Verdict("ok", "values", "bit for bit as eager")


def agreement(case: Case, eager: Outcome, outcome: Outcome, *, aliases: bool) -> Verdict | None:
    """``ok`` if the outcome is eager's in every bit that a target answers for, and None if a reference has to decide.

    No error bound and no tolerance can speak against the same bits, so the float64 reference, which costs as much as
    some targets do, is evaluated only for what differs. NaN equals NaN, whatever its payload. Zeros of different sign
    differ here, and are for the reference to judge.

    Args:
        case: the case.
        eager: what eager did with it.
        outcome: what the target did.
        aliases: whether the target promises to follow eager in views of inputs, writes to inputs, and strides.
    """
    if eager.kind != "values" or outcome.kind != "values":
        return None
    if eager.facts.get("stable") is False or outcome.facts.get("stable") is False:
        return None
    if compare_structure(case, None, eager, outcome, aliases) is not None:
        return None
    pairs: list[tuple[Sequence[TensorValue | None], Sequence[TensorValue | None]]] = [(eager.values, outcome.values)]
    if outcome.gradients:
        pairs.append((eager.gradients, outcome.gradients))
    if aliases:
        pairs.append((eager.mutated, outcome.mutated))
    for own, its in pairs:
        if len(own) != len(its) or not all(_same(left, right) for left, right in zip(own, its, strict=True)):
            return None
    return _AGREES


def _same(left: TensorValue | None, right: TensorValue | None) -> bool:
    if left is None or right is None:
        return left is right
    if (left.dtype, tuple(left.shape)) != (right.dtype, tuple(right.shape)):
        return False
    if left.data == right.data:
        return True
    if "float" not in left.dtype:
        return False
    own, its = left.array(), right.array()
    nan = np.isnan(own)
    bits = np.dtype(f"u{own.dtype.itemsize}")
    return bool(np.array_equal(nan, np.isnan(its)) and np.array_equal(own.view(bits)[~nan], its.view(bits)[~nan]))
