"""The choices of the joint loop. Each is one option, so that each can be taken away and what it was worth measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from misfold.programs.errors import UsageError


@dataclass(frozen=True)
class LoopSettings:
    """Shares are from 0 to 1.

    Attributes:
        guided: keep what reached something new, and only that. Without it every valid program is kept as likely.
        programs: mutate programs.
        pipelines: mutate pipelines.
        random_pipelines: draw passes at random instead of mutating pipelines that were kept.
        specific: use the mutators that know about compilers, and not only the general ones.
        stalls: how often in a row an entry's program may be mutated in vain before its pipeline is (N_max of the paper,
            which takes 4).
        fresh: share of programs that are generated anew.
        bandit: choose mutators by what they earned; without it all are as likely.
        rarity: choose entries by how rarely what they reached is reached; without it all are as likely.
        corpus: most entries kept; those that earned least go first.
        seeds: share of fresh programs that only the target itself can hold (TVM: operators of its libraries, legalised
            and scheduled), where it takes such.
    """

    guided: bool = True
    programs: bool = True
    pipelines: bool = True
    random_pipelines: bool = False
    specific: bool = True
    stalls: int = 4
    fresh: float = 0.2
    bandit: bool = True
    rarity: bool = True
    corpus: int = 2000
    seeds: float = 0.4

    def to_data(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def from_data(data: Mapping[str, Any]) -> LoopSettings:
        """Settings out of plain data.

        Raises:
            UsageError: a name is unknown or a value does not fit.
        """
        known = {one.name: one for one in fields(LoopSettings)}
        for name, value in data.items():
            if name not in known:
                raise UsageError(f"the joint loop has no setting {name!r}; it has: {', '.join(known)}")
            wanted = type(known[name].default)
            if not (type(value) is wanted or (wanted is float and type(value) is int)):
                raise UsageError(f"{name} must be of type {wanted.__name__}, not {value!r}")
        made = LoopSettings(**data)
        if made.stalls < 1 or made.corpus < 1 or not 0 <= made.fresh <= 1 or not 0 <= made.seeds <= 1:
            raise UsageError("stalls and corpus must be at least 1, fresh and seeds from 0 to 1")
        return made
