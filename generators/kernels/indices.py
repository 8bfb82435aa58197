"""Indices in range: affine ones by their intervals, others brought into range."""

from __future__ import annotations

from collections.abc import Callable

from misfold.compiler.loops.ir import Binary, Expr, index

from .scope import Bounded, Scope, State, View

_COEFFICIENTS = {1: 8.0, -1: 2.0, 2: 1.5, 3: 0.4}


class Indices:
    """Makes indices. ``value`` makes any expression of type INDEX, for those that depend on data."""

    def __init__(self, state: State, value: Callable[[Scope, int], Expr]):
        self.state = state
        self.value = value

    def element(self, view: View, scope: Scope, depth: int) -> tuple[Expr, ...] | None:
        """Indices of an element of a buffer; None: it has no elements."""
        if view.buffer.elements == 0:
            return None
        return tuple(
            [
                view.pins[dimension] if dimension in view.pins else self.position(size, scope, depth)
                for dimension, size in enumerate(view.buffer.shape)
            ]
        )

    def position(self, size: int, scope: Scope, depth: int) -> Expr:
        """An index in 0..size."""
        state = self.state
        fitting = [one for one in scope.positions if one.high - one.low < size]
        way = state.weighted({"fit": 12 if fitting else 0, "affine": 3, "constant": 1, "modulo": 0.7, "clamp": 0.6})
        if way == "fit":
            return self.shifted(scaled(state.pick(fitting), 1), size)
        if way == "constant" or not scope.positions:
            return index(state.random.randrange(size))
        bounded = self.affine(scope)
        if bounded.high - bounded.low < size:
            return self.shifted(bounded, size)
        moved = self.value(scope, depth - 1) if depth > 0 and state.chance(0.4) else bounded.expression
        if way == "modulo":
            return Binary("floormod", moved, index(size))
        if way == "clamp":
            return Binary("max", Binary("min", moved, index(size - 1)), index(0))
        halved = Bounded(Binary("floordiv", bounded.expression, index(2)), bounded.low // 2, bounded.high // 2)
        if halved.high - halved.low < size and state.chance(0.5):
            return self.shifted(halved, size)
        return Binary(state.pick(["floormod", "euclidmod"]), bounded.expression, index(size))

    def affine(self, scope: Scope) -> Bounded:
        """A sum of one or two multiples of what is known; there must be something."""
        state = self.state
        first = scaled(state.pick(scope.positions), state.weighted(_COEFFICIENTS))
        if state.chance(0.6):
            return first
        second = scaled(state.pick(scope.positions), state.weighted(_COEFFICIENTS))
        both = Binary("add", first.expression, second.expression)
        return Bounded(both, first.low + second.low, first.high + second.high)

    def shifted(self, bounded: Bounded, size: int) -> Expr:
        """An index in 0..size that differs by a constant; the interval must be narrow enough."""
        least, most = -bounded.low, size - 1 - bounded.high
        offset = self.state.pick([least, most, self.state.random.randint(least, most)])
        if least <= 0 <= most and self.state.chance(0.7):
            offset = 0
        return moved_by(bounded.expression, offset)


def scaled(bounded: Bounded, factor: int) -> Bounded:
    """A multiple."""
    if factor == 1:
        return bounded
    ends = bounded.low * factor, bounded.high * factor
    return Bounded(Binary("mul", bounded.expression, index(factor)), min(ends), max(ends))


def moved_by(expression: Expr, offset: int) -> Expr:
    """An expression plus a constant, as one would write it."""
    if offset == 0:
        return expression
    return Binary("add" if offset > 0 else "sub", expression, index(abs(offset)))
