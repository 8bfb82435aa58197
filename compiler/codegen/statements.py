"""Statements of the loop IR in a scope."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from misfold.compiler.loops.ir import Allocate, Assert, Buffer, For, If, Let, Reduce, Statement, Store
from misfold.compiler.loops.operators import identity

from . import memory, reductions
from .addresses import Affine, Index, Place, materialised, pointer
from .emitter import Value
from .expressions import Scope, combine
from .layout import iterations
from .types import I64


def write_block(scope: Scope, block: Iterable[Statement]) -> None:
    """Write statements at the emitter's current place. Code after an ``Assert`` runs only where it holds."""
    for statement in block:
        _WRITERS[type(statement)](scope, statement)


def strides_of(buffer: Buffer) -> tuple[int, ...]:
    """In elements."""
    if buffer.strides is not None:
        return buffer.strides
    strides, step = [], 1
    for size in reversed(buffer.shape):
        strides.append(step)
        step *= max(size, 1)
    return tuple(reversed(strides))


def _let(scope: Scope, statement: Let) -> None:
    scope.values[statement.var.name] = scope.index(statement.value)


def _allocate(scope: Scope, statement: Allocate) -> None:
    buffer, layout, e = statement.buffer, scope.program.layout, scope.emitter
    copies = max(scope.lanes, 1)
    if buffer.name in scope.places:
        # In the arena, or in a loop that is written out: the memory is there already.
        base = scope.places[buffer.name].pointer
    elif buffer.name in layout.per_thread:
        base = pointer(e, scope.arena, "i8", e.literal(layout.per_thread[buffer.name], I64))
    else:
        base = e.allocate(buffer.elements * buffer.dtype.bytes * copies)
    scope.places[buffer.name] = Place(base, strides_of(buffer), copies)


def _store(scope: Scope, statement: Store) -> None:
    value = scope.value(statement.value)
    place, distance = scope.distance(statement.buffer, statement.indices, "store")
    memory.store(scope.emitter, place, statement.buffer.dtype, distance, value, scope.mask)


def _reduce(scope: Scope, statement: Reduce) -> None:
    """In lockstep, lanes touch elements of their own, all one element, or any."""
    value = scope.value(statement.value)
    place, distance = scope.distance(statement.buffer, statement.indices, "reduce")
    if not scope.lanes or isinstance(distance, Affine):
        _update(scope, statement, place, distance, value, scope.mask)
    elif distance.type.lanes:
        _reduce_lane_by_lane(scope, statement, place, distance, value)
    else:
        dtype, e = statement.buffer.dtype, scope.emitter
        value = e.broadcast(value, scope.lanes)
        if scope.mask is not None:
            value = e.select(scope.mask, value, e.literal(identity(statement.op, dtype), value.type))
        _update(scope, statement, place, distance, reductions.across_lanes(statement.op, value, dtype), None)


def _update(scope: Scope, statement: Reduce, place: Place, distance: Index, value: Value, mask: Value | None) -> None:
    dtype = statement.buffer.dtype
    old = memory.load(scope.emitter, place, dtype, distance, mask)
    new = combine(scope, statement.op, old, value, dtype)
    memory.store(scope.emitter, place, dtype, distance, new, mask)


def _reduce_lane_by_lane(scope: Scope, statement: Reduce, place: Place, distance: Value, value: Value) -> None:
    """Lanes may meet in an element, so one comes after the other."""
    e = scope.emitter
    for lane in range(scope.lanes):
        end = ""
        if scope.mask is not None:
            then, end = e.fresh("lane"), e.fresh("next")
            e.branch(e.lane(scope.mask, lane), then, end)
            e.begin(then)
        with e.nested():
            _update(scope, statement, place, e.lane(distance, lane), e.lane(value, lane), None)
        if end:
            e.jump(end)
            e.begin(end)


def _assert(scope: Scope, statement: Assert) -> None:
    scope.check(scope.value(statement.condition), "assert", statement.message)


