"""Whole functions and their statements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tvm import s_tir, tirx

from misfold.compiler.dtypes import BOOL, INDEX
from misfold.compiler.errors import VerificationError
from misfold.compiler.loops.ir import (
    Allocate,
    Assert,
    Binary,
    Cast,
    Const,
    Expr,
    For,
    Function,
    If,
    Parameter,
    Statement,
    Store,
    Var,
)
from misfold.compiler.loops.verify import verify

from .expressions import expression, places
from .reader import UNDEFINED, Reader, Unreadable, as_index, both, constant_shape, type_of, type_of_buffer

_KINDS = {
    int(tirx.ForKind.SERIAL): "serial",
    int(tirx.ForKind.PARALLEL): "parallel",
    int(tirx.ForKind.VECTORIZED): "parallel",
    int(tirx.ForKind.UNROLLED): "serial",
}


def read_function(function: Any, parameters: Sequence[Parameter]) -> Function:
    """A PrimFunc as a function of the loop IR with these parameters, which are its buffers in order.

    Raises:
        Unreadable: it has something that the loop IR does not.
    """
    reader = Reader()
    if len(function.params) != len(parameters):
        raise Unreadable(f"{len(function.params)} parameters, not {len(parameters)}")
    for var, parameter in zip(function.params, parameters):
        buffer = parameter.buffer
        if constant_shape(var) != buffer.shape or type_of_buffer(var) != buffer.dtype:
            raise Unreadable(f"the parameter {var.name} is another buffer than the text says")
        reader.buffers[hash(var)] = buffer
    made = Function("main", tuple(parameters), _block(reader, function.body))
    try:
        verify(made)
    except VerificationError as error:
        raise Unreadable(str(error)) from None
    return made


def _block(reader: Reader, node: Any) -> tuple[Statement, ...]:
    """A statement as a block of its own."""
    outer, reader.before = reader.before, []
    _statement(reader, node)
    found, reader.before = tuple(reader.before), outer
    return found


def _statement(reader: Reader, node: Any) -> None:
    """Add a statement to ``reader.before``."""
    match node:
        case tirx.SeqStmt():
            for one in node.seq:
                _statement(reader, one)
        case tirx.BufferStore():
            value = expression(reader, node.value)
            buffer = reader.buffer(node.buffer)
            if value.dtype != buffer.dtype:
                raise Unreadable(f"a store of {value.dtype} to a buffer of {buffer.dtype}")
            reader.before.append(Store(buffer, places(reader, node.indices), value))
        case tirx.For():
            reader.before.append(_loop(reader, node))
        case s_tir.SBlockRealize():
            _realize(reader, node)
        case tirx.IfThenElse():
            condition = expression(reader, node.condition)
            other = () if node.else_case is None else _block(reader, node.else_case)
            reader.before.append(If(condition, _block(reader, node.then_case), other))
        case tirx.Bind():
            reader.bind(node.var, expression(reader, node.value))
        case tirx.AllocBuffer():
            reader.before.append(Allocate(reader.local(node.buffer)))
        case tirx.AttrStmt():
            _statement(reader, node.body)
        case tirx.Evaluate() if isinstance(node.value, tirx.IntImm):
            pass
        case _:
            raise Unreadable(f"a statement of the kind {type(node).__name__}")


def _loop(reader: Reader, node: Any) -> For:
    kind = _KINDS.get(int(node.kind))
    if kind is None:
        raise Unreadable("a loop that is bound to a thread")
    step = 1 if node.step is None else int(node.step) if isinstance(node.step, tirx.IntImm) else 0
    if step < 1:
        raise Unreadable("a loop whose step is no positive constant")
    start = reader.held(as_index(expression(reader, node.min)))
    extent = as_index(expression(reader, node.extent))
    if isinstance(start, Const) and isinstance(extent, Const):
        stop: Expr = Const(int(start.value) + int(extent.value), INDEX)
    else:
        stop = Binary("add", start, extent)
    var, dtype = Var(reader.name("i")), type_of(node.loop_var)
    reader.variables[hash(node.loop_var)] = var if dtype == INDEX else Cast(dtype, var)
    return For(var, start, stop, _block(reader, node.body), kind, step)  # type: ignore[arg-type]


def _realize(reader: Reader, node: Any) -> None:
    """A block: its iteration variables bound, then, unless its predicate is false, what is in it."""
    block = node.block
    if len(block.match_buffers):
        raise Unreadable("a block that matches buffers")
    first: Expr = Const(True, BOOL)
    outer, reader.before = reader.before, []
    for iteration, binding in zip(block.iter_vars, node.iter_values):
        reader.bind(iteration.var, expression(reader, binding))
        value = reader.variables[hash(iteration.var)]
        low, extent = (as_index(expression(reader, one)) for one in (iteration.dom.min, iteration.dom.extent))
        place = as_index(value)
        inside = both(Binary("ge", place, low), Binary("lt", place, Binary("add", low, extent)))
        reader.before.append(Assert(inside, f"{UNDEFINED}{iteration.var.name} is outside of its domain"))
        if iteration.iter_type == tirx.IterVar.CommReduce:
            first = both(first, Binary("eq", place, low))
    for var in block.alloc_buffers:
        reader.before.append(Allocate(reader.local(var)))
    if block.init is not None:
        reader.before.append(If(first, _block(reader, block.init)))
    _statement(reader, block.body)
    inner, reader.before = tuple(reader.before), outer
    predicate = expression(reader, node.predicate)
    # A block of its own, so that its buffers are fresh each time.
    reader.before.append(If(predicate, inner))
