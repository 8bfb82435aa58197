"""Two outcomes of one compiler that must agree: numpy only, for the campaign's own process.

By the triangle inequality, two honest answers are no further apart than the sum of both error bounds and of the
distance of what the bounds are around. Where a bound is missing, what honest rounding explains of each is added up in
the same way, and an excess is ``suspect``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from misfold.programs.dtypes import DTYPES
from misfold.targets.outcome import Outcome, TensorValue

from ..reference import Expected, Reference
from ..values import NEGLIGIBLE, _allowed
from ..verdict import Verdict


@dataclass(frozen=True)
class Side:
    """One of two tensors: what is expected of it, what eager gives, and what is looked at."""

    expected: Expected
    eager: TensorValue
    found: TensorValue


@dataclass(frozen=True)
class Apart:
    """How two tensors that must agree do not: how surely, the element, by how many times what is allowed."""

    kind: str
    text: str
    score: float


def compare_pair(
    name: str, first: Side, second: Side, words: tuple[str, str], strict: bool = False
) -> tuple[Apart | None, str]:
    """The difference, or None; and why nothing could be compared, or nothing.

    ``words`` are what the two sides are called. ``strict``: what the bounds are around may not be apart either. So is
    the relation itself checked; for an answer of a compiler, that distance is granted.
    """
    for side in (first, second):
        if side.expected.reason is not None:
            return None, f"{name}: {side.expected.reason}"
        if side.expected.contested is not None:
            return None, f"{name}: eager itself is outside its bound"
        if (side.found.dtype, tuple(side.found.shape)) != (first.eager.dtype, tuple(first.eager.shape)):
            return None, f"{name}: types differ"
    if first.found.data == second.found.data or not first.found.type.elements:
        return None, ""
    left, right = first.found.array(), second.found.array()
    if not DTYPES[first.eager.dtype].is_float:
        return _decided(name, first, second, left, right, words)
    wide = left.astype(np.float64), right.astype(np.float64)
    centres = [_centre(side) for side in (first, second)]
    bounds = [_bound(side) for side in (first, second)]
    if bounds[0] is not None and bounds[1] is not None:
        with np.errstate(all="ignore"):
            allowed = bounds[0] + bounds[1] + (0.0 if strict else np.abs(centres[0] - centres[1]))
        known = np.isfinite(allowed)
        apart = _furthest(name, "proved", wide, centres, allowed, known, words)
        if apart is not None or known.all():
            return apart, ""
    spreads = [_explained(side, centre) for side, centre in zip((first, second), centres)]
    if any(item is None for item in spreads):
        return None, f"{name}: eager itself is off by more than rounding explains"
    with np.errstate(all="ignore"):
        allowed = np.add(*spreads) + (0.0 if strict else np.abs(centres[0] - centres[1]))  # type: ignore[arg-type]
    known = np.isfinite(allowed) & np.isfinite(centres[0]) & np.isfinite(centres[1])
    known &= np.abs(centres[0]) + allowed < DTYPES[first.eager.dtype].high
    if not known.any():
        return None, f"{name}: no element is finite and stable under rounding"
    return _furthest(name, "suspect", wide, centres, allowed, known, words), ""


def _centre(side: Side) -> np.ndarray:
    return side.eager.array().astype(np.float64) if side.expected.exact else side.expected.values()


def _bound(side: Side) -> np.ndarray | None:
    return np.zeros(side.eager.shape) if side.expected.exact else side.expected.bounds()


def _explained(side: Side, centre: np.ndarray) -> np.ndarray | None:
    if side.expected.exact:
        return np.zeros(side.eager.shape)
    spread = side.expected.spreads()
    kind = DTYPES[side.eager.dtype]
    with np.errstate(all="ignore"):
        error = np.abs(side.eager.array().astype(np.float64) - centre)
    judged = np.isfinite(centre) & np.isfinite(spread) & np.isfinite(error)
    if not judged.any():
        return np.full(centre.shape, np.inf)
    allowed, distrusted = _allowed(centre, spread, error, judged, kind.unit_roundoff, NEGLIGIBLE[kind.name])
    return None if distrusted else np.where(judged, allowed, np.inf)


def _furthest(
    name: str,
    kind: str,
    wide: Sequence[np.ndarray],
    centres: Sequence[np.ndarray],
    allowed: np.ndarray,
    known: np.ndarray,
    words: tuple[str, str],
) -> Apart | None:
    with np.errstate(all="ignore"):
        distance = np.abs(wide[0] - wide[1])
        same = (wide[0] == wide[1]) | (np.isnan(wide[0]) & np.isnan(wide[1]))
        wrong = known & ~same & ~(distance <= allowed)
        if not wrong.any():
            return None
        ratio = np.where(wrong, np.where(np.isfinite(distance) & (allowed > 0), distance / allowed, np.inf), 0.0)
        at = tuple(int(i) for i in np.unravel_index(int(np.argmax(ratio)), ratio.shape))
        off = [abs(value[at] - centre[at]) for value, centre in zip(wide, centres)]
    # NaN is off by more than anything
    off = [item if np.isfinite(item) else np.inf for item in off]
    better = words[0] if off[0] <= off[1] else words[1]
    text = (
        f"{name}{list(at)}: {words[0]} {wide[0][at]:.9g}, {words[1]} {wide[1][at]:.9g}, "
        f"float64 {centres[0][at]:.17g} ({np.count_nonzero(wrong)} of {wrong.size} elements)\n"
        f"they are {distance[at]:.3g} apart; honest rounding of both explains {allowed[at]:.3g}\n"
        f"float64 supports the {better}"
    )
    return Apart(kind, text, float(ratio[at]))


def _decided(
    name: str, first: Side, second: Side, left: np.ndarray, right: np.ndarray, words: tuple[str, str]
) -> tuple[Apart | None, str]:
    sure, likely = np.ones(left.shape, bool), np.ones(left.shape, bool)
    for side in (first, second):
        if side.expected.exact:
            continue
        bound = side.expected.bounds()
        sure &= False if bound is None else bound == 0
        likely &= side.expected.mask()
    for kind, known in (("proved", sure), ("suspect", likely)):
        wrong = known & (left != right)
        if wrong.any():
            at = tuple(int(i) for i in np.unravel_index(int(np.argmax(wrong)), wrong.shape))
            better = words[0] if left[at] == first.eager.array()[at] else words[1]
            text = (
                f"{name}{list(at)}: {words[0]} {left[at]}, {words[1]} {right[at]} "
                f"({np.count_nonzero(wrong)} of {wrong.size} elements)\n"
                "no rounding error changes these elements in either program\n"
                f"eager supports the {better}"
            )
            return Apart(kind, text, float("inf")), ""
    return None, "" if (sure | likely).any() else f"{name}: every element may change with rounding"


#: Where one tensor stands: in lists of what is expected, of what eager gave, and of what is looked at.
_Place = tuple[Sequence[Expected | None], Sequence[TensorValue | None], Sequence[TensorValue | None], int]


@dataclass(frozen=True)
class Ran:
    """A program's expectations, eager's outcome, and the outcome that is looked at."""

    reference: Reference
    eager: Outcome
    outcome: Outcome


def compare_outcomes(
    original: Ran,
    variant: Ran,
    outputs: Sequence[int | None],
    gradients: bool,
    relation: str,
    strict: bool = False,
) -> Verdict:
    """The verdict on a pair of outcomes, both of which are values.

    ``outputs``: as of a ``Variant``; ``strict``: as of ``compare_pair``.
    """
    words = ("original", "variant")
    worst: dict[str, tuple[Apart, str]] = {}
    notes: list[str] = []
    pairs: list[tuple[str, list[_Place]]] = []
    for place, index in enumerate(outputs):
        if index is not None:
            lists: list[_Place] = [
                (side.reference.values, side.eager.values, side.outcome.values, at)
                for side, at in ((original, index), (variant, place))
            ]
            pairs.append((f"out{index}", lists))
    if gradients:
        pairs += [
            (
                f"grad{at}",
                [(s.reference.gradients, s.eager.gradients, s.outcome.gradients, at) for s in (original, variant)],
            )
            for at in range(len(original.outcome.gradients))
        ]
    compared = False
    for name, lists in pairs:
        sides = []
        for expected, eager, found, at in lists:
            if at < min(len(expected), len(eager), len(found)) and None not in (expected[at], eager[at], found[at]):
                sides.append(Side(expected[at], eager[at], found[at]))  # type: ignore[arg-type]
        if len(sides) < 2:
            continue
        apart, note = compare_pair(name, sides[0], sides[1], words, strict)
        compared |= not note
        if note:
            notes.append(note)
        if apart is not None and (apart.kind not in worst or apart.score > worst[apart.kind][0].score):
            worst[apart.kind] = apart, name
    for kind in ("proved", "suspect"):
        if kind in worst:
            apart, name = worst[kind]
            return Verdict(kind, relation, apart.text, name, score=apart.score)
    return Verdict("ok" if compared else "undecided", relation, "\n".join(notes[:3]))
