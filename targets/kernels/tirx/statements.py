"""Statements and loops."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tvm import ir, tirx

from misfold.compiler.dtypes import INDEX
from misfold.compiler.loops.affine import affine
from misfold.compiler.loops.ir import Allocate, Assert, Const, For, If, Let, LoopKind, Reduce, Statement, Store
from misfold.compiler.loops.ranges import Ranges
from misfold.compiler.loops.verify import trip_count
from misfold.compiler.loops.visit import statements

from .blocks import Around, realized
from .emitter import Emitter, constant, type_name, wide
from .expressions import binary, expression, load, store

_KINDS = {
    "serial": tirx.ForKind.SERIAL,
    "parallel": tirx.ForKind.PARALLEL,
    "vectorised": tirx.ForKind.VECTORIZED,
    "unrolled": tirx.ForKind.UNROLLED,
}


def block(emitter: Emitter, body: Sequence[Statement], ranges: Ranges) -> Any:
    """The statements of a block as one."""
    outer, outer_before = emitter.ranges, emitter.before
    emitter.ranges = ranges
    found: list[Any] = []
    for statement in body:
        emitter.before = []
        made = _statement(emitter, statement)
        found += [*emitter.before, made]
        if isinstance(statement, Let):
            ranges.bind(statement.var, statement.value)
    emitter.ranges, emitter.before = outer, outer_before
    if not found:
        return tirx.Evaluate(tirx.IntImm("int32", 0))
    return found[0] if len(found) == 1 else tirx.SeqStmt(found)


def _statement(emitter: Emitter, statement: Statement) -> Any:
    if emitter.blocks and isinstance(statement, Store | Reduce):
        emitter.made += 1
        name = f"{statement.buffer.name}_{emitter.made}"
        return realized(emitter, statement, name, lambda: _plain(emitter, statement))
    return _plain(emitter, statement)


def _plain(emitter: Emitter, statement: Statement) -> Any:
    match statement:
        case Let(var, value):
            made = expression(emitter, value)
            held = emitter.variables[var.name] = tirx.Var(var.name, type_name(wide(var.dtype)))
            emitter.bound += 1
            return tirx.Bind(held, made)
        case Allocate(buffer):
            # Where its elements lie is seen by nobody: strides are for parameters.
            made = tirx.decl_buffer(buffer.shape, type_name(wide(buffer.dtype)), buffer.name)
            emitter.buffers[buffer.name] = made
            emitter.local.add(buffer.name)
            return tirx.AllocBuffer(emitter.buffers[buffer.name])
        case Store(buffer, indices, value):
            made = expression(emitter, value)
            return store(emitter, buffer, made, [expression(emitter, one) for one in indices])
        case Reduce(op, buffer, indices, value):
            places = [emitter.held(expression(emitter, one), INDEX) for one in indices]
            made = binary(emitter, op, load(emitter, buffer, places), expression(emitter, value), buffer.dtype)
            return store(emitter, buffer, made, places)
        case For():
            return _loop(emitter, statement)
        case If(condition, then, other):
            decide = expression(emitter, condition)
            ranges = emitter.ranges
            taken = block(emitter, then, ranges.assuming(condition))
            return tirx.IfThenElse(
                decide, taken, block(emitter, other, ranges.assuming(condition, False)) if other else None
            )
        case Assert(condition, message):
            words = [ir.StringImm(message)]
            return tirx.AssertStmt(expression(emitter, condition), ir.StringImm("RuntimeError"), words)
    raise TypeError(f"not a statement: {statement!r}")


def _loop(emitter: Emitter, loop: For) -> Any:
    kind = _kind(emitter, loop)
    start, extent = _extent(emitter, loop)
    var = tirx.Var(loop.var.name, type_name(INDEX))
    step = None if loop.step == 1 else constant(loop.step, INDEX)
    emitter.variables[loop.var.name] = var

    def value(own: Any) -> Any:
        return own

    if step is not None and (kind != "serial" or not emitter.plain):
        # Only loops that stay loops have steps in TVM, and CanonicalizeLoop gets the bounds of loops inside them wrong.
        count = trip_count(loop)
        trips = constant(count, INDEX) if count is not None else _trips(extent, loop.step)
        first, stride = start, step

        def value(own: Any) -> Any:
            return tirx.Add(first, tirx.Mul(own, stride))

        emitter.variables[loop.var.name] = value(var)
        start, extent, step = constant(0, INDEX), trips, None
    emitter.around.append(kind)
    emitter.loops.append(Around(loop.var.name, var, start, extent, value))
    bound = emitter.bound
    body = block(emitter, loop.body, emitter.ranges.inside(loop))
    emitter.around.pop()
    emitter.loops.pop()
    if kind == "vectorised" and not emitter.plain and emitter.bound > bound:
        # Statements that VectorizeLoop takes lane by lane lose the variables bound in front of them.
        kind = "serial"
    return tirx.For(var, start, extent, _KINDS[kind], body, step=step)


def _kind(emitter: Emitter, loop: For) -> LoopKind:
    """The kind that a loop can have in TVM, where lanes do not meet in a reduction and parallel loops do not nest."""
    if loop.kind == "parallel" and "parallel" in emitter.around:
        return "serial"
    if loop.kind == "vectorised" and (not trip_count(loop) or _lanes_meet(loop)):
        return "serial"
    return loop.kind


def _lanes_meet(loop: For) -> bool:
    local = {one.buffer.name for one in statements(loop.body) if isinstance(one, Allocate)}
    for statement in statements(loop.body):
        if isinstance(statement, Reduce) and statement.buffer.name not in local:
            forms = [affine(one) for one in statement.indices]
            if not any(form is not None and form.coefficient(loop.var.name) for form in forms):
                return True
    return False


def _extent(emitter: Emitter, loop: For) -> tuple[Any, Any]:
    """Where a loop starts and how far it goes, which is never below zero."""
    start = emitter.held(expression(emitter, loop.start), INDEX)
    if isinstance(loop.start, Const) and isinstance(loop.stop, Const):
        return start, constant(max(0, int(loop.stop.value) - int(loop.start.value)), INDEX)
    stop = expression(emitter, loop.stop)
    zero = constant(0, INDEX)
    distance = stop if loop.start == Const(0, INDEX) else tirx.Sub(stop, start)
    low = emitter.ranges.interval(loop.stop).low - emitter.ranges.interval(loop.start).high
    return start, distance if low >= 0 else tirx.Max(distance, zero)


def _trips(extent: Any, step: int) -> Any:
    return tirx.FloorDiv(tirx.Add(extent, constant(step - 1, INDEX)), constant(step, INDEX))
