"""What documentation says of a parameter: constraints, each with the sentence that it was read from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from .labels import CATEGORIES


@dataclass(frozen=True)
class Parameter:
    """One parameter as documented. ``type`` is the documented type, ``default`` the default as text, None if none.

    ``where`` says in what the text stands, as ``torch.nn.functional.pad: Args``.
    """

    api: str
    name: str
    type: str = ""
    description: str = ""
    default: str | None = None
    where: str = ""
    keyword_only: bool = False


@dataclass(frozen=True)
class Fact:
    """One constraint. ``category`` is dtype, structure, ndim, shape, range, enum, optional, default or relation.

    ``quote`` is the sentence it was read from, ``field`` where that stood (text, type, default), ``score`` how sure the
    rules are of it (0 to 1), ``patterns`` those that speak for it most.
    """

    category: str
    value: str
    quote: str = ""
    field: str = "text"
    score: float = 1.0
    patterns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Constraints:
    """A parameter with all that its documentation was understood to say."""

    parameter: Parameter
    facts: tuple[Fact, ...] = field(default=())

    def of(self, *categories: str) -> tuple[Fact, ...]:
        """The facts of some categories, the surest first."""
        found = [fact for fact in self.facts if fact.category in categories]
        return tuple(sorted(found, key=lambda fact: -fact.score))

    def values(self, category: str) -> tuple[str, ...]:
        """The values of one category without repetitions, the surest first."""
        return tuple(dict.fromkeys(fact.value for fact in self.of(category)))

    @property
    def constrained(self) -> bool:
        """Whether anything is known beyond that the parameter may be left out."""
        return any(fact.category in (*CATEGORIES, "relation") for fact in self.facts)

    def to_data(self) -> dict[str, Any]:
        """As plain data for JSON."""
        return {**asdict(self.parameter), "facts": [asdict(fact) for fact in self.facts]}


def strongest(facts: Iterable[Fact]) -> tuple[Fact, ...]:
    """One fact per category and value: the one that the rules are surest of."""
    best: dict[tuple[str, str], Fact] = {}
    for fact in facts:
        known = best.get((fact.category, fact.value))
        if known is None or fact.score > known.score:
            best[fact.category, fact.value] = fact
    return tuple(best.values())
