"""What iterations of a concurrent loop may share, so that they never race."""

from __future__ import annotations

from dataclasses import replace

from misfold.compiler.loops.ir import Expr, LoopKind
from misfold.compiler.loops.operators import BINARY, REDUCTIONS

from .indices import moved_by, scaled
from .scope import Bounded, State, View

#: Multiples of the loop variable that an owned dimension is indexed by: different ones for different iterations.
_FACTORS = {1: 10.0, -1: 1.5, 2: 1.5}


def shared(state: State, views: dict[str, View], variable: Bounded, kind: LoopKind) -> dict[str, View]:
    """The views inside of a concurrent loop.

    What is written before it is read-only inside, unless a dimension is given to the loop: each iteration then has
    elements of its own. In a vectorised loop all iterations may also combine into the same elements.
    """
    return {name: _shared(state, view, variable, kind) for name, view in views.items()}


def _shared(state: State, view: View, variable: Bounded, kind: LoopKind) -> View:
    if not view.writable:
        # Not written by anything inside either: a reduction that an outer loop allows is of that loop alone.
        return replace(view, reducing=None)
    pins = _pins(state, view, variable)
    if pins and state.chance(0.8):
        dimension, expression = state.pick(pins)
        return replace(view, pins={**view.pins, dimension: expression})
    reductions = [op for op in REDUCTIONS if may_reduce(state, op, view)]
    if kind == "vectorised" and view.readable and reductions and state.chance(0.5):
        return replace(view, readable=False, writable=False, reducing=state.pick(reductions))
    return replace(view, writable=False)


def _pins(state: State, view: View, variable: Bounded) -> list[tuple[int, Expr]]:
    found = []
    for dimension, size in enumerate(view.buffer.shape):
        one = scaled(variable, state.weighted(_FACTORS))
        if dimension not in view.pins and one.high - one.low < size:
            offset = state.random.randint(-one.low, size - 1 - one.high)
            if one.low >= 0 and one.high < size and state.chance(0.8):
                offset = 0
            found.append((dimension, moved_by(one.expression, offset)))
    return found


def may_reduce(state: State, op: str, view: View) -> bool:
    """Whether a reduction of a buffer gives the same in any order."""
    dtype = view.buffer.dtype
    if dtype.kind not in BINARY[op].kinds:
        return False
    return not dtype.is_float or not state.options.exact or op in ("min", "max") or view.grade == "whole"
