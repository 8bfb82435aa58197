"""Expressions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tvm import tirx

from misfold.compiler.dtypes import BF16, BOOL, F32, INDEX, U8, DType
from misfold.compiler.loops.ir import Binary, Buffer, Cast, Const, Expr, Load, Select, Unary, Var
from misfold.compiler.loops.operators import BINARY
from misfold.programs.kernel_arrays import span

from . import floats, integers
from .casts import convert, rounded
from .emitter import Emitter, cast, constant, wide

_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "eq": tirx.EQ,
    "ne": tirx.NE,
    "lt": tirx.LT,
    "le": tirx.LE,
    "gt": tirx.GT,
    "ge": tirx.GE,
}


def expression(emitter: Emitter, node: Expr) -> Any:
    """An expression; what it needs beforehand is added to ``emitter.before``."""
    match node:
        case Const(value, dtype):
            return constant(value, dtype)
        case Var(name, _):
            return emitter.variables[name]
        case Load(buffer, indices):
            return load(emitter, buffer, [expression(emitter, one) for one in indices])
        case Unary(op, operand):
            return unary(emitter, op, expression(emitter, operand), operand.dtype)
        case Binary(op, left, right):
            return binary(emitter, op, expression(emitter, left), expression(emitter, right), left.dtype)
        case Select(condition, then, other):
            return tirx.Select(*[expression(emitter, one) for one in (condition, then, other)])
        case Cast(dtype, operand):
            known = None if operand.dtype.is_float else emitter.ranges.interval(operand)
            return convert(emitter, expression(emitter, operand), operand.dtype, dtype, known)
    raise TypeError(f"not an expression: {node!r}")


def load(emitter: Emitter, buffer: Buffer, places: list[Any]) -> Any:
    """An element of a buffer."""
    value = tirx.BufferLoad(emitter.buffers[buffer.name], _located(emitter, buffer, places))
    return cast(F32, value) if buffer.dtype == BF16 and buffer.name not in emitter.local else value


def store(emitter: Emitter, buffer: Buffer, value: Any, places: list[Any]) -> Any:
    """A store to a buffer."""
    if buffer.dtype == BF16 and buffer.name not in emitter.local:
        value = cast(BF16, value)
    return tirx.BufferStore(emitter.buffers[buffer.name], value, _located(emitter, buffer, places))


def _located(emitter: Emitter, buffer: Buffer, places: list[Any]) -> list[Any]:
    """The indices of an element in the emitted buffer."""
    if buffer.strides is None or buffer.name in emitter.local:
        return places
    position = constant(span(buffer)[1], INDEX)
    for place, stride in zip(places, buffer.strides):
        position = tirx.Add(position, tirx.Mul(place, constant(stride, INDEX)))
    return [position]


def unary(emitter: Emitter, op: str, value: Any, dtype: DType) -> Any:
    """A unary operator on an emitted value."""
    if not dtype.is_float:
        return integers.unary(op, value, dtype)
    result = floats.unary(emitter, op, value, wide(dtype))
    return rounded(emitter, result) if dtype == BF16 else result


def binary(emitter: Emitter, op: str, a: Any, b: Any, dtype: DType) -> Any:
    """A binary operator on emitted values of one type."""
    if BINARY[op].compares:
        if dtype == BOOL:
            # TVM compares bools as floats, which LLVM refuses.
            a, b = cast(U8, a), cast(U8, b)
        return _COMPARISONS[op](a, b)
    if not dtype.is_float:
        return integers.binary(emitter, op, a, b, dtype)
    result = floats.binary(emitter, op, a, b, wide(dtype))
    return rounded(emitter, result) if dtype == BF16 else result
