"""Which records pin a rule down: the fewest that would have told its expressions and constraints from simpler ones."""

from __future__ import annotations

from ..rules.constraints import holds
from ..rules.rule import Evidence
from .learning import Learner
from .partials import Row, columns

# Valid records that are shown with a rule; the rest would say the same.
_VALID = 3


def pins(learner: Learner) -> tuple[Evidence, ...]:
    """Valid records that differ in as many symbols as possible, and for each constraint an invalid one that it alone
    refuses, or that it refuses at all."""
    partial = learner.partial
    chosen: list[Row] = []
    rest = sorted(
        {row.values: row for row in partial.valid}.values(), key=lambda row: (sum(map(abs, row.values)), row.values)
    )
    while rest and len(chosen) < _VALID:
        # The one that differs from all chosen ones in most symbols; the smallest of those.
        best = max(rest, key=lambda row: min((_differs(row, other) for other in chosen), default=_spread(row)))
        chosen.append(best)
        rest.remove(best)
    found = [Evidence(row.values, row.dtypes) for row in chosen]
    model, structure = learner.model, partial.structure
    invalid = sorted(partial.invalid, key=lambda row: (sum(map(abs, row.values)), row.values))
    if not (invalid and model.constraints):
        return tuple(found)
    values = columns(structure.symbols, structure.floats, invalid)
    refuses = [
        ~(holds(item, values) | (values[structure.symbols[0]] != values[structure.symbols[0]]))
        for item in model.constraints
    ]
    counts = sum(item.astype(int) for item in refuses)
    for item in refuses:
        places = item.nonzero()[0]
        if len(places):
            row = invalid[min(places, key=lambda place: (counts[place], place))]
            evidence = Evidence(row.values, row.dtypes, row.error)
            if evidence not in found:
                found.append(evidence)
    return tuple(found)


def _spread(row: Row) -> int:
    return len(set(row.values))


def _differs(one: Row, two: Row) -> int:
    return sum(left != right for left, right in zip(one.values, two.values))
