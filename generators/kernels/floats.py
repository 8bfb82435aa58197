"""Random expressions of floats, by grade (``scope.Grade``).

No expression depends on the sign of a zero or of a NaN: ``min`` and ``max`` leave the first open and no rule sets the
second. So what divides, or lends its sign, is a whole number that is not zero.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from misfold.compiler.dtypes import BOOL, I64, DType
from misfold.compiler.loops.approximation import APPROXIMATE_UNARY, EXACT_UNARY
from misfold.compiler.loops.ir import Binary, Cast, Const, Expr, Load, Select, Unary

from .scope import Scope, State, cap

if TYPE_CHECKING:
    from .expressions import Expressions

#: Rounded correctly, as those of ``EXACT_UNARY``, and so the same everywhere.
EXACT_BINARY = ("add", "sub", "mul", "div", "floordiv", "floormod", "truncmod", "min", "max", "copysign")
_SIGNED_BY_RIGHT = frozenset({"div", "floordiv", "floormod", "truncmod", "copysign"})
_WHOLE_UNARY = ("neg", "abs", "floor", "ceil", "trunc", "round")
#: The largest input that transcendental functions get: e⁸ is finite in every type.
_TAME = 8


def constant(state: State, dtype: DType) -> Const:
    """A literal: a small number of quarters."""
    return Const(state.random.randint(-12, 12) / 4, dtype)


# -------------------------------------------------------------------------------------------------------------- whole


def whole(make: Expressions, dtype: DType, scope: Scope, depth: int, limit: int) -> Expr:
    """An integer of at most this magnitude, which is at least 1 and that the type holds exactly."""
    state = make.state
    if depth <= 0 or limit < 2 or state.chance(0.3):
        return _whole_leaf(make, dtype, scope, depth, limit)
    way = state.weighted({"sum": 4, "product": 2, "extreme": 2, "unary": 1, "select": 1, "remainder": 0.7})
    if way == "sum":
        operands = [whole(make, dtype, scope, depth - 1, limit // 2) for _ in range(2)]
        return Binary(state.pick(["add", "sub"]), *operands)
    if way == "product":
        return Binary("mul", *[whole(make, dtype, scope, depth - 1, math.isqrt(limit)) for _ in range(2)])
    if way == "extreme":
        return Binary(state.pick(["min", "max"]), *[whole(make, dtype, scope, depth - 1, limit) for _ in range(2)])
    if way == "unary":
        return Unary(state.pick(_WHOLE_UNARY), whole(make, dtype, scope, depth - 1, limit))
    if way == "remainder":
        divisor = Const(float(state.random.randint(2, min(limit, 7) + 1)), dtype)
        return Binary("truncmod", whole(make, dtype, scope, depth - 1, cap(dtype)), divisor)
    condition = make.value(BOOL, scope, depth - 1)
    return Select(condition, *[whole(make, dtype, scope, depth - 1, limit) for _ in range(2)])


def _whole_leaf(make: Expressions, dtype: DType, scope: Scope, depth: int, limit: int) -> Expr:
    state = make.state
    views = scope.readable(dtype, "whole")
    known = [one for one in scope.known(dtype, "whole") if one.bound <= limit]
    positions = [one for one in scope.positions if max(-one.low, one.high) <= limit]
    way = state.weighted(
        {
            "load": 5 if views else 0,
            "variable": 2 if known else 0,
            "position": 1 if positions else 0,
            "integer": 0.6 if depth > 0 and limit >= 3 else 0,
            "constant": 1.2,
        }
    )
    if way == "load":
        view = state.pick(views)
        indices = make.indices.element(view, scope, depth - 1)
        if indices is not None:
            return limited(make, Load(view.buffer, indices), dtype, limit, view.bound)
    if way == "variable":
        return state.pick(known).var
    if way == "position":
        return Cast(dtype, state.pick(positions).expression)
    if way == "integer":
        mask = (1 << (min(limit, 15) + 1).bit_length() - 1) - 1
        return Cast(dtype, Binary("and", make.value(I64, scope, depth - 1), Const(mask, I64)))
    size = min(limit, 4)
    return Const(float(state.random.randint(-size, size)), dtype)


def limited(make: Expressions, value: Expr, dtype: DType, limit: int, bound: int) -> Expr:
    """A whole number of at most ``bound`` brought down to at most ``limit``."""
    if limit >= bound:
        return value
    if limit >= 2 and make.state.chance(0.5):
        return Binary("truncmod", value, Const(float(limit + 1), dtype))
    return Binary("max", Binary("min", value, Const(float(limit), dtype)), Const(float(-limit), dtype))


def nonzero(make: Expressions, dtype: DType, scope: Scope, depth: int) -> Expr:
    """A whole number that is not zero."""
    state = make.state
    if depth <= 0 or state.chance(0.5):
        return Const(float(state.pick([-4, -3, -2, -1, 1, 2, 3, 4])), dtype)
    return Binary("add", Unary("abs", whole(make, dtype, scope, depth - 1, 16)), Const(1.0, dtype))


# -------------------------------------------------------------------------------------------------------------- exact


def exact(make: Expressions, dtype: DType, scope: Scope, depth: int) -> Expr:
    """An operator that is rounded correctly; NaN and infinities may come of it."""
    state = make.state
    if state.chance(0.3):
        return Unary(state.pick(EXACT_UNARY), make.value(dtype, scope, depth - 1))
    op = state.pick(EXACT_BINARY)
    left = make.value(dtype, scope, depth - 1)
    if op in _SIGNED_BY_RIGHT:
        return Binary(op, left, nonzero(make, dtype, scope, depth - 1))
    return Binary(op, left, make.value(dtype, scope, depth - 1))


# -------------------------------------------------------------------------------------------------------- approximate


def approximate(make: Expressions, dtype: DType, scope: Scope, depth: int) -> Expr:
    """A function that is right to a few ULP, of a tame exact number; never a sum, which could cancel."""
    state = make.state
    views = scope.readable(dtype, "approximate")
    known = scope.known(dtype, "approximate")
    way = state.weighted(
        {
            "function": 6,
            "load": 2 if views else 0,
            "variable": 2 if known else 0,
            "product": 1.5 if depth > 1 else 0,
            "select": 1 if depth > 1 else 0,
        }
    )
    if way == "load":
        view = state.pick(views)
        indices = make.indices.element(view, scope, depth - 1)
        if indices is not None:
            return Load(view.buffer, indices)
    if way == "variable":
        return state.pick(known).var
    if way == "product":
        return Binary("mul", approximate(make, dtype, scope, depth - 1), whole(make, dtype, scope, depth - 1, 4))
    if way == "select":
        condition = make.value(BOOL, scope, depth - 1)
        return Select(condition, *[approximate(make, dtype, scope, depth - 1) for _ in range(2)])
    tame = whole(make, dtype, scope, depth - 1, _TAME)
    if state.chance(0.08):
        return Binary("pow", tame, Const(state.pick([0.5, 1.0, 2.0, 3.0]), dtype))
    if state.chance(0.08):
        return Binary("atan2", nonzero(make, dtype, scope, 0), tame)
    return Unary(state.pick(APPROXIMATE_UNARY), tame)
