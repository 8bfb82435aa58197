"""One partial operator that calls may be made by: a usable rule, with what records say of its tensors' elements.

Thousands of them are looked at for each one that is called. So what a partial operator is chosen by is at hand, and the
rule itself, with its mathematics, is read when the first call is made. ``preparing`` makes what is read here.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from misfold.programs.dtypes import DTYPES
from misfold.programs.errors import MisfoldError, UsageError, one_line
from misfold.programs.lazy import lazy

from ..rules import Rule
from ..rules.dtypes import NAMES, DtypeRule, DtypeRules, spelled
from .domains import Domain, Table
from .sampler import Sampler

#: Bits of a partial operator's flags: small integers give results without rounding; the call writes an argument; the
#: first output has one element, while a tensor may have several.
EXACT, WRITES, REDUCES = 1, 2, 4
#: In place of the first output's rank, where that depends on the numbers.
ANY = -1


class Partial:
    """A partial operator.

    Attributes:
        op: the operator.
        types: the rule for element types; one object for all partial operators that share it.
        ranks: of the tensors, in order.
        out: rank of the first output, or ``ANY``.
        exact, writes, reduces: as the flags of the same name.
        single: whether all tensors have one element.
    """

    def __init__(
        self, op: str, types: DtypeRule, ranks: Sequence[int], out: int, flags: int, body: bytes, shared: Shared
    ):
        self.op = op
        self.types = types
        self.ranks = tuple(ranks)
        self.out = out
        self.exact = bool(flags & EXACT)
        self.writes = bool(flags & WRITES)
        self.reduces = bool(flags & REDUCES)
        self.single = not any(self.ranks)
        self._body = body
        self._shared = shared

    @lazy
    def _called(self) -> Called:
        """What the line says, which takes the line's place."""
        try:
            data = json.loads(self._body)
            rule = Rule.from_data(self.op, {**data, "scores": (), "evidence": ()}, self._shared.dtypes)
            names = tuple([hole.name for hole in rule.structure.tensors])
            domains = self._shared.domains
            rows = {spelled(types): tuple([domains[place] for place in row]) for types, row in data.get("like", ())}
            each = [{domains[place].dtype.name: domains[place] for place in row} for row in data.get("each", ())]
            known = [dict(zip(rule.symbols, row, strict=True)) for row in data["rows"]]
        except (MisfoldError, ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
            raise damaged(self.op, error) from None
        self._body = b""
        return Called(rule, Table(names, rows, tuple(each)), Sampler(rule, known))

    @property
    def rule(self) -> Rule:
        """The rule, without its evidence and scores."""
        return self._called.rule

    @property
    def table(self) -> Table:
        """Domains of the tensors."""
        return self._called.table

    @property
    def sampler(self) -> Sampler:
        """What draws numbers for the symbols."""
        return self._called.sampler


class Called(NamedTuple):
    """What a partial operator is called by."""

    rule: Rule
    table: Table
    sampler: Sampler


class Shared:
    """What the partial operators of one operator have in common."""

    def __init__(self, dtypes: Sequence[Any], domains: Sequence[Any]):
        self.dtypes, self._domains = DtypeRules(dtypes), domains

    @lazy
    def domains(self) -> list[Domain]:
        """Domains that they refer to by position."""
        return [
            Domain(recipe, DTYPES[NAMES[letter]], tuple(index), bool(edges))
            for recipe, letter, index, edges in self._domains
        ]


def read_partials(op: str, lines: Sequence[bytes]) -> list[Partial]:
    """The partial operators of an operator from its lines, the first of which has what they are chosen by.

    Raises:
        UsageError: the lines are damaged.
    """
    if not lines:
        return []
    try:
        head = json.loads(lines[0])
        shared = Shared(head["dtypes"], head["domains"])
        return [
            Partial(op, shared.dtypes.of(place, len(ranks)), ranks, out, flags, body, shared)
            for (place, ranks, out, flags), body in zip(head["partials"], lines[1:], strict=True)
        ]
    except (MisfoldError, ValueError, KeyError, TypeError, IndexError) as error:
        raise damaged(op, error) from None


def damaged(op: str, error: Exception) -> UsageError:
    """What is said of lines that are not what they should be."""
    return UsageError(f"not the prepared rules of {op}: {one_line(str(error))}; make them anew: misfold rules prepare")
