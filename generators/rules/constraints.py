"""What has to hold for a call to be valid: comparisons of expressions, and disjunctions of a few of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from .expressions import COMPARISONS, Expression, Sym, Undefined, Values, evaluate, rewrite, size, symbols


@dataclass(frozen=True)
class Comparison:
    """``left NAME right`` with a name of ``COMPARISONS``."""

    name: str
    left: Expression
    right: Expression


@dataclass(frozen=True)
class AnyOf:
    """At least one of the options holds."""

    options: tuple[Comparison, ...]


Constraint = Comparison | AnyOf


def holds(constraint: Constraint, values: Values) -> Any:
    """Whether the constraint holds: a bool for plain numbers, a vector of them for vectors. What divides by zero does
    not hold.

    Raises:
        KeyError: a symbol has no value.
    """
    if isinstance(constraint, AnyOf):
        result: Any = False
        for option in constraint.options:
            result = result | holds(option, values)
        return result
    try:
        left, right = evaluate(constraint.left, values), evaluate(constraint.right, values)
    except Undefined:
        return False
    found = COMPARISONS[constraint.name](left, right)
    return found if isinstance(found, np.ndarray) else bool(found)


def comparisons(constraint: Constraint) -> tuple[Comparison, ...]:
    """The constraint's comparisons."""
    return constraint.options if isinstance(constraint, AnyOf) else (constraint,)


def expressions(constraint: Constraint) -> Iterator[Expression]:
    """Both sides of all comparisons."""
    for item in comparisons(constraint):
        yield item.left
        yield item.right


def constraint_size(constraint: Constraint) -> int:
    """Number of constants, symbols, operations and comparisons in it."""
    return sum(1 + size(item.left) + size(item.right) for item in comparisons(constraint))


def constraint_symbols(constraint: Constraint) -> set[str]:
    """The names of the symbols in it."""
    return {name for item in expressions(constraint) for name in symbols(item)}


def rewrite_constraint(constraint: Constraint, change: Callable[[Sym], Expression]) -> Constraint:
    """The same with every symbol replaced by what ``change`` gives for it."""
    changed = tuple(
        Comparison(item.name, rewrite(item.left, change), rewrite(item.right, change))
        for item in comparisons(constraint)
    )
    return AnyOf(changed) if isinstance(constraint, AnyOf) else changed[0]
