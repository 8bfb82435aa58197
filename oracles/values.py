"""Comparing values: bits where arithmetic is exact, else errors against float64 with what honest rounding explains."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from misfold.programs.dtypes import DTYPES
from misfold.targets.outcome import TensorValue

from .reference import Expected
from .verdict import Claim

#: How many times eager's own error, or the spread of four noisy samples, a target may be off. torch's own check of a
#: compiled result against float64 (``torch._dynamo.utils.same``) allows 2 times eager's error, 3 for half types, in
#: the root mean square over a tensor. Here it is per element, where the observed spread is smaller than a quarter of
#: the standard deviation in 0.15% of elements, so that some more is needed.
FACTOR = 4.0
#: How many times what noise explains a target may be off where a sound bound allows it. Noise is a sample, of a model
#: of errors that knows one way to compute each operator; a bound knows them all, and is seldom reached. Beyond this
#: factor an evaluation within the bound is not impossible, but so unlikely that more evidence is worth asking for.
CONFIRMED = 8.0
#: An error within the bound that is no larger than this is none either: the absolute tolerances of ``torch.testing``,
#: for results that are 0 but for rounding, such as the variance of equal numbers in one pass.
ABSOLUTE = {"float16": 1e-5, "bfloat16": 1e-5, "float32": 1e-5, "float64": 1e-7}
#: Share of a tensor's elements whose spread is below the level that stands in for spreads that came out small by luck.
TYPICAL = 0.9
#: Unit roundoffs of the value itself that are always forgiven: two library functions of 2 ulp each.
ROUNDINGS = 8.0
#: Below this nothing is an error: denormals may be flushed to zero. float16's are kept by everybody, and rounded.
NEGLIGIBLE = {"float16": 2.0**-22, "bfloat16": 2.0**-120, "float32": 2.0**-120, "float64": 2.0**-1000}


@dataclass(frozen=True)
class Difference:
    """How one tensor differs: how surely, in words, by how many times what is allowed, and what proves it."""

    kind: str
    oracle: str
    explanation: str
    score: float = 0.0
    supports: str | None = None
    claim: Claim | None = None


@dataclass(frozen=True)
class Comparison:
    """``compared``: whether any element could be judged; ``difference``: the fault, or None; ``note``: why none was.

    ``contested``: eager's own element that no honest evaluation gives, in words, or None; then nobody else is blamed.
    """

    compared: bool
    difference: Difference | None = None
    note: str = ""
    contested: str | None = None


def compare(name: str, expected: Expected, eager: TensorValue, target: TensorValue) -> Comparison:
    """Compare a target's tensor, which has eager's type and shape, with what is expected of it."""
    if expected.reason is not None:
        return Comparison(False, note=f"{name}: {expected.reason}")
    if (expected.dtype, tuple(expected.shape)) != (eager.dtype, tuple(eager.shape)):
        return Comparison(False, note=f"{name}: eager and the reference disagree about its type")
    if eager.data == target.data or not target.type.elements:
        return Comparison(True)
    if expected.contested is not None:
        return Comparison(False, note=f"{name}: eager itself is outside its bound", contested=expected.contested)
    if expected.exact:
        return _exact(name, eager, target)
    if not DTYPES[eager.dtype].is_float:
        return _decided(name, expected, eager, target)
    return _rounded(name, expected, eager, target)


def _same(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        equal = left == right
    if left.dtype.kind == "f":
        equal |= np.isnan(left) & np.isnan(right)
    same: np.ndarray = equal
    return same


def _exact(name: str, eager: TensorValue, target: TensorValue) -> Comparison:
    left, right = eager.array(), target.array()
    wrong = ~_same(left, right)
    if not wrong.any():
        return Comparison(True)
    at = _first(wrong)
    text = (
        f"{name}{list(at)}: target {right[at]}, eager {left[at]} ({_count(wrong)})\n"
        "the arithmetic up to here is exact in any order, so that the bits must agree\n"
        "float64 supports eager"
    )
    return Comparison(True, Difference("proved", "values", text, float("inf"), "eager", _bits(name, left, at)))


def _bits(name: str, eager: np.ndarray, at: tuple[int, ...]) -> Claim:
    return Claim(name, at, eager[at].item(), 0.0)


def _decided(name: str, expected: Expected, eager: TensorValue, target: TensorValue) -> Comparison:
    bound, left, right = expected.bounds(), eager.array(), target.array()
    if bound is not None:
        wrong = (bound == 0) & (left != right)
        if wrong.any():
            at = _first(wrong)
            text = (
                f"{name}{list(at)}: target {right[at]}, eager and float64 {left[at]} ({_count(wrong)})\n"
                "no error within the bounds of its operands changes these elements\n"
                "float64 supports eager"
            )
            return Comparison(True, Difference("proved", "values", text, float("inf"), "eager", _bits(name, left, at)))
    mask = expected.mask()
    if not mask.any():
        if bound is not None and (bound == 0).any():
            return Comparison(True)
        return Comparison(False, note=f"{name}: every element may change with rounding")
    wrong = mask & (left != right)
    if not wrong.any():
        return Comparison(True)
    at = _first(wrong)
    text = (
        f"{name}{list(at)}: target {right[at]}, eager and float64 {left[at]} ({_count(wrong)})\n"
        "no rounding error that was tried changes these elements\n"
        "float64 supports eager"
    )
    return Comparison(True, Difference("suspect", "values", text, float(np.count_nonzero(wrong)), "eager"))


def _beyond(items: np.ndarray, reference: np.ndarray, bound: np.ndarray) -> tuple[int, ...] | None:
    """The element that exceeds its bound most, or None."""
    with np.errstate(all="ignore"):
        error = np.abs(items - reference)
        wrong = np.isfinite(bound) & ~(error <= bound)
        if not wrong.any():
            return None
        ratio = np.where(wrong, np.where(np.isfinite(error) & (bound > 0), error / bound, np.inf), 0.0)
    return tuple(int(i) for i in np.unravel_index(int(np.argmax(ratio)), ratio.shape))


def _outside(
    name: str, reference: np.ndarray, left: np.ndarray, right: np.ndarray, bound: np.ndarray
) -> Difference | None:
    """The proof that a target is wrong: an element that no honest evaluation gives; None if there is none."""
    at = _beyond(right, reference, bound)
    if at is None:
        return None
    with np.errstate(all="ignore"):
        error = np.abs(right - reference)
        count = np.count_nonzero(np.isfinite(bound) & ~(error <= bound))
        score = error[at] / bound[at] if bound[at] > 0 and np.isfinite(error[at]) else np.inf
    text = (
        f"{name}{list(at)}: target {right[at]:.9g}, eager {left[at]:.9g}, float64 {reference[at]:.17g} "
        f"({count} of {right.size} elements)\n"
        f"no honest evaluation is off by more than {bound[at]:.3g}: "
        f"target {error[at]:.3g}, eager {abs(left[at] - reference[at]):.3g}\n"
        "float64 supports eager"
    )
    claim = Claim(name, at, float(reference[at]), float(bound[at]))
    return Difference("proved", "values", text, float(score), "eager", claim)


def _rounded(name: str, expected: Expected, eager: TensorValue, target: TensorValue) -> Comparison:
    dtype = DTYPES[eager.dtype]
    reference, spread = expected.values(), expected.spreads()
    left, right = eager.array().astype(np.float64), target.array().astype(np.float64)
    with np.errstate(all="ignore"):
        eager_error, error = np.abs(left - reference), np.abs(right - reference)
    bound = expected.bounds()
    if bound is not None:
        if (at := _beyond(left, reference, bound)) is not None:
            text = f"{list(at)}: eager gives {left[at]:.9g}, float64 {reference[at]:.17g} ± {bound[at]:.3g}"
            return Comparison(False, note=f"{name}: eager itself is outside its bound", contested=text)
        if (proof := _outside(name, reference, left, right, bound)) is not None:
            return Comparison(True, proof)
    finite = np.isfinite(reference)
    usable = np.isfinite(spread)
    positions = ~finite & usable & _same(left, reference)
    if positions.any():
        wrong = positions & ~_same(right, reference)
        if wrong.any():
            at = _first(wrong)
            text = (
                f"{name}{list(at)}: target {right[at]:.9g}, eager and float64 {reference[at]} ({_count(wrong)})\n"
                "NaN or infinity belongs there: eager, float64 and float64 under rounding noise agree\n"
                "float64 supports eager"
            )
            return Comparison(True, Difference("suspect", "nonfinite", text, float("inf"), "eager"))
    judged = finite & usable & np.isfinite(left)
    if not judged.any():
        known = bool(positions.any()) or (bound is not None and bool(np.isfinite(bound).any()))
        return Comparison(known, note="" if known else f"{name}: no element is finite and stable under rounding")
    allowed, distrusted = _allowed(reference, spread, eager_error, judged, dtype.unit_roundoff, NEGLIGIBLE[dtype.name])
    if bound is not None:
        # Beyond the bound is proved, and has been; within it noise alone does not accuse.
        likely = np.maximum(CONFIRMED * allowed, ABSOLUTE[dtype.name])
        allowed = np.maximum(allowed, np.where(np.isfinite(bound), np.minimum(bound, likely), 0.0))
    # Near the largest number of the type, rounding decides about overflow.
    judged &= np.abs(reference) + allowed < dtype.high
    with np.errstate(all="ignore"):
        wrong = judged & ~(error <= allowed)
    if not wrong.any():
        return Comparison(True)
    with np.errstate(all="ignore"):
        ratio = np.where(wrong, np.where(np.isfinite(error), error / allowed, np.inf), 0.0)
    at = tuple(int(i) for i in np.unravel_index(int(np.argmax(ratio)), ratio.shape))
    supports = "eager" if eager_error[at] <= error[at] else "target"
    text = (
        f"{name}{list(at)}: target {right[at]:.9g}, eager {left[at]:.9g}, float64 {reference[at]:.17g} "
        f"({_count(wrong)})\n"
        f"errors: target {error[at]:.3g}, eager {eager_error[at]:.3g}; honest rounding explains {allowed[at]:.3g}\n"
        f"float64 supports {supports}"
    )
    if distrusted:
        return Comparison(False, note=f"{name}: eager itself is off by more than rounding explains")
    return Comparison(True, Difference("suspect", "values", text, float(ratio[at]), supports))


def _allowed(
    reference: np.ndarray, spread: np.ndarray, eager_error: np.ndarray, judged: np.ndarray, unit: float, tiny: float
) -> tuple[np.ndarray, bool]:
    """The error allowed per element, and whether eager itself exceeds it, so that the model of errors is wrong here."""
    size = np.abs(reference)
    known = spread[judged]
    touched = known > 0
    typical = relative = 0.0
    if touched.any():
        typical = _quantile(known[touched], TYPICAL)
        sizes = size[judged][touched]
        normal = sizes > tiny
        relative = _quantile(known[touched][normal] / sizes[normal], 0.5) if normal.any() else 0.0
    with np.errstate(all="ignore"):
        explained = FACTOR * np.maximum(np.maximum(spread, typical), relative * size) + ROUNDINGS * unit * size + tiny
        allowed = np.maximum(explained, FACTOR * eager_error)
        distrusted = bool((judged & (eager_error > explained)).any())
    return allowed, distrusted


def _quantile(values: np.ndarray, share: float) -> float:
    place = min(int(share * values.size), values.size - 1)
    return float(np.partition(values, place)[place])


def _first(wrong: np.ndarray) -> tuple[int, ...]:
    return tuple(int(i) for i in np.unravel_index(int(np.argmax(wrong)), wrong.shape))


def _count(wrong: np.ndarray) -> str:
    return f"{np.count_nonzero(wrong)} of {wrong.size} elements"
