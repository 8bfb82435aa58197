"""From shadows to what a verdict needs: bounds as bytes, and what eager itself gives that no honest evaluation may."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from misfold.programs.case import Case

from .analysis import analyse
from .shadow import Shadow

if TYPE_CHECKING:
    from ..reference import Expected

#: What computing the errors themselves in float64 may have lost of them: some hundreds of its roundings.
_SAFETY = 1.0 + 2.0**-40
#: Errors that torch raises under the analysis, and not without it; the operator is then as one without a rule.
_ERRORS = (RuntimeError, TypeError, ValueError, IndexError, NotImplementedError, AttributeError, KeyError)


def analysed(case: Case, inputs: Sequence[torch.Tensor]) -> Mapping[str, Shadow | str]:
    """Shadows of what a case returns and of its inputs, by name; why there are none, where there are none.

    ``inputs`` are written where the program writes.
    """
    try:
        return analyse(case.graph, inputs).values
    except _ERRORS as error:
        lines = str(error).splitlines() or [type(error).__name__]
        why = f"the program does not run under the analysis: {lines[0][:120]}"
        return dict.fromkeys((*case.graph.returns, *(value.name for value in case.graph.inputs)), why)


def limited(expected: Expected, own: torch.Tensor, shadow: Shadow | str | None) -> Expected:
    """What is expected of a tensor, with its bound.

    Args:
        expected: without it; of a float type, or an integer one or truth values.
        own: what the program gives in its own types.
        shadow: what the analysis says of it, or why it says nothing.
    """
    if shadow is None or isinstance(shadow, str) or shadow.lost or shadow.shape != own.shape:
        why = shadow if isinstance(shadow, str) else None if shadow is None else shadow.lost
        return replace(expected, unbounded=why or "no error bound is known")
    if not own.numel():
        return expected
    error = torch.zeros(own.shape, dtype=torch.float64) if shadow.error is None else shadow.error
    if not own.is_floating_point():
        wrong = (error == 0) & (own != shadow.value)
        contested = _contested(own, shadow.value, error, wrong)
        bound = _upwards(error.where(own == shadow.value, float("inf")))
        return replace(expected, bound=bound, contested=contested)
    known = error.isfinite() & shadow.value.isfinite() & (error >= 0)
    if not bool(known.any()):
        return replace(expected, unbounded="every element may be anything under rounding")
    error = (error * _SAFETY).where(known, float("inf"))
    # Where the bound holds it holds against its own value, which need not be the last bit of another evaluation.
    value = np.where(known.numpy(), shadow.value.numpy(), expected.values())
    wrong = known & ~((own.double() - shadow.value).abs() <= error)
    contested = _contested(own, shadow.value, error, wrong)
    return replace(expected, data=value.tobytes(), bound=_upwards(error), contested=contested)


def bounded_alone(nothing: Expected, own: torch.Tensor, shadow: Shadow | str | None) -> Expected:
    """What is expected of a tensor that the noisy samples cannot judge, if the analysis knows some of its elements.

    Args:
        nothing: says why the samples cannot judge it; it is returned if the analysis knows no element either.
        own: what the program gives in its own types.
        shadow: as for ``limited``.
    """
    if own.is_floating_point():
        blank = torch.full(own.shape, float("inf"), dtype=torch.float64).numpy().tobytes()
        values = own.double().contiguous().numpy().tobytes()
        found = limited(replace(nothing, reason=None, data=values, spread=blank), own, shadow)
    else:
        undecided = torch.zeros(own.shape, dtype=torch.bool).numpy().tobytes()
        found = limited(replace(nothing, reason=None, decided=undecided), own, shadow)
    bound = found.bounds()
    return nothing if bound is None or not np.isfinite(bound).any() else found


def _contested(own: torch.Tensor, value: torch.Tensor, error: torch.Tensor, wrong: torch.Tensor) -> str | None:
    if not bool(wrong.any()):
        return None
    at = tuple(int(i) for i in np.unravel_index(int(wrong.to(torch.int8).argmax()), wrong.shape))
    return (
        f"{list(at)}: eager gives {own[at].item():.9g}, float64 {value[at].item():.17g}, "
        f"and honest rounding explains {error[at].item():.3g}"
    )


def _upwards(error: torch.Tensor) -> bytes:
    """Bounds in float32, rounded up; 0 stays 0."""
    wide = error.contiguous().numpy()
    with np.errstate(over="ignore"):
        narrow = wide.astype(np.float32)
        narrow = np.where(narrow.astype(np.float64) < wide, np.nextafter(narrow, np.float32(np.inf)), narrow)
    return narrow.astype(np.float32).tobytes()
