"""Verdicts: what an oracle says of an outcome."""

from __future__ import annotations

from dataclasses import dataclass

#: ``proved``: wrong by a sound argument. ``suspect``: far beyond what honest rounding explains; wants more evidence.
#: ``undecided``: nothing can be said, and the explanation says why.
VERDICTS = ("ok", "proved", "suspect", "undecided")


@dataclass(frozen=True)
class Verdict:
    """One oracle's judgement.

    ``oracle`` names what was violated: ``crash``, ``hang``, ``memory``, ``compile``, ``run``, ``shape``, ``dtype``,
    ``outputs`` (their number), ``aliasing``, ``strides``, ``mutation``, ``values``, ``gradients``, ``nonfinite``,
    ``nondeterminism``; for ``ok`` and ``undecided`` what was looked at last. ``explanation`` has at most three lines.
    ``output`` is ``out0``, ``grad1`` or ``x2``. ``supports`` is the side that float64 supports, ``"eager"`` or
    ``"target"``, where values were compared. ``score`` is how many times the allowed error was exceeded.
    """

    kind: str
    oracle: str
    explanation: str = ""
    output: str | None = None
    supports: str | None = None
    score: float = 0.0

    @property
    def bad(self) -> bool:
        """Whether this asks for a finding."""
        return self.kind in ("proved", "suspect")
