"""Which orders of passes work: learnt from those that did and those that did not.

Compilers rarely write down what a pass needs. Two kinds of relations stand in for it: one pass stands somewhere before
another (which then may fail), and a pass stands where another has not been yet (which it may need). A pipeline that
works absolves all relations in it; one that fails puts blame on those that no working pipeline has shown, in
proportion to how suspicious they are already. That is credit assignment as in spectrum-based fault localisation
(J. Jones and M. J. Harrold, *Empirical Evaluation of the Tarantula Automatic Fault-Localization Technique*, ASE 2005),
kept as counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

Kind = Literal["before", "without"]
#: ``("before", a, b)``: an ``a`` stands before a ``b``. ``("without", a, b)``: a ``b`` has no ``a`` before it.
Relation = tuple[Kind, str, str]

#: How likely a relation is to be illegal that nothing is known of, and one that the space says is.
_UNKNOWN, _STATED = 0.02, 0.6
#: How many failures' whole blame the prior is worth, and how many such failures a success outweighs.
_PRIOR_WEIGHT, _SUCCESS = 1.0, 6.0


class Legality:
    """A model of which lists of passes are legal. ``after`` says for a pass what it is known to come after.

    Deterministic: the same observations in the same order give the same scores.
    """

    def __init__(self, after: Mapping[str, Sequence[str]] | None = None):
        self._after = {name: tuple(earlier) for name, earlier in (after or {}).items()}
        self._stated: set[Relation] = {("without", a, b) for b, earlier in self._after.items() for a in earlier}
        #: Every pass that has been seen, in the order of being seen: what a pass can be without.
        self._names: dict[str, None] = {name: None for b, earlier in self._after.items() for name in (*earlier, b)}
        self._good: dict[Relation, int] = {}
        self._blame: dict[Relation, float] = {}

    def score(self, passes: Sequence[str]) -> float:
        """How likely a list of passes is to work, from 0 to 1: to be compared with other lists, not a frequency."""
        result = 1.0
        for relation in self._relations(passes):
            result *= 1.0 - self.badness(relation)
        return result

    def badness(self, relation: Relation) -> float:
        """How likely a relation is to make pipelines fail."""
        prior = _STATED if relation in self._stated else _UNKNOWN
        blame, good = self._blame.get(relation, 0.0), self._good.get(relation, 0)
        return (prior * _PRIOR_WEIGHT + blame) / (_PRIOR_WEIGHT + blame + _SUCCESS * good)

    def learn(self, passes: Sequence[str], ok: bool) -> None:
        """Take account of a list of passes that has been tried."""
        self._names.update(dict.fromkeys(passes))
        found = list(self._relations(passes))
        if ok:
            for relation in found:
                self._good[relation] = self._good.get(relation, 0) + 1
            return
        # Something that has never worked is to blame; only if all of it has worked before, it may be anything.
        suspects = [relation for relation in found if not self._good.get(relation)] or found
        total = sum(self.badness(relation) for relation in suspects)
        shares = {relation: self.badness(relation) / total for relation in suspects} if total else {}
        for relation, share in shares.items():
            self._blame[relation] = self._blame.get(relation, 0.0) + share

    def _relations(self, passes: Sequence[str]) -> Iterator[Relation]:
        """Each relation in a list of passes once, in a fixed order."""
        seen: dict[str, None] = {}
        found: dict[Relation, None] = {}
        for name in passes:
            for earlier in seen:
                found["before", earlier, name] = None
            for other in self._names:
                if other not in seen and other != name:
                    found["without", other, name] = None
            seen[name] = None
        yield from found

    # ------------------------------------------------------------------------------------------------- as plain data

    def to_data(self) -> dict[str, Any]:
        """As nested lists, dicts, strings and numbers."""
        return {
            "after": {name: list(earlier) for name, earlier in self._after.items()},
            "names": list(self._names),
            "good": [[*relation, count] for relation, count in self._good.items()],
            "blame": [[*relation, share] for relation, share in self._blame.items()],
        }

    @staticmethod
    def from_data(data: Mapping[str, Any]) -> Legality:
        """Inverse of ``to_data``."""
        made = Legality(data["after"])
        made._names.update(dict.fromkeys(data["names"]))
        made._good = {(kind, a, b): int(count) for kind, a, b, count in data["good"]}
        made._blame = {(kind, a, b): float(share) for kind, a, b, share in data["blame"]}
        return made