def _if(scope: Scope, statement: If) -> None:
    e, condition = scope.emitter, scope.value(statement.condition)
    if condition.literal is not None:
        write_block(scope, statement.then if condition.literal else statement.other)
        return
    masked = bool(condition.type.lanes)
    for block, taken in ((statement.then, condition), (statement.other, None)):
        if not block:
            continue
        taken = ~condition if taken is None else taken
        inner = scope
        if masked:
            mask = taken if scope.mask is None else taken & scope.mask
            inner = replace(scope, mask=mask)
            taken = e.any(mask)
        then, end = e.fresh("then"), e.fresh("end")
        e.branch(taken, then, end)
        e.begin(then)
        with e.nested():
            write_block(inner, block)
        e.jump(end)
        e.begin(end)


# --------------------------------------------------------------------------------------------------------------- loops


#: An unrolled loop that would become more statements than this is written as a loop: LLVM's time grows faster than the
#: code that it is given, to minutes for nests of unrolled loops.
MOST_WRITTEN = 256


def _for(scope: Scope, statement: For) -> None:
    inner = replace(scope, path=(*scope.path, f"for {statement.var.name}"))
    match statement.kind:
        case "unrolled" if _written(statement) <= MOST_WRITTEN:
            for number in range(iterations(statement)):
                start = getattr(statement.start, "value", 0)
                inner.values[statement.var.name] = scope.emitter.literal(start + number * statement.step, I64)
                write_block(inner, statement.body)
        case "vectorised":
            _vectorised(inner, statement)
        case "parallel" if scope.program.threads > 1 and not scope.parallel:
            # Its body is made of statements again.
            from .parallel import write_parallel

            write_parallel(inner, statement)
        case _:
            write_serial(inner, statement, materialised(scope.index(statement.start)), scope.value(statement.stop))


def _written(statement: Statement) -> int:
    """How many statements it becomes when all unrolled loops in it are written out."""
    match statement:
        case For(kind="unrolled"):
            return iterations(statement) * sum(map(_written, statement.body))
        case For():
            return sum(map(_written, statement.body))
        case If():
            return 1 + sum(map(_written, (*statement.then, *statement.other)))
        case _:
            return 1


def _vectorised(scope: Scope, statement: For) -> None:
    lanes = iterations(statement)
    start = scope.emitter.literal(getattr(statement.start, "value", 0), I64)
    if lanes == 0:
        return
    if lanes == 1:
        scope.values[statement.var.name] = start
    else:
        scope.values[statement.var.name] = Affine(start, statement.step, lanes)
        scope.lanes = lanes
    write_block(scope, statement.body)


def write_serial(scope: Scope, statement: For, start: Value, stop: Value) -> None:
    """The loop with its test at the end, behind a test of whether it runs at all."""
    e = scope.emitter
    body, end = e.fresh("loop"), e.fresh("exit")
    constant, turns = False, math.inf
    if start.literal is not None and stop.literal is not None:
        constant, turns = True, -(-int(stop.literal - start.literal) // statement.step)
        if turns <= 0:
            return
        e.jump(body)
    else:
        e.branch(start.lt(stop), body, end)
    before = e.block
    e.begin(body)
    following = e.fresh("%next")
    # The block that jumps back is known once the body is written.
    phi, var = e.later(), Value(e, e.fresh("%i"), I64)
    scope.values[statement.var.name] = var
    outside = e.runs
    e.runs *= turns
    with e.nested():
        write_block(scope, statement.body)
        e.runs = outside
        if constant or statement.step == 1:
            e.line(f"{following} = add nsw i64 {var.text}, {statement.step}")
            again = Value(e, following, I64).lt(stop)
        else:
            # The next value may be beyond the largest integer: ask what is left before adding.
            again = e.compare("ugt", stop - var, statement.step)
            e.line(f"{following} = add i64 {var.text}, {statement.step}")
    e.fill(phi, f"{var.text} = phi i64 [ {start.text}, %{before} ], [ {following}, %{e.block} ]")
    e.branch(again, body, end)
    e.begin(end)


_WRITERS: dict[type, Callable[[Scope, Any], None]] = {
    Let: _let,
    Allocate: _allocate,
    Store: _store,
    Reduce: _reduce,
    For: _for,
    If: _if,
    Assert: _assert,
}
