"""Operators by their rules: partial operators and element types to call them with."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import accumulate
from random import Random

from misfold.programs.dtypes import DTYPES

from ..collect.domains import UNCHECKED
from ..placing import Source
from ..records import RecordBase
from ..rules import Rule, RuleBase
from ..undefined import last_name
from ..weighing import pick, weight_of
from .choice import RuleChoice
from .domains import Domains
from .sampler import Numbers, Sampler

# How often another combination is drawn when no value fits the first.
_AGAIN = 4


class Partial:
    """One usable rule, with its sampler and what records say of its tensors' elements."""

    def __init__(self, rule: Rule, domains: Domains):
        self.rule = rule
        self.domains = domains
        like = domains.like(rule.structure)
        self.exact = any(item.exact for item in like) if like else any(item.exact for item in domains.known)
        last = last_name(rule.structure.function)
        flagged = ("inplace", True) in rule.structure.kwargs
        self.writes = flagged or (last.endswith("_") and not last.endswith("__"))
        self._sampler: Sampler | None = None
        ranks = [hole.rank for hole in rule.structure.tensors]
        #: whether all tensors have one element
        self.single = not any(ranks)
        shapes = rule.cases[0].shapes
        #: whether the first output has one element, while a tensor may have several
        self.reduces = not self.single and len(rule.cases) == 1 and bool(shapes) and shapes[0] == ()

    @property
    def sampler(self) -> Sampler:
        if self._sampler is None:
            names = self.rule.symbols
            known: list[Numbers] = [dict(item.numbers) for item in self.domains.like(self.rule.structure)]
            known += [dict(zip(names, item.values)) for item in self.rule.evidence if not item.error]
            valid = [row for row in known if self.rule.valid(row)]
            self._sampler = Sampler(self.rule, valid)
        return self._sampler


class RuleOperator:
    """The choices that one operator gives under weights of element types."""

    def __init__(self, name: str, partials: Sequence[Partial], weights: Mapping[str, float], calls: Collection[str]):
        self.entries: list[tuple[Partial, list[tuple[str, ...]], list[float]]] = []
        for partial in partials:
            kept, sums = [], []
            for types in partial.rule.dtypes.combinations:
                weight = min((weights.get(item, 0.0) for item in types), default=1.0)
                if weight <= 0 or (calls and f"{name}({','.join(dict.fromkeys(types))})" not in calls):
                    continue
                kept.append(types)
                # Mixed types are worth having, but most combinations that run are mixed.
                sums.append(weight / (1.0 + 3.0 * (len(set(types)) - 1) * (len(types) > 1)))
            if kept:
                self.entries.append((partial, kept, list(accumulate(sums))))
        self._sums = list(accumulate([weight_of(item.single, item.reduces) for item, _, _ in self.entries]))

    def choice(self, random: Random, kinds: Collection[tuple[str, int]] = ()) -> RuleChoice | None:
        """A partial operator, those of one element less likely, with element types by their weights, preferably such
        as ``kinds`` (as in ``placing.Entry.fits``) fit; None if the weights leave nothing."""
        if not self.entries:
            return None
        first: RuleChoice | None = None
        for _ in range(1 + (_AGAIN if kinds else 0)):
            partial, combinations, sums = self.entries[pick(random, self._sums)]
            types = combinations[pick(random, sums)]
            fits = any((dtype, hole.rank) in kinds for dtype, hole in zip(types, partial.rule.structure.tensors))
            if fits or first is None:
                first = RuleChoice(partial, types)
            if fits or not kinds:
                break
        return first


class RuleSource:
    """Rules to make calls by, of operators that there are records of too: those say which elements an operator takes,
    and that it is deterministic."""

    def __init__(self, rules: RuleBase, records: Source):
        self._rules = rules
        self._records = records
        names = set(records.operators)
        self.operators = tuple(name for name in rules.operators if name in names)
        self._known = frozenset(self.operators)
        self._partials: dict[str, list[Partial]] = {}

    @staticmethod
    def load(records: Source | None = None) -> RuleSource:
        """The rules for the installed torch.

        Raises:
            UsageError: there are none, or no records.
        """
        return RuleSource(RuleBase.load(), records if records is not None else RecordBase.load())

    def __contains__(self, operator: object) -> bool:
        return operator in self._known

    def partials(self, operator: str) -> list[Partial]:
        """The operator's rules that calls may be made by."""
        found = self._partials.get(operator)
        if found is None:
            found = []
            if operator in self._known:
                records = [entry.record for entry in self._records.entries(operator)]
                domains = Domains([record for record in records if not record.dynamic])
                rules = self._rules.of(operator)
                # Where some sizes take eager down, a rule that is nearly right is not good enough.
                deadly = any(item.error.startswith("crash") for rule in rules for item in rule.evidence)
                found = [Partial(rule, domains) for rule in rules if not deadly and _serves(rule, domains)]
            self._partials[operator] = found
        return found

    def operator(
        self, name: str, weights: Mapping[str, float], calls: Collection[str] = (), exact: bool = False
    ) -> RuleOperator:
        """The choices that an operator gives. ``calls`` restricts them to ``op(type,type)``, if there are any;
        ``exact`` to those that give small integers for small integers."""
        partials = [partial for partial in self.partials(name) if partial.exact or not exact]
        return RuleOperator(name, partials, weights, calls)


def _serves(rule: Rule, domains: Domains) -> bool:
    if not rule.usable or any(shape is None for case in rule.cases for shape in case.shapes):
        return False
    last = last_name(rule.structure.function)
    if last.startswith("native_") or last.rstrip("_") in UNCHECKED:
        return False  # what torch calls these from has checked the sizes or elements; they themselves do not
    if not rule.structure.tensors:
        return False  # nothing comes in, so nothing but the call itself is tested
    if rule.values and not domains.like(rule.structure):
        return False  # only some elements are valid, and no record says which
    types = rule.dtypes.combinations
    return bool(types) and all(name in DTYPES for item in types for name in item) and bool(domains.known)
