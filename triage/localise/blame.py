"""What localisation finds, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

#: Results of trying a case in another way: the same failure, another one, none, or the target does not take it so.
FAILS, FAILS_OTHERWISE, PASSES, REFUSED = "fails", "fails otherwise", "passes", "refused"


@dataclass(frozen=True)
class Mitigation:
    """One way to compile the same case otherwise, and what came of it (one of the four words)."""

    name: str
    result: str


@dataclass(frozen=True)
class Divergence:
    """The first operator whose result is wrong when every intermediate is returned as well.

    ``reproduces`` says whether the failure still shows in that changed program: returning intermediates changes what
    a compiler fuses, so where it does not, ``operator`` is None and nothing follows from it.
    """

    operator: str | None
    value: str | None
    reproduces: bool
    explanation: str = ""


@dataclass(frozen=True)
class Blame:
    """Where a failure comes from.

    Attributes:
        stage: the component, in the target's own words (``vectorisation``, ``LegalizeOps``); '' if unknown.
        part: within the stage: a subsystem or option; '' if unknown.
        how: the methods that said so: ``stages``, ``bisector``, ``interpretation``, ``prefix``, ``removal``,
            ``options``, ``frames``.
        detail: for people: what the bisector's n-th application was, what differs behind a pass.
        mitigations: what was tried.
        divergence: which operator first diverges, where that was asked.
        frames: of a crash: the deepest native frames in the target's own libraries, outermost first.
        notes: what could not be found out, and why.
    """

    stage: str = ""
    part: str = ""
    how: tuple[str, ...] = ()
    detail: str = ""
    mitigations: tuple[Mitigation, ...] = ()
    divergence: Divergence | None = None
    frames: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    seconds: float = field(default=0.0, compare=False)

    @property
    def key(self) -> str:
        """What of the blame belongs into a signature."""
        return f"{self.stage}/{self.part}" if self.part else self.stage or "?"

    def to_data(self) -> dict[str, Any]:
        """As JSON."""
        return {**asdict(self), "key": self.key}

    @staticmethod
    def from_data(data: Mapping[str, Any]) -> Blame:
        """Inverse of ``to_data``."""
        divergence = data.get("divergence")
        return Blame(
            data["stage"], data["part"], tuple(data["how"]), data["detail"],
            tuple(Mitigation(**one) for one in data["mitigations"]),
            None if divergence is None else Divergence(**divergence),
            tuple(data["frames"]), tuple(data["notes"]), data.get("seconds", 0.0),
        )  # fmt: skip

    def with_notes(self, *notes: str) -> Blame:
        """The same with more notes."""
        return replace(self, notes=(*self.notes, *notes))
