"""Expressions and constraints as functions of a list of numbers: what is evaluated thousands of times a second.

``rules.expressions.evaluate`` walks an expression and looks symbols up by name; here that is done once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..rules.constraints import AnyOf, Comparison, Constraint
from ..rules.expressions import COMPARISONS, OPERATIONS, Const, Expression, If, Op, Sym, Undefined, symbols

#: A number from the list of the symbols' numbers.
Function = Callable[[Sequence[Any]], Any]


def compiled(expression: Expression, places: Mapping[str, int]) -> Function:
    """The expression as a function; ``places`` has the position of each symbol in the list. The function raises
    ``Undefined`` where it divides by zero, and TypeError where a number is missing (None).

    Raises:
        KeyError: a symbol has no place.
    """
    if isinstance(expression, Const):
        value = expression.value
        return lambda numbers: value
    if isinstance(expression, Sym):
        place = places[expression.name]
        return lambda numbers: numbers[place]
    if isinstance(expression, If):
        test = COMPARISONS[expression.comparison]
        left, right = compiled(expression.left, places), compiled(expression.right, places)
        then, other = compiled(expression.then, places), compiled(expression.other, places)
        return lambda numbers: then(numbers) if test(left(numbers), right(numbers)) else other(numbers)
    return _operation(expression, places)


def _operation(expression: Op, places: Mapping[str, int]) -> Function:
    function = OPERATIONS[expression.name]
    items = [compiled(item, places) for item in expression.operands]
    if len(items) == 1:
        only = items[0]
        return lambda numbers: function(only(numbers))
    one, two = items
    return lambda numbers: function(one(numbers), two(numbers))


@dataclass(frozen=True)
class Side:
    """A comparison: its name, both sides, the places of the symbols in it, and whether it holds for a list of numbers;
    what divides by zero does not."""

    name: str
    left: Function
    right: Function
    places: tuple[int, ...]
    holds: Callable[[Sequence[Any]], bool]

    def root(self, numbers: list[Any], place: int) -> int | None:
        """The integer at ``place`` that makes both sides equal, if they are linear in it; the list stays as it was."""
        before = numbers[place]
        try:
            numbers[place] = 1
            at_one = self.left(numbers) - self.right(numbers)
            numbers[place] = 2
            at_two = self.left(numbers) - self.right(numbers)
            slope = at_two - at_one
            if not slope or not float(at_one / slope).is_integer():
                return None
            found = 1 - int(at_one / slope)
            numbers[place] = found
            return found if self.left(numbers) == self.right(numbers) else None
        except (Undefined, OverflowError):
            return None
        finally:
            numbers[place] = before


@dataclass(frozen=True)
class Check:
    """A constraint: at least one of its sides holds."""

    sides: tuple[Side, ...]
    places: tuple[int, ...]
    holds: Callable[[Sequence[Any]], bool]


def compiled_check(constraint: Constraint, places: Mapping[str, int]) -> Check:
    """The constraint as a function.

    Raises:
        KeyError: a symbol has no place.
    """
    options = constraint.options if isinstance(constraint, AnyOf) else (constraint,)
    sides = tuple(_side(item, places) for item in options)
    tests = [side.holds for side in sides]
    holds = tests[0] if len(tests) == 1 else lambda numbers: any(test(numbers) for test in tests)
    return Check(sides, tuple(sorted({place for side in sides for place in side.places})), holds)


def _side(item: Comparison, places: Mapping[str, int]) -> Side:
    names = dict.fromkeys((*symbols(item.left), *symbols(item.right)))
    left, right, test = compiled(item.left, places), compiled(item.right, places), COMPARISONS[item.name]

    def holds(numbers: Sequence[Any]) -> bool:
        try:
            return bool(test(left(numbers), right(numbers)))
        except Undefined:
            return False

    return Side(item.name, left, right, tuple(places[name] for name in names), holds)
