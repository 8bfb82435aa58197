"""How a rule fares on calls that it has never seen."""

from __future__ import annotations

from collections.abc import Sequence

from misfold.programs.errors import MisfoldError

from ..rules.expressions import Undefined
from ..rules.rule import Rule, Scores
from .partials import Row


def score(rule: Rule, rows: Sequence[Row]) -> Scores:
    """Counts of agreement over executed calls."""
    counts = dict.fromkeys(("accepted", "wrong", "missed", "refused", "shapes", "dtypes"), 0)
    if not rule.cases:
        return Scores()
    for row in rows:
        values = dict(zip(rule.symbols, row.values))
        if not rule.valid(values, row.dtypes):
            counts["missed" if row.valid else "refused"] += 1
            continue
        if not row.valid:
            counts["wrong"] += 1
            continue
        counts["accepted"] += 1
        try:
            counts["shapes"] += rule.output_shapes(values) == row.shapes
            case = rule.case(values)
            names = rule.dtypes.outputs(row.dtypes, len(row.shapes) if case.count is not None else None)
            counts["dtypes"] += names == row.names
        except (Undefined, MisfoldError):
            continue
    return Scores(**counts)
