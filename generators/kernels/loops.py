"""Random blocks: loops of every kind and shape, branches, and local buffers that are filled before they are read."""

from __future__ import annotations

from dataclasses import dataclass, replace

from misfold.compiler.dtypes import BOOL, INDEX, DType
from misfold.compiler.loops.ir import (
    Allocate,
    Binary,
    Buffer,
    Cast,
    Expr,
    For,
    If,
    Let,
    Load,
    LoopKind,
    Statement,
    Store,
    Var,
    index,
)

from . import statements
from .expressions import Expressions
from .indices import moved_by
from .scope import Bounded, Grade, Scope, State, View, cap
from .sharing import shared

_VARIABLES = "ijklmn"
_LANES = (2, 4, 8, 16)


@dataclass(frozen=True)
class _Bounds:
    start: Expr
    stop: Expr
    step: int
    #: What the variable is in, and how many iterations there are at most.
    low: int
    high: int
    trips: int


class Loops:
    """Makes blocks of statements."""

    def __init__(self, state: State):
        self.state = state
        self.make = Expressions(state)

    # -------------------------------------------------------------------------------------------------------- blocks

    def block(self, scope: Scope, least: int = 1) -> list[Statement]:
        """Statements for the rest of a scope's block."""
        found: list[Statement] = []
        for _ in range(self.state.random.randint(least, least + 3)):
            found += self.statement(scope)
        return found

    def statement(self, scope: Scope) -> list[Statement]:
        """One statement, or several that belong together, or none where the chosen kind is impossible."""
        state, options = self.state, self.state.options
        if state.statements >= 2 * options.statements:
            return []
        room = scope.loops < options.depth and scope.runs * 2 <= options.work
        way = state.weighted(
            {
                "store": 5,
                "reduction": 2.5,
                "let": 1.5,
                "assert": 0.3,
                "loop": 5 / (1 + scope.loops * 0.4) if room else 0,
                "branch": 1.2 if scope.blocks < options.depth + 3 else 0,
                "guard": 1.0 if scope.positions and scope.blocks < options.depth + 3 else 0,
                "local": 1.0 if room else 0.3,
                "accumulation": 1.2 if room else 0,
            }
        )
        state.statements += 1
        match way:
            case "loop":
                return [self.loop(scope)]
            case "branch":
                return [self.branch(scope)]
            case "guard":
                return self.guard(scope)
            case "local":
                return self.local(scope)
            case "accumulation":
                return self.accumulation(scope)
            case "let":
                return [statements.let(self.make, scope)]
        made = {"store": statements.store, "reduction": statements.reduction, "assert": statements.assertion}[way](
            self.make, scope
        )
        return [made] if made is not None else []

    def branch(self, scope: Scope) -> Statement:
        """An ``if`` on anything."""
        condition = self.make.value(BOOL, scope, self.state.options.expression - 1)
        other = self.block(scope.inner()) if self.state.chance(0.4) else []
        return If(condition, tuple(self.block(scope.inner())), tuple(other))

    def guard(self, scope: Scope) -> list[Statement]:
        """An ``if`` that is a bound on an index, which may depend on data: inside, the index is in range."""
        state = self.state
        found: list[Statement] = []
        if state.chance(0.3):
            var = Var(state.names.fresh("t"), INDEX)
            found.append(Let(var, self.make.value(INDEX, scope, 2)))
            bounded = Bounded(var, int(INDEX.min), int(INDEX.max))
            least = state.random.randint(-2, 2)
            most = least + state.size(state.options.extent) - 1
        else:
            bounded = self.make.indices.affine(scope)
            least = state.random.randint(bounded.low, bounded.high)
            most = state.random.randint(least, bounded.high)
        inner = scope.inner()
        inner.positions.append(Bounded(bounded.expression, least, most))
        below = Binary("lt", bounded.expression, index(most + 1))
        above = Binary("ge", bounded.expression, index(least))
        condition = below if least == bounded.low else above if most == bounded.high else Binary("and", above, below)
        other = self.block(scope.inner()) if state.chance(0.25) else []
        return [*found, If(condition, tuple(self.block(inner)), tuple(other))]

    # ------------------------------------------------------------------------------------------------- local buffers

    def accumulation(self, scope: Scope) -> list[Statement]:
        """What most loops are for: a local scalar, a loop that combines something into it, and a store of it."""
        before = len(scope.views)
        found = self.local(scope, rank=0)
        if len(scope.views) == before:
            return found
        view = list(scope.views.values())[-1]
        found.append(self.loop(scope, into=view.buffer.name))
        stored = statements.store_of(self.make, scope, view)
        return [*found, stored] if stored is not None else found

    def local(self, scope: Scope, rank: int | None = None) -> list[Statement]:
        """A local buffer, with the loops that fill it."""
        state = self.state
        if rank is None:
            rank = 0 if scope.vectorised else state.weighted({0: 2, 1: 3, 2: 1})
        dtype = state.dtype()
        buffer = Buffer(state.names.fresh("b"), dtype, tuple([state.size(state.options.extent) for _ in range(rank)]))
        view = View(buffer, self.grade(dtype), readable=False, writable=True, bound=cap(dtype), runs=scope.runs)
        if buffer.elements * scope.runs > state.options.work:
            return []
        filled = self.filling(scope, view)
        scope.views[buffer.name] = replace(view, readable=True)
        return [Allocate(buffer), *filled]

    def filling(self, scope: Scope, view: View) -> list[Statement]:
        """Loops that write all elements of a buffer."""
        inner = scope.inner()
        variables = []
        for size in view.buffer.shape:
            var = self.variable()
            variables.append(var)
            inner.positions.append(Bounded(var, 0, max(size - 1, 0)))
        value = statements.value_for(self.make, inner, view)
        body: Statement = Store(view.buffer, tuple(variables), value)
        for var, size in reversed(list(zip(variables, view.buffer.shape))):
            kind: LoopKind = "unrolled" if scope.vectorised else self.state.weighted({"serial": 3, "parallel": 1})
            body = For(var, index(0), index(size), (body,), kind)
        return [body]

    def grade(self, dtype: DType, whole: float = 6.0) -> Grade:
        """What a new buffer holds."""
        if not dtype.is_float:
            return "exact"
        return self.state.weighted({"whole": whole, "exact": 2, "approximate": 1})

    def variable(self) -> Var:
        """A new loop variable."""
        return Var(self.state.names.fresh(self.state.pick(_VARIABLES)), INDEX)

    # --------------------------------------------------------------------------------------------------------- loops

    def loop(self, scope: Scope, into: str | None = None) -> Statement:
        """A loop of any kind; the first thing in it combines something into the buffer ``into``."""
        state = self.state
        kind: LoopKind = "serial"
        if scope.vectorised:
            kind = "unrolled"
        elif state.chance(state.options.concurrent):
            kind = state.pick(["parallel", "vectorised"])
        elif state.chance(0.15):
            kind = "unrolled"
        bounds = self._bounds(scope, constant=kind in ("vectorised", "unrolled"), lanes=kind == "vectorised")
        var = self.variable()
        variable = Bounded(var, bounds.low, bounds.high)
        inner = scope.inner()
        inner.positions.append(variable)
        inner.runs = scope.runs * max(bounds.trips, 1)
        inner.loops += 1
        if kind in ("parallel", "vectorised"):
            inner.views = shared(state, inner.views, variable, kind)
            inner.vectorised = scope.vectorised or kind == "vectorised"
        combining = statements.reduction_to(self.make, inner, inner.views[into]) if into is not None else None
        body = [] if combining is None else [combining]
        body += self.block(inner, least=0 if state.chance(0.1) else 1)
        return For(var, bounds.start, bounds.stop, tuple(body), kind, bounds.step)

    def _bounds(self, scope: Scope, constant: bool, lanes: bool) -> _Bounds:
        state, options = self.state, self.state.options
        most = max(1, min(options.extent, options.work // scope.runs))
        if state.chance(options.empty):
            start = state.random.randint(-2, 3)
            return _constant(start, start - state.random.randint(0, 2), 1)
        step = state.weighted({1: 8, 2: 1, 3: 0.6, 4: 0.4})
        if lanes:
            count = state.pick([lane for lane in _LANES if lane <= max(most, 2)])
            return _constant(0, count * step, step)
        shapes = {"extent": 6, "stencil": 1.5, "anywhere": 1}
        if not constant:
            shapes["data"] = 0.5
            if scope.positions:
                shapes |= {"triangle": 2, "tail": 1.5}
        way = state.weighted(shapes)
        size = state.size(most)
        if way == "extent":
            return _constant(0, size, step)
        if way == "stencil":
            return _constant(1, max(size - 1, 1), step)
        if way == "anywhere":
            start = state.random.randint(-3, 3)
            return _constant(start, start + size, step)
        if way == "data":
            return self._bounded_by_data(scope, size, step)
        outer = state.pick(scope.positions)
        # Longer ranges than these would cost too much.
        if outer.high - outer.low >= most:
            return _constant(0, size, step)
        if way == "triangle" and state.chance(0.5):
            stop = moved_by(outer.expression, size - outer.high)
            return _between(index(0), stop, step, 0, size)
        if way == "triangle":
            return _between(outer.expression, index(outer.high + 1), step, outer.low, outer.high + 1)
        # The last piece of a range that is cut into pieces of one size.
        piece = moved_by(outer.expression, size)
        stop = Binary("min", piece, index(outer.high + 1))
        return _between(outer.expression, stop, step, outer.low, outer.high + 1)

    def _bounded_by_data(self, scope: Scope, size: int, step: int) -> _Bounds:
        views = [
            one for dtype in self.state.options.dtypes if dtype.is_integer for one in scope.readable(dtype, "exact")
        ]
        views = [view for view in views if view.buffer.elements]
        if not views:
            return _constant(0, size, step)
        view = self.state.pick(views)
        indices = self.make.indices.element(view, scope, 0)
        assert indices is not None
        loaded: Expr = Load(view.buffer, indices)
        if view.buffer.dtype != INDEX:
            loaded = Cast(INDEX, loaded)
        stop = Binary("max", Binary("min", loaded, index(size)), index(0))
        return _between(index(0), stop, step, 0, size)


def _constant(start: int, stop: int, step: int) -> _Bounds:
    values = range(start, stop, step)
    last = values[-1] if values else start
    return _Bounds(index(start), index(stop), step, start, last, len(values))


def _between(start: Expr, stop: Expr, step: int, low: int, most: int) -> _Bounds:
    """Bounds whose start is at least ``low`` and whose stop is at most ``most``."""
    return _Bounds(start, stop, step, low, max(low, most - 1), max(0, -(-(most - low) // step)))
