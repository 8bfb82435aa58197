"""How far eager and a target are from float64, output by output, and what PyTorch's own comparison says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from misfold.oracles.reference import Expected, Reference
from misfold.targets.outcome import Outcome, TensorValue

#: The service that asks ``torch._dynamo.utils.same``, for workers that have torch.
SAME = "misfold.triage.report.measures:serve"


@dataclass(frozen=True)
class Measure:
    """One tensor. Errors are the largest absolute distances from float64 over finite elements, None where there are no
    float64 values; ``same`` is what ``torch._dynamo.utils.same`` says with float64 as its third argument, None where it
    cannot be asked (another type or shape)."""

    name: str
    type: str
    different: int
    elements: int
    eager_error: float | None = None
    target_error: float | None = None
    finite: bool = True
    same: bool | None = None


def pairs(
    eager: Outcome, reference: Reference, outcome: Outcome
) -> Iterator[tuple[str, TensorValue, TensorValue, Expected | None]]:
    """The tensors that both sides have, with what is expected of them."""
    groups: tuple[tuple[str, Any, Any, Any], ...] = (
        ("out", eager.values, outcome.values, reference.values),
        ("grad", eager.gradients, outcome.gradients, reference.gradients),
        ("x", eager.mutated, outcome.mutated, reference.mutated),
    )
    for prefix, left, right, expected in groups:
        for index, (own, its) in enumerate(zip(left, right)):
            if own is not None and its is not None:
                yield f"{prefix}{index}", own, its, expected[index] if index < len(expected) else None


def measure(name: str, own: TensorValue, its: TensorValue, expected: Expected | None) -> Measure:
    """Compare one tensor of eager with the target's."""
    kind = f"{own.dtype}[{', '.join(map(str, own.shape))}]"
    if (own.dtype, tuple(own.shape)) != (its.dtype, tuple(its.shape)):
        return Measure(name, f"{kind}, target {its.dtype}[{', '.join(map(str, its.shape))}]", 0, 0)
    left, right = own.array(), its.array()
    with np.errstate(all="ignore"):
        differing = ~((left == right) | ((left != left) & (right != right)))
    finite = bool(np.isfinite(left).all()) if left.dtype.kind == "f" else True
    count, elements = int(np.count_nonzero(differing)), int(left.size)
    if expected is not None and expected.exact:
        # Nothing is rounded: float64 gives eager's values, and they are not stored twice.
        wide = left.astype(np.float64)
    elif expected is None or not expected.data or tuple(expected.shape) != tuple(own.shape):
        return Measure(name, kind, count, elements, finite=finite)
    else:
        wide = expected.values()
    return Measure(
        name, kind, count, elements, _error(left, wide), _error(right, wide), finite and bool(np.isfinite(wide).all())
    )


def _error(array: np.ndarray, wide: np.ndarray) -> float | None:
    with np.errstate(all="ignore"):
        error = np.abs(array.astype(np.float64) - wide)
    known = error[np.isfinite(wide)]
    return float(known.max()) if known.size else None


def serve(request: dict[str, Any]) -> dict[str, Any]:
    """For each pair (``eager``, ``target``: packed tensors; ``wide``: float64 bytes or None) whether torch finds them
    the same, at its default tolerance."""
    import torch
    from torch._dynamo.utils import same

    def tensor(raw: Any) -> torch.Tensor:
        value = TensorValue.from_data(raw)
        return torch.frombuffer(bytearray(value.data), dtype=getattr(torch, value.dtype)).reshape(value.shape)

    answers = []
    for pair in request["pairs"]:
        own, its = (tensor(pair[key]) for key in ("eager", "target"))
        if pair["wide"] is None:
            wide = own.double() if own.is_floating_point() else own
        else:
            wide = torch.frombuffer(bytearray(pair["wide"]), dtype=torch.float64).reshape(own.shape)
        answers.append(bool(same(own, its, wide)))
    return {"same": answers}
