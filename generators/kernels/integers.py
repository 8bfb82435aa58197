"""Random expressions of integers and bools: every operator, with divisors that are not zero."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from misfold.compiler.dtypes import BOOL, DType
from misfold.compiler.loops.ir import Binary, Const, Expr, Select, Unary
from misfold.compiler.loops.operators import BINARY, UNARY, Operator

from .scope import Scope, State

if TYPE_CHECKING:
    from .expressions import Expressions

_RARE = frozenset({"pow", "eucliddiv", "euclidmod", "truncdiv", "truncmod", "abs", "neg", "not"})
_COMPARISONS = tuple(operator.name for operator in BINARY.values() if operator.compares)


@cache
def _operators(kind: str) -> dict[Operator, float]:
    both = (*UNARY.values(), *BINARY.values())
    fitting = [operator for operator in both if kind in operator.kinds and not operator.compares]
    return {operator: 0.4 if operator.name in _RARE else 1.0 for operator in fitting}


def constant(state: State, dtype: DType) -> Const:
    """A literal: mostly small, now and then an end of the range."""
    if dtype.is_bool:
        return Const(state.chance(0.5), dtype)
    if state.chance(0.1):
        low, high = int(dtype.min), int(dtype.max)
        return Const(state.pick([low, low + 1, high - 1, high]), dtype)
    return Const(state.random.randint(max(int(dtype.min), -4), 9), dtype)


def integer(make: Expressions, dtype: DType, scope: Scope, depth: int) -> Expr:
    """An operator on integers."""
    state = make.state
    operator = state.weighted(_operators(dtype.kind))
    if operator.arity == 1:
        return Unary(operator.name, make.value(dtype, scope, depth - 1))
    left = make.value(dtype, scope, depth - 1)
    if operator.partial:
        return Binary(operator.name, left, _divisor(make, dtype, scope, depth - 1))
    if operator.name in ("shl", "shr", "pow") and state.chance(0.8):
        return Binary(operator.name, left, _amount(make, dtype, scope, depth - 1))
    return Binary(operator.name, left, make.value(dtype, scope, depth - 1))


def boolean(make: Expressions, scope: Scope, depth: int) -> Expr:
    """A comparison, or an operator on bools."""
    state = make.state
    if state.chance(0.65):
        dtype = state.dtype()
        operands = make.value(dtype, scope, depth - 1), make.value(dtype, scope, depth - 1)
        return Binary(state.pick(_COMPARISONS), *operands)
    operator = state.weighted(_operators(BOOL.kind))
    operands_of_bool = [make.value(BOOL, scope, depth - 1) for _ in range(operator.arity)]
    return Unary(operator.name, *operands_of_bool) if operator.arity == 1 else Binary(operator.name, *operands_of_bool)


def _divisor(make: Expressions, dtype: DType, scope: Scope, depth: int) -> Expr:
    state = make.state
    low = 1 if dtype.kind == "uint" else -3
    if depth <= 0 or state.chance(0.6):
        return Const(state.random.choice([n for n in range(low, 9) if n]), dtype)
    value = make.value(dtype, scope, depth - 1)
    if state.chance(0.5):
        return Binary("or", value, Const(1, dtype))
    return Select(Binary("eq", value, Const(0, dtype)), Const(1, dtype), value)


def _amount(make: Expressions, dtype: DType, scope: Scope, depth: int) -> Expr:
    state = make.state
    if depth <= 0 or state.chance(0.6):
        # A little beyond both ends: those amounts have a meaning too.
        low = 0 if dtype.kind == "uint" else -1
        return Const(state.random.randint(low, min(dtype.bits + 1, int(dtype.max))), dtype)
    return Binary("and", make.value(dtype, scope, depth - 1), Const(dtype.bits - 1, dtype))
