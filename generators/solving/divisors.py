"""Which symbols of a rule stand inside divisors: there z3 divides as rules do only where they are positive."""

from __future__ import annotations

from ..rules.constraints import expressions
from ..rules.expressions import DIVISIONS, Expression, Op, children, symbols
from ..rules.rule import Rule


def divisors(rule: Rule) -> set[str]:
    """The names of the symbols by which something is divided in the rule."""
    found: set[str] = set()

    def walk(item: Expression) -> None:
        if isinstance(item, Op) and item.name in DIVISIONS:
            found.update(symbols(item.operands[1]))
        for part in children(item):
            walk(part)

    for case in rule.cases:
        for shape in case.shapes:
            for dim in shape or ():
                walk(dim)
    for constraint in rule.constraints:
        for side in expressions(constraint):
            walk(side)
    return found
