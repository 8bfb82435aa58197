"""Expressions of siblings: what holds for one partial operator of an API often holds for the next, moved a little.

A sibling has other ranks, shorter or longer lists and fewer arguments, so an expression is tried with the dimensions of
each tensor and the places in lists moved by a few, and with 0 or 1 for numbers that are not there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import product

import numpy as np

from ..rules.expressions import DIVISIONS, Const, Expression, Op, Sym, evaluate, op, symbols
from .linear import Budget

_PLACE = re.compile(r"^(.*)\[(\d+)\]$")
_SHIFTS = (0, 1, -1, 2, -2)
# The latest are tried first; more would cost more than a search.
_LIMIT = 16
# More numbers that a sibling lacks than these make it another operation.
_MAX_DEFAULTS = 3


class Hints:
    """Expressions found for one API so far, most recently useful first, and the API's budget for programs."""

    def __init__(self) -> None:
        self.budget = Budget()
        self._known: list[Expression] = []

    def add(self, expression: Expression) -> None:
        """Remember an expression; bare symbols and constants are found faster than remembered."""
        if isinstance(expression, Sym | Const) or _plain_broadcast(expression):
            return
        if expression in self._known:
            self._known.remove(expression)
        self._known.insert(0, expression)
        del self._known[_LIMIT:]

    def match(self, goal: np.ndarray, values: dict[str, np.ndarray]) -> Expression | None:
        """A known expression that gives the goal, with its symbols moved to ones that are there."""
        for known in self._known:
            for moved in variants(known, values):
                if bool(np.all(evaluate(moved, values) == goal)):
                    return moved
        return None


def _plain_broadcast(expression: Expression) -> bool:
    return isinstance(expression, Op) and expression.name == "broadcast"


def variants(expression: Expression, values: Mapping[str, np.ndarray]) -> Iterator[Expression]:
    """The expression with the places in its first symbol's list moved by some and those in all others by some; numbers
    that are not there stand at their usual defaults, 0 or 1."""
    names = list(dict.fromkeys(symbols(expression)))
    bases = list(dict.fromkeys(match[1] for name in names if (match := _PLACE.match(name))))
    seen: set[Expression] = set()
    for first in _SHIFTS:
        for rest in _SHIFTS if len(bases) > 1 else (0,):
            moves = {name: _move(name, first if bases and name.startswith(f"{bases[0]}[") else rest) for name in names}
            homes = {name: next((item for item in moves[name] if item in values), None) for name in names}
            missing = [name for name in names if homes[name] is None]
            if len(missing) == len(names) or len(missing) > _MAX_DEFAULTS:
                continue
            for defaults in product((0, 1), repeat=len(missing)):
                chosen = dict(zip(missing, defaults))
                moved = folded(
                    expression,
                    {name: Const(chosen[name]) if name in chosen else Sym(str(homes[name])) for name in names},
                )
                if moved is not None and moved not in seen and not isinstance(moved, Const):
                    seen.add(moved)
                    yield moved


def _move(name: str, shift: int) -> list[str]:
    """Where the symbol may be here: moved within its list, or a number where the sibling has a list."""
    match = _PLACE.match(name)
    if match is None:
        return [name, f"{name}[0]"]
    place = int(match[2]) + shift
    return ([f"{match[1]}[{place}]"] if place >= 0 else []) + [match[1]]


def folded(expression: Expression, changes: Mapping[str, Expression]) -> Expression | None:
    """The expression with symbols replaced and constants folded; None if that divides by zero."""
    if isinstance(expression, Sym):
        return changes[expression.name]
    if isinstance(expression, Op):
        parts = [folded(item, changes) for item in expression.operands]
        if None in parts or (expression.name in DIVISIONS and parts[-1] == Const(0)):
            return None
        return op(expression.name, *parts)  # type: ignore[arg-type]
    return expression
