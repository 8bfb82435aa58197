"""Operators by their rules: partial operators and element types to call them with."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import accumulate
from random import Random

from misfold.programs.errors import UsageError

from ..placing import Source
from ..records import RecordBase
from ..rules import RuleBase
from ..rules.dtypes import DtypeRule, Types
from ..weighing import at as place_at
from ..weighing import near, pick, weight_of
from . import prepared
from .choice import RuleChoice
from .partial import Partial, read_partials
from .preparing import prepare

# How often another combination is drawn when no value fits the first.
_AGAIN = 3
# How often of these its element types are near the first.
_NEAR = 3


class RuleOperator:
    """The choices that one operator gives under weights of element types."""

    def __init__(self, name: str, partials: Sequence[Partial], weights: Mapping[str, float], calls: Collection[str]):
        self.entries: list[tuple[Partial, list[Types], list[float]]] = []
        found: dict[int, tuple[list[Types], list[float]]] = {}
        for partial in partials:
            # Partial operators share rules for element types.
            key = id(partial.types)
            if key not in found:
                found[key] = _weighed(name, partial.types, weights, calls)
            if found[key][0]:
                self.entries.append((partial, *found[key]))
        self._sums = list(accumulate([weight_of(item.single, item.reduces) for item, _, _ in self.entries]))

    def choice(
        self, random: Random, kinds: Collection[tuple[str, int]] = (), at: float | None = None
    ) -> RuleChoice | None:
        """A partial operator, those of one element less likely, with element types by their weights, preferably such
        as ``kinds`` (as in ``placing.Entry.fits``) fit; None if the weights leave nothing. ``at``: the place among the
        element types, from 0 to 1, that is tried first, and about which most others are."""
        if not self.entries:
            return None
        first: RuleChoice | None = None
        for turn in range(1 + (_AGAIN if kinds else 0)):
            partial, combinations, sums = self.entries[pick(random, self._sums)]
            if turn == 0 and at is not None:
                types = combinations[place_at(at, sums)]
            else:
                types = combinations[near(random, at if turn <= _NEAR else None, sums)]
            made = RuleChoice(partial, types)
            fits = made.fits(kinds)
            if fits or first is None:
                first = made
            if fits or not kinds:
                break
        return first


def _weighed(
    name: str, rule: DtypeRule, weights: Mapping[str, float], calls: Collection[str]
) -> tuple[list[Types], list[float]]:
    """Combinations of element types that have a weight and are among ``calls``, if there are any, with the running
    totals of their weights."""
    kept, found = [], []
    for types in rule.combinations:
        weight = min((weights.get(item, 0.0) for item in types), default=1.0)
        if weight <= 0 or (calls and f"{name}({','.join(dict.fromkeys(types))})" not in calls):
            continue
        kept.append(types)
        # Mixed types are worth having, but most combinations that run are mixed.
        found.append(weight / (1.0 + 3.0 * (len(set(types)) - 1) * (len(types) > 1)))
    return kept, list(accumulate(found))


class RuleSource:
    """Rules to make calls by, of operators that there are records of too: those say which elements an operator takes,
    and that it is deterministic. ``lines``: those of ``preparing.prepare`` for all operators, where they are known
    already."""

    def __init__(self, rules: RuleBase, records: Source, lines: Mapping[str, Sequence[bytes]] | None = None):
        self._rules = rules
        self._records = records
        self._prepared = lines
        names = set(records.operators)
        self.operators = tuple(name for name in rules.operators if name in names)
        self._known = frozenset(self.operators)
        self._partials: dict[str, list[Partial]] = {}

    @staticmethod
    def load(records: Source | None = None) -> RuleSource:
        """The rules for the installed torch, prepared as the package ships them where the records are its own too.

        Raises:
            UsageError: there are none, or no records.
        """
        try:
            rules = RuleBase.load()
        except UsageError as error:
            raise UsageError(f"{error}; or call operators as recorded: --source records") from error
        records = records if records is not None else RecordBase.load()
        known = records.digest if isinstance(records, RecordBase) else ""
        return RuleSource(rules, records, prepared.load(rules.version, rules.digest, known))

    def __contains__(self, operator: object) -> bool:
        return operator in self._known

    def lines(self, operator: str) -> Sequence[bytes]:
        """What calls of an operator are made from, as ``preparing.prepare`` gives it."""
        if self._prepared is not None:
            return self._prepared.get(operator, ())
        records = [entry.record for entry in self._records.entries(operator)]
        return prepare(operator, self._rules.of(operator), records)

    def partials(self, operator: str) -> list[Partial]:
        """The operator's rules that calls may be made by."""
        found = self._partials.get(operator)
        if found is None:
            lines = self.lines(operator) if operator in self._known else []
            found = self._partials[operator] = read_partials(operator, lines)
        return found

    def operator(
        self, name: str, weights: Mapping[str, float], calls: Collection[str] = (), exact: bool = False
    ) -> RuleOperator:
        """The choices that an operator gives. ``calls`` restricts them to ``op(type,type)``, if there are any;
        ``exact`` to those that give small integers for small integers."""
        partials = [partial for partial in self.partials(name) if partial.exact or not exact]
        return RuleOperator(name, partials, weights, calls)
