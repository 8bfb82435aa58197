"""Which fault a finding is of: the answer that deduplication and localisation are measured against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from .targets import PREFIX
from .witnesses import Shown, parse, show

#: The runs of a finding's case may take this much longer than a witness's.
SECONDS = 20.0
#: Where the versions of a finding name the faults that were on, separated by commas.
FAULTS = "faults"


@dataclass(frozen=True)
class Truth:
    """Faults without which a finding is gone.

    Attributes:
        faults: their names. Several: none of them alone is enough, or the case shows each.
        reproduced: whether the case fails with the faults on.
        without: whether it fails with none: then no fault is to blame, and it is a false alarm or a bug of the
            compiler's own.
    """

    faults: tuple[str, ...]
    reproduced: bool
    without: bool


def faults_of(finding: Any) -> tuple[str, ...]:
    """The faults that were on when a finding was made, as its target's name or its versions tell."""
    if finding.target.startswith(PREFIX):
        return (finding.target.removeprefix(PREFIX),)
    return tuple(filter(None, finding.versions.get(FAULTS, "").split(",")))


def ground_truth(finding: Any, on: Sequence[str] | None = None, seconds: float = SECONDS) -> Truth:
    """The faults that a finding is of.

    Args:
        finding: a row of a campaign's store (``misfold.fuzz.store.Finding``) of the compiler with faults. Its reduced
            case is taken, where there is one.
        on: the faults that were on; by default those of ``faults_of``.
        seconds: time limit of each run. There are up to 2 + 2 · the number of faults.
    """
    case = parse(finding.reduced or finding.text)
    case = replace(case, pipelines={"misfold": case.pipelines[finding.target]})

    def shown(names: Sequence[str]) -> Shown:
        return show(case, names, seconds=seconds)

    return _truth(shown, faults_of(finding) if on is None else on)


def _truth(shown: Any, on: Sequence[str]) -> Truth:
    whole = shown(on)
    if not whole.bad:
        return Truth((), False, False)
    if shown(()).bad:
        return Truth((), True, True)
    if len(on) == 1:
        return Truth(tuple(on), True, False)

    def same(other: Shown) -> bool:
        return other.bad and other.outcome == whole.outcome

    needed = [name for name in on if not same(shown([other for other in on if other != name]))]
    if not needed:  # each of several is enough
        needed = [name for name in on if same(shown([name]))]
    return Truth(tuple(needed), True, False)
