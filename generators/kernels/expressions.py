"""Random expressions of any type and grade."""

from __future__ import annotations

from misfold.compiler.dtypes import BOOL, INDEX, DType
from misfold.compiler.loops.ir import Cast, Expr, Load, Select

from . import floats, integers
from .indices import Indices
from .scope import Grade, Scope, State, cap


class Expressions:
    """Makes expressions out of what a scope offers."""

    def __init__(self, state: State):
        self.state = state
        self.indices = Indices(state, lambda scope, depth: self.value(INDEX, scope, depth))

    def of_grade(self, dtype: DType, grade: Grade, scope: Scope, limit: int | None = None) -> Expr:
        """An expression as deep as the options allow; ``limit`` is the largest magnitude of a whole one."""
        depth = self.state.random.randint(1, self.state.options.expression)
        if grade == "whole":
            return floats.whole(self, dtype, scope, depth, limit or cap(dtype))
        if grade == "approximate":
            return floats.approximate(self, dtype, scope, depth)
        return self.value(dtype, scope, depth)

    def value(self, dtype: DType, scope: Scope, depth: int) -> Expr:
        """An exact expression, any that the type has."""
        state = self.state
        if depth <= 0 or state.chance(0.2):
            return self._leaf(dtype, scope, depth)
        way = state.weighted({"operator": 7, "cast": 1, "select": 0.8, "whole": 2 if dtype.is_float else 0})
        if way == "cast":
            source = state.dtype()
            return Cast(dtype, self.value(source, scope, depth - 1))
        if way == "select":
            condition = self.value(BOOL, scope, depth - 1)
            return Select(condition, self.value(dtype, scope, depth - 1), self.value(dtype, scope, depth - 1))
        if way == "whole":
            return floats.whole(self, dtype, scope, depth, cap(dtype))
        if dtype.is_float:
            if not state.options.exact and state.chance(0.3):
                return floats.approximate(self, dtype, scope, depth)
            return floats.exact(self, dtype, scope, depth)
        if dtype.is_bool:
            return integers.boolean(self, scope, depth)
        return integers.integer(self, dtype, scope, depth)

    def _leaf(self, dtype: DType, scope: Scope, depth: int) -> Expr:
        state = self.state
        views = [*scope.readable(dtype, "exact"), *scope.readable(dtype, "whole")]
        known = [*scope.known(dtype, "exact"), *scope.known(dtype, "whole")]
        positions = scope.positions if not dtype.is_bool else []
        way = state.weighted(
            {
                "load": 5 if views else 0,
                "variable": 3 if known else 0,
                "position": (3 if dtype == INDEX else 0.5) if positions else 0,
                "constant": 1.2 if views or known or positions else 4,
            }
        )
        if way == "load":
            view = state.pick(views)
            # Indices that depend on data read other elements: that ends somewhere.
            indices = self.indices.element(view, scope, min(depth, 2) - 1)
            if indices is not None:
                return Load(view.buffer, indices)
        if way == "variable":
            return state.pick(known).var
        if way == "position":
            expression = state.pick(positions).expression
            return expression if dtype == INDEX else Cast(dtype, expression)
        return floats.constant(state, dtype) if dtype.is_float else integers.constant(state, dtype)
