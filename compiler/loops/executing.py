"""Statements of the loop IR as Python closures: what the interpreter runs. A closure takes and gives nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from misfold.compiler.errors import AssertionFailed, UndefinedBehaviour

from .arithmetic import binary
from .evaluating import Evaluate, Scope, Value, evaluating, locating, noting, uninitialised
from .ir import Allocate, Assert, For, If, Let, Reduce, Statement, Store
from .races import Concurrent
from .verify import place_of
from .visit import statements

Run = Callable[[], None]


def running(block: Iterable[Statement], scope: Scope, place: str) -> list[Run]:
    """The closures that run the statements of a block, which is at ``place``.

    The closures raise:
        UndefinedBehaviour: a statement met something undefined.
        AssertionFailed: an assert does not hold.
    """
    return [
        _statement(statement, scope, place_of(statement, number, place)) for number, statement in enumerate(block, 1)
    ]


def _statement(statement: Statement, scope: Scope, place: str) -> Run:
    match statement:
        case Let(var, value):
            return _let(evaluating(value, scope, place), scope.values, scope.slot(var.name))
        case Allocate():
            return _allocate(statement, scope)
        case Store():
            return _store(statement, scope, place)
        case Reduce():
            return _reduce(statement, scope, place)
        case For():
            return (
                _concurrent(statement, scope, place) if _watched(statement, scope) else _serial(statement, scope, place)
            )
        case If(condition, then, other):
            decide = evaluating(condition, scope, place)
            return _if(decide, running(then, scope, f"{place}/then"), running(other, scope, f"{place}/else"))
        case Assert(condition, message):
            return _assert(evaluating(condition, scope, place), f"{place}: {message}")
    raise TypeError(f"not a statement: {statement!r}")


def _let(evaluate: Evaluate, values: list[Value], slot: int) -> Run:
    def let() -> None:
        values[slot] = evaluate()

    return let


def _allocate(statement: Allocate, scope: Scope) -> Run:
    buffer = statement.buffer
    scope.outside[buffer.name] = len(scope.concurrent)
    # Unwatched, what was not written yet reads as zero.
    empty = None if scope.watch else 0.0 if buffer.dtype.is_float else False if buffer.dtype.is_bool else 0
    blank = [empty] * buffer.elements
    data = scope.data[buffer.name] = list(blank)

    def allocate() -> None:
        data[:] = blank

    return allocate


def _store(store: Store, scope: Scope, place: str) -> Run:
    buffer = store.buffer
    data = scope.data[buffer.name]
    locate, evaluate = locating(buffer, store.indices, scope, place), evaluating(store.value, scope, place)
    if buffer.name in scope.inputs:
        return _forbidden(buffer.name, place)
    touch = scope.races.writing(scope.around(buffer), buffer, place)
    if touch is None:

        def write() -> None:
            data[locate()] = evaluate()

        return write
    watched = touch

    def write_watched() -> None:
        value = evaluate()
        element = locate()
        watched(element)
        data[element] = value

    return write_watched


def _forbidden(name: str, place: str) -> Run:
    def forbidden() -> None:
        raise UndefinedBehaviour("write to an input", f"{name} is an input", place)

    return forbidden


def _reduce(reduce: Reduce, scope: Scope, place: str) -> Run:
    buffer = reduce.buffer
    data = scope.data[buffer.name]
    locate, evaluate = locating(buffer, reduce.indices, scope, place), evaluating(reduce.value, scope, place)
    if buffer.name in scope.inputs:
        return _forbidden(buffer.name, place)
    combine = noting(binary(reduce.op, buffer.dtype), reduce.op, buffer.dtype, scope, place)
    touch = scope.races.combining(reduce.op, scope.around(buffer), buffer, place)

    def update() -> None:
        element = locate()
        if touch is not None:
            touch(element)
        old = data[element]
        if old is None:
            uninitialised(buffer, place)
        data[element] = combine(old, evaluate())

    return update


def _if(decide: Evaluate, then: list[Run], other: list[Run]) -> Run:
    def branch() -> None:
        for run in then if decide() else other:
            run()

    return branch


def _assert(holds: Evaluate, message: str) -> Run:
    def check() -> None:
        if not holds():
            raise AssertionFailed(message)

    return check


def _serial(loop: For, scope: Scope, place: str) -> Run:
    start, stop = evaluating(loop.start, scope, place), evaluating(loop.stop, scope, place)
    values, slot, step = scope.values, scope.slot(loop.var.name), loop.step
    body = running(loop.body, scope, place)
    if len(body) == 1:
        (only,) = body

        def run_only() -> None:
            for value in range(start(), stop(), step):
                values[slot] = value
                only()

        return run_only

    def run() -> None:
        for value in range(start(), stop(), step):
            values[slot] = value
            for statement in body:
                statement()

    return run


def _watched(loop: For, scope: Scope) -> bool:
    return scope.watch and loop.kind in ("parallel", "vectorised")


def _concurrent(loop: For, scope: Scope, place: str) -> Run:
    start, stop = evaluating(loop.start, scope, place), evaluating(loop.stop, scope, place)
    values, slot, step = scope.values, scope.slot(loop.var.name), loop.step
    written = frozenset(inner.buffer.name for inner in statements(loop.body) if isinstance(inner, Store | Reduce))
    running_loop = Concurrent(loop.var.name, loop.kind, written)
    around = scope.concurrent
    scope.concurrent = (*around, running_loop)
    body = running(loop.body, scope, place)
    scope.concurrent = around
    next_stamp = scope.races.next_stamp

    def run() -> None:
        first = True
        for value in range(start(), stop(), step):
            running_loop.now = next_stamp()
            if first:
                running_loop.begin, first = running_loop.now, False
            values[slot] = value
            for statement in body:
                statement()

    return run
