"""Expressions and constraints as z3 terms over integer (and real) variables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import z3

from .constraints import AnyOf, Constraint
from .expressions import Const, Expression, If, Op, Sym
from .structure import Structure

Variables = Mapping[str, Any]


def variables(structure: Structure) -> dict[str, Any]:
    """A z3 variable for every symbol: ``Int``, or ``Real`` for floating-point arguments."""
    return {name: z3.Real(name) if name in structure.floats else z3.Int(name) for name in structure.symbols}


def to_z3(expression: Expression, symbols: Variables) -> Any:
    """The expression as a z3 term. z3's integer division and remainder round as ours do for positive divisors, so the
    term is right where divisors are positive, as in all valid calls.

    Raises:
        KeyError: a symbol has no variable.
    """
    if isinstance(expression, Const):
        return z3.IntVal(expression.value) if isinstance(expression.value, int) else z3.RealVal(str(expression.value))
    if isinstance(expression, Sym):
        return symbols[expression.name]
    if isinstance(expression, If):
        test = _compare(expression.comparison, to_z3(expression.left, symbols), to_z3(expression.right, symbols))
        return z3.If(test, to_z3(expression.then, symbols), to_z3(expression.other, symbols))
    return _operation(expression, [to_z3(item, symbols) for item in expression.operands])


def _operation(expression: Op, items: list[Any]) -> Any:
    name = expression.name
    first = items[0]
    if name == "abs":
        return z3.If(first >= 0, first, -first)
    if name in ("floor", "ceil"):
        if first.is_int():
            return first
        return z3.ToInt(first) if name == "floor" else -z3.ToInt(-first)
    left, right = items
    if name in ("//", "ceildiv", "%") and not (left.is_int() and right.is_int()):
        # z3 divides with remainder among integers only; as Python does, for divisors of either sign.
        quotient = _real(left) / _real(right)
        if name == "ceildiv":
            return -z3.ToInt(-quotient)
        whole = z3.ToInt(quotient)
        return whole if name == "//" else _real(left) - _real(right) * z3.ToReal(whole)
    if name == "+":
        return left + right
    if name == "-":
        return left - right
    if name == "*":
        return left * right
    if name == "/":
        return z3.ToReal(left) / right if left.is_int() else left / right
    if name == "//":
        return left / right
    if name == "ceildiv":
        return -((-left) / right)
    if name == "%":
        return left % right
    if name == "min":
        return z3.If(left <= right, left, right)
    if name == "max":
        return z3.If(left >= right, left, right)
    assert name == "broadcast"
    return z3.If(left == 1, right, left)


def _real(term: Any) -> Any:
    return z3.ToReal(term) if term.is_int() else term


def _compare(name: str, left: Any, right: Any) -> Any:
    if name == "==":
        return left == right
    if name == "!=":
        return left != right
    if name == "<":
        return left < right
    if name == "<=":
        return left <= right
    return left > right if name == ">" else left >= right


def constraint_to_z3(constraint: Constraint, symbols: Variables) -> Any:
    """The constraint as a z3 formula.

    Raises:
        KeyError: a symbol has no variable.
    """
    if isinstance(constraint, AnyOf):
        return z3.Or([constraint_to_z3(item, symbols) for item in constraint.options])
    return _compare(constraint.name, to_z3(constraint.left, symbols), to_z3(constraint.right, symbols))
