"""From rules and records what calls by rules are made from: which rules serve, and on what elements.

Rules are read as mathematics and records as programs, which takes some 15 ms an operator; the package ships what comes
out of its own (``prepared``).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import Any

from misfold.programs.dtypes import DTYPES

from ..collect.domains import UNCHECKED
from ..records import Record
from ..rules import Rule
from ..rules.dtypes import LETTERS, word
from ..undefined import last_name
from .domains import Domain, Domains, Table
from .partial import ANY, EXACT, REDUCES, WRITES


def prepare(op: str, rules: Sequence[Rule], records: Collection[Record]) -> list[bytes]:
    """The lines of one operator: what its partial operators are chosen by, and then one for each of them; none if no
    call may be made by its rules."""
    domains = Domains([record for record in records if not record.dynamic])
    # Where some sizes take eager down, a rule that is nearly right is not good enough.
    if any(item.error.startswith("crash") for rule in rules for item in rule.evidence):
        return []
    shared = _Shared()
    heads, bodies = [], []
    for rule in rules:
        table = domains.table(rule.structure) if _serves(rule, domains) else None
        if table is None:
            continue
        like = domains.like(rule.structure)
        exact = any(item.exact for item in like or domains.known)
        shape = rule.cases[0].shapes[0] if len(rule.cases) == 1 and rule.cases[0].count is None else None
        ranks = [hole.rank for hole in rule.structure.tensors]
        flags = EXACT * exact | WRITES * _writes(rule) | REDUCES * _reduces(rule)
        heads.append([shared.dtypes(rule), ranks, ANY if shape is None else len(shape), flags])
        rows = [dict(item.numbers) for item in like]
        rows += [dict(zip(rule.symbols, item.values)) for item in rule.evidence if not item.error]
        data = rule.to_data(shared.dtypes(rule))
        del data["scores"], data["evidence"]
        data["rows"] = [[row[name] for name in rule.symbols] for row in rows if rule.valid(row)]
        bodies.append({**data, **shared.table(table)})
    if not heads:
        return []
    head = {"dtypes": shared.dtype_rules, "domains": shared.domains, "partials": heads}
    return [json.dumps(item, separators=(",", ":")).encode() for item in (head, *bodies)]


class _Shared:
    """What several partial operators have in common is written once, and referred to by its position."""

    def __init__(self) -> None:
        self.dtype_rules: list[Any] = []
        self.domains: list[Any] = []
        self._places: dict[str, int] = {}

    def _place(self, data: Any, items: list[Any]) -> int:
        text = json.dumps(data, sort_keys=True)
        if text not in self._places:
            self._places[text] = len(items)
            items.append(data)
        return self._places[text]

    def dtypes(self, rule: Rule) -> int:
        """The position of the rule's part for element types."""
        return self._place(rule.dtypes.to_data(), self.dtype_rules)

    def domain(self, item: Domain) -> int:
        """The position of a domain."""
        data = [dict(item.recipe), LETTERS[item.dtype.name], list(item.index), int(item.edges)]
        return self._place(data, self.domains)

    def table(self, table: Table) -> dict[str, Any]:
        """What a partial operator's line says of its tensors' elements."""
        if table.rows:
            return {"like": [[word(types), list(map(self.domain, row))] for types, row in table.rows.items()]}
        return {"each": [list(map(self.domain, options.values())) for options in table.each]}


def _writes(rule: Rule) -> bool:
    last = last_name(rule.structure.function)
    return ("inplace", True) in rule.structure.kwargs or (last.endswith("_") and not last.endswith("__"))


def _reduces(rule: Rule) -> bool:
    shapes = rule.cases[0].shapes
    several = any(hole.rank for hole in rule.structure.tensors)
    return several and len(rule.cases) == 1 and bool(shapes) and shapes[0] == ()


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
