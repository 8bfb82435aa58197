"""Integer expressions over the symbols of a call: what a rule says about an output's dimensions.

Small frozen dataclasses, evaluated by ``evaluate`` over plain numbers or, row by row, over numpy vectors; never through
the text. Division rounds down, as Python's and numpy's does. ``broadcast(a, b)`` is the size that torch's broadcasting
gives for two sizes that fit: ``b`` where ``a`` is 1, else ``a``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

#: A number, or a vector with one number a row.
Number = Any
Values = Mapping[str, Number]


class Undefined(ArithmeticError):
    """The expression has no value for these symbols: a division by zero."""


@dataclass(frozen=True)
class Const:
    """A number."""

    value: int | float


@dataclass(frozen=True)
class Sym:
    """A symbol: a dimension, a list element, an integer or a float argument."""

    name: str


@dataclass(frozen=True)
class Op:
    """An operation of ``OPERATIONS`` on its operands, two or (``abs``, ``floor``, ``ceil``) one."""

    name: str
    operands: tuple[Expression, ...]

    @cached_property
    def size(self) -> int:
        return 1 + sum(map(size, self.operands))


@dataclass(frozen=True)
class If:
    """``then`` where the comparison ``left OP right`` holds, else ``other``."""

    comparison: str
    left: Expression
    right: Expression
    then: Expression
    other: Expression


Expression = Const | Sym | Op | If


def _floordiv(left: Number, right: Number) -> Number:
    if isinstance(right, np.ndarray):
        with np.errstate(divide="ignore", invalid="ignore"):
            return left // np.where(right == 0, 1, right)
    if right == 0:
        raise Undefined("division by zero")
    return left // right


def _mod(left: Number, right: Number) -> Number:
    if isinstance(right, np.ndarray):
        return left % np.where(right == 0, 1, right)
    if right == 0:
        raise Undefined("division by zero")
    return left % right


def _divide(left: Number, right: Number) -> Number:
    if isinstance(right, np.ndarray):
        return left / np.where(right == 0, 1, right)
    if right == 0:
        raise Undefined("division by zero")
    return left / right


def _vector(*items: Number) -> bool:
    return any(isinstance(item, np.ndarray) for item in items)


def _broadcast(left: Number, right: Number) -> Number:
    return np.where(left == 1, right, left) if _vector(left, right) else (right if left == 1 else left)


def _min(left: Number, right: Number) -> Number:
    return np.minimum(left, right) if _vector(left, right) else min(left, right)


def _max(left: Number, right: Number) -> Number:
    return np.maximum(left, right) if _vector(left, right) else max(left, right)


def _floor(item: Number) -> Number:
    return np.floor(item).astype(np.int64) if _vector(item) else int(np.floor(item))


def _ceil(item: Number) -> Number:
    return np.ceil(item).astype(np.int64) if _vector(item) else int(np.ceil(item))


#: What the operations do, by name; ``/`` is the exact quotient, for what ``floor`` and ``ceil`` round.
OPERATIONS: dict[str, Callable[..., Number]] = {
    "+": lambda left, right: left + right,
    "-": lambda left, right: left - right,
    "*": lambda left, right: left * right,
    "//": _floordiv,
    "%": _mod,
    "/": _divide,
    "ceildiv": lambda left, right: -_floordiv(-left, right),
    "min": _min,
    "max": _max,
    "broadcast": _broadcast,
    "abs": abs,
    "floor": _floor,
    "ceil": _ceil,
}
UNARY = frozenset({"abs", "floor", "ceil"})
DIVISIONS = frozenset({"//", "%", "/", "ceildiv"})

#: The comparisons by name.
COMPARISONS: dict[str, Callable[[Number, Number], Any]] = {
    "==": lambda left, right: left == right,
    "!=": lambda left, right: left != right,
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}


def evaluate(expression: Expression, values: Values) -> Number:
    """The expression's value; over vectors, division by a zero in a vector gives an arbitrary number in its row.

    Raises:
        KeyError: a symbol has no value.
        Undefined: division by zero by a plain number.
    """
    kind = type(expression)
    if kind is Const:
        return expression.value  # type: ignore[union-attr]
    if kind is Sym:
        return values[expression.name]  # type: ignore[union-attr]
    if kind is Op:
        return OPERATIONS[expression.name](*[evaluate(item, values) for item in expression.operands])  # type: ignore[union-attr]
    assert isinstance(expression, If)
    test = COMPARISONS[expression.comparison](evaluate(expression.left, values), evaluate(expression.right, values))
    if isinstance(test, np.ndarray):
        return np.where(test, evaluate(expression.then, values), evaluate(expression.other, values))
    return evaluate(expression.then if test else expression.other, values)


def children(expression: Expression) -> tuple[Expression, ...]:
    """The direct parts."""
    if isinstance(expression, Op):
        return expression.operands
    if isinstance(expression, If):
        return (expression.left, expression.right, expression.then, expression.other)
    return ()


def size(expression: Expression) -> int:
    """Number of constants, symbols and operations in it."""
    if isinstance(expression, Op):
        return expression.size
    return 1 + sum(map(size, children(expression)))


def symbols(expression: Expression) -> Iterator[str]:
    """The names of the symbols in it, left to right, repeated as often as they occur."""
    if isinstance(expression, Sym):
        yield expression.name
    for item in children(expression):
        yield from symbols(item)


def rewrite(expression: Expression, change: Callable[[Sym], Expression]) -> Expression:
    """The same with every symbol replaced by what ``change`` gives for it."""
    if isinstance(expression, Sym):
        return change(expression)
    if isinstance(expression, Op):
        return Op(expression.name, tuple(rewrite(item, change) for item in expression.operands))
    if isinstance(expression, If):
        left, right, then, other = (rewrite(item, change) for item in children(expression))
        return If(expression.comparison, left, right, then, other)
    return expression


def op(name: str, *operands: Expression | int) -> Expression:
    """``Op`` with numbers taken for constants, neutral elements dropped and constants folded."""
    items = tuple(Const(item) if isinstance(item, int) else item for item in operands)
    if all(isinstance(item, Const) for item in items):
        try:
            return Const(OPERATIONS[name](*[item.value for item in items]))  # type: ignore[union-attr]
        except Undefined:
            return Op(name, items)
    if len(items) == 2:
        left, right = items
        if (name in ("+", "-") and right == Const(0)) or (name in ("*", "//", "ceildiv") and right == Const(1)):
            return left
        if (name == "+" and left == Const(0)) or (name == "*" and left == Const(1)):
            return right
        if name == "*" and Const(0) in items:
            return Const(0)
        if name == "+" and isinstance(right, Const) and right.value < 0:
            return Op("-", (left, Const(-right.value)))
        if name == "-" and isinstance(right, Const) and right.value < 0:
            return Op("+", (left, Const(-right.value)))
    return Op(name, items)


def product(items: list[Expression]) -> Expression:
    """The product of any number of expressions; 1 for none."""
    result: Expression = Const(1)
    for item in items:
        result = op("*", result, item)
    return result


def total(items: list[tuple[int, Expression]]) -> Expression:
    """The sum of coefficients times terms, positive ones first; 0 for none."""
    result: Expression = Const(0)
    for coefficient, term in sorted(items, key=lambda item: (item[0] < 0, term_is_constant(item[1]))):
        if coefficient > 0 or result == Const(0):
            result = op("+", result, op("*", coefficient, term))
        else:
            result = op("-", result, op("*", -coefficient, term))
    return result


def term_is_constant(expression: Expression) -> bool:
    """Whether it is just a number (which sums show last)."""
    return isinstance(expression, Const)
