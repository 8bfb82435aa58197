"""Verdicts: what an oracle says of an outcome."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

#: ``proved``: wrong by a sound argument. ``suspect``: far beyond what honest rounding explains; wants more evidence.
#: ``undecided``: nothing can be said, and the explanation says why.
VERDICTS = ("ok", "proved", "suspect", "undecided")


@dataclass(frozen=True)
class Claim:
    """What proves a value wrong: in any honest evaluation element ``at`` of ``output`` (named as in a ``Verdict``) is
    within ``bound`` of ``value``.

    A ``bound`` of 0 asks for eager's very bits, zeros of either sign being equal and ``value`` being eager's.
    """

    output: str
    at: tuple[int, ...]
    value: float
    bound: float

    def to_data(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self) | {"at": list(self.at)}

    @staticmethod
    def from_data(data: Mapping[str, Any]) -> Claim:
        """Inverse of ``to_data``."""
        return Claim(data["output"], tuple(data["at"]), data["value"], data["bound"])


@dataclass(frozen=True)
class Verdict:
    """One oracle's judgement.

    ``oracle`` names what was violated: ``crash``, ``hang``, ``memory``, ``compile``, ``run``, ``shape``, ``dtype``,
    ``outputs`` (their number), ``aliasing``, ``strides``, ``mutation``, ``values``, ``gradients``, ``nonfinite``,
    ``nondeterminism``; for ``ok`` and ``undecided`` what was looked at last. ``explanation`` has at most three lines.
    ``output`` is ``out0``, ``grad1`` or ``x2``. ``supports`` is the side that float64 supports, ``"eager"`` or
    ``"target"``, where values were compared. ``score`` is how many times the allowed error was exceeded. ``claim`` is
    what a proof rests on that a number is wrong.
    """

    kind: str
    oracle: str
    explanation: str = ""
    output: str | None = None
    supports: str | None = None
    score: float = 0.0
    claim: Claim | None = None

    @property
    def bad(self) -> bool:
        """Whether this asks for a finding."""
        return self.kind in ("proved", "suspect")
