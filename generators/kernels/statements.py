"""Random statements without blocks: stores, reductions, ``let`` and ``assert``."""

from __future__ import annotations

from misfold.compiler.dtypes import BOOL, INDEX
from misfold.compiler.loops.ir import (
    Assert,
    Binary,
    Const,
    Expr,
    Let,
    Load,
    Reduce,
    Select,
    Statement,
    Store,
    Var,
    index,
)
from misfold.compiler.loops.operators import REDUCTIONS

from . import floats
from .expressions import Expressions
from .scope import Bounded, Grade, Known, Scope, View, cap
from .sharing import may_reduce

#: Whole buffers get at most half of their cap by a store: the rest is room for sums.
_STORED = 2


def store(make: Expressions, scope: Scope) -> Statement | None:
    """A store to some buffer that can be written; None: there is none."""
    views = [view for view in scope.views.values() if view.writable and view.buffer.elements]
    if not views:
        return None
    return store_to(make, scope, make.state.pick(views))


def store_to(make: Expressions, scope: Scope, view: View) -> Statement | None:
    """A store to this buffer; None: it has no elements."""
    indices = make.indices.element(view, scope, make.state.options.expression - 1)
    if indices is None:
        return None
    return Store(view.buffer, indices, value_for(make, scope, view))


def store_of(make: Expressions, scope: Scope, scalar: View) -> Statement | None:
    """A store of a scalar to some buffer of its type that may hold it; None: there is none."""
    dtype, grade = scalar.buffer.dtype, scalar.grade
    views = [view for view in scope.views.values() if view.writable and view.buffer.dtype == dtype]
    views = [view for view in views if view.buffer.elements and view.buffer != scalar.buffer]
    fitting = [
        view for view in views if view.grade in (grade, "approximate") or (grade, view.grade) == ("whole", "exact")
    ]
    if not fitting:
        return None
    view = make.state.pick(fitting)
    indices = make.indices.element(view, scope, 0)
    assert indices is not None
    value: Expr = Load(scalar.buffer, ())
    if view.grade == "whole":
        value = floats.limited(make, value, dtype, view.bound // _STORED, scalar.bound)
    return Store(view.buffer, indices, value)


def value_for(make: Expressions, scope: Scope, view: View) -> Expr:
    """A value that may be stored to a buffer."""
    return make.of_grade(view.buffer.dtype, view.grade, scope, view.bound // _STORED)


def reduction(make: Expressions, scope: Scope) -> Statement | None:
    """A reduction into some buffer; None: nothing here can be reduced into."""
    views = [view for view in scope.views.values() if _reducible(view)]
    return reduction_to(make, scope, make.state.pick(views)) if views else None


def _reducible(view: View) -> bool:
    allowed = view.reducing is not None or (view.writable and view.readable)
    return allowed and view.buffer.elements > 0 and view.grade != "approximate"


def reduction_to(make: Expressions, scope: Scope, view: View) -> Statement | None:
    """A reduction into this buffer; None: it cannot be reduced into here."""
    state = make.state
    if not _reducible(view):
        return None
    ops = [view.reducing] if view.reducing else [op for op in REDUCTIONS if may_reduce(state, op, view)]
    if not ops:
        return None
    op = state.pick(ops)
    indices = make.indices.element(view, scope, state.options.expression - 1)
    assert indices is not None
    if view.grade != "whole":
        return Reduce(op, view.buffer, indices, value_for(make, scope, view))
    value = _whole_operand(make, scope, view, op)
    return Reduce(op, view.buffer, indices, value) if value is not None else None


def _whole_operand(make: Expressions, scope: Scope, view: View, op: str) -> Expr | None:
    """What may be combined into a whole buffer so that its elements stay below its cap; None: nothing any more."""
    state, dtype = make.state, view.buffer.dtype
    if op == "mul":
        signs = Const(1.0, dtype), Const(state.pick([-1.0, -1.0, 0.0]), dtype)
        return Select(make.value(BOOL, scope, 2), *signs)
    if op != "add":
        return make.of_grade(dtype, "whole", scope, view.bound // _STORED)
    room = state.room.setdefault(view.buffer.name, view.bound - view.bound // _STORED)
    runs = scope.runs // view.runs
    limit = min(8, room // runs)
    if limit < 1:
        return None
    state.room[view.buffer.name] = room - limit * runs
    return make.of_grade(dtype, "whole", scope, limit)


def let(make: Expressions, scope: Scope) -> Statement:
    """A variable, which can be used in the rest of the block."""
    state = make.state
    var = Var(state.names.fresh("t"), INDEX if state.chance(0.2) else state.dtype())
    if var.dtype == INDEX and scope.positions and state.chance(0.4):
        bounded = make.indices.affine(scope)
        scope.positions.append(Bounded(var, bounded.low, bounded.high))
        return Let(var, bounded.expression)
    grade: Grade = "exact"
    if var.dtype.is_float:
        grade = state.weighted({"whole": 3, "exact": 2, "approximate": 1})
    limit = cap(var.dtype) if grade == "whole" else 0
    value = make.of_grade(var.dtype, grade, scope, limit or None)
    scope.variables.append(Known(var, grade, limit))
    return Let(var, value)


def assertion(make: Expressions, scope: Scope) -> Statement | None:
    """An assert that holds; None: nothing is known here."""
    if not scope.positions:
        return None
    bounded = make.indices.affine(scope)
    if make.state.chance(0.5):
        return Assert(Binary("le", bounded.expression, index(bounded.high)), "too large")
    condition: Expr = Binary("ge", bounded.expression, index(bounded.low))
    return Assert(Binary("and", condition, Const(True, BOOL)), 'below "the" range')
