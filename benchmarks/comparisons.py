"""Ways to decide whether a compiled result is wrong: what others do, and the parts of what misfold does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch._dynamo.utils import same

from misfold.oracles.judge import judge
from misfold.oracles.reference import Expected, Reference
from misfold.programs.case import Case
from misfold.programs.dtypes import DTYPES
from misfold.targets.outcome import Outcome, TensorValue

#: Whether an oracle complains of an outcome.
Oracle = Callable[[Case, Outcome, Reference, Outcome], bool]


def is_visible(eager: TensorValue, faulty: TensorValue) -> bool:
    """Whether a person would call the two different."""
    if (eager.dtype, tuple(eager.shape)) != (faulty.dtype, tuple(faulty.shape)):
        return True
    if eager.data == faulty.data:
        return False
    left, right = eager.array(), faulty.array()
    if not DTYPES[eager.dtype].is_float:
        return True
    left, right = left.astype(np.float64), right.astype(np.float64)
    finite = np.isfinite(left)
    if not finite.any():
        return False
    share = 5e-2 if DTYPES[eager.dtype].significand < 24 else 1e-3
    size = float(np.sqrt(np.mean(np.square(left[finite]))))
    with np.errstate(all="ignore"):
        apart = np.abs(left - right)[finite]
        return bool((~(apart <= share * np.maximum(np.abs(left[finite]), size))).any())


def _tensor(value: TensorValue) -> torch.Tensor:
    item = torch.from_numpy(np.array(value.array()))
    return item.to(torch.bfloat16) if value.dtype == "bfloat16" else item


def _shapes_differ(eager: Outcome, outcome: Outcome) -> bool:
    if len(eager.values) != len(outcome.values):
        return True
    return any((a.dtype, a.shape) != (b.dtype, b.shape) for a, b in zip(eager.values, outcome.values))


def _close(rtol: float | None, atol: float | None) -> Oracle:
    def complains(case: Case, eager: Outcome, reference: Reference, outcome: Outcome) -> bool:
        if _shapes_differ(eager, outcome):
            return True
        for left, right in zip(eager.values, outcome.values):
            try:
                torch.testing.assert_close(_tensor(right), _tensor(left), rtol=rtol, atol=atol, equal_nan=True)
            except AssertionError:
                return True
        return False

    return complains


def _same(case: Case, eager: Outcome, reference: Reference, outcome: Outcome) -> bool:
    if _shapes_differ(eager, outcome):
        return True
    for index, (left, right) in enumerate(zip(eager.values, outcome.values)):
        own, its = _tensor(left), _tensor(right)
        expected = reference.values[index] if index < len(reference.values) else None
        wide: Any = own.double() if own.is_floating_point() else own
        if expected is not None and expected.data and not expected.exact:
            wide = torch.from_numpy(expected.values().copy())
        if not same([own], [its], [wide], equal_nan=True, log_error=lambda *_: None):
            return True
    return False


def _with(change: Callable[[Expected], Expected], kinds: tuple[str, ...]) -> Oracle:
    """The judge with part of what it knows."""

    def complains(case: Case, eager: Outcome, reference: Reference, outcome: Outcome) -> bool:
        known = replace(
            reference,
            values=tuple(map(change, reference.values)),
            gradients=tuple(None if item is None else change(item) for item in reference.gradients),
            mutated=tuple(None if item is None else change(item) for item in reference.mutated),
        )
        verdict = judge(case, eager, known, outcome, aliases=False)
        return verdict.kind in kinds

    return complains


def _no_bound(item: Expected) -> Expected:
    return replace(item, bound=b"", contested=None)


def _exact_only(item: Expected) -> Expected:
    return item if item.exact else replace(item, reason=item.reason or "not exact")


def _bound_rules(item: Expected) -> Expected:
    bound = item.bounds()
    if bound is None or not item.spread:
        return item
    return replace(item, spread=np.where(np.isfinite(bound), np.inf, item.spreads()).tobytes())


ORACLES: Mapping[str, Oracle] = {
    "framework tolerance": _close(None, None),
    "1e-2/1e-3": _close(1e-2, 1e-3),
    "same": _same,
    "ratio": _with(_no_bound, ("proved", "suspect")),
    "bound": _with(lambda item: item, ("proved",)),
    "exact": _with(_exact_only, ("proved",)),
    "bound, else ratio": _with(_bound_rules, ("proved", "suspect")),
    "judge": _with(lambda item: item, ("proved", "suspect")),
}
