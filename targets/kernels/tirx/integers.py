"""Operators on integers and bools. What TVM does not define is guarded by selects, but for overflow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tvm import tirx

from misfold.compiler.dtypes import BOOL, DType
from misfold.targets.protocol import Unsupported

from .emitter import Emitter, constant, differ
from .powers import power

_PLAIN: dict[str, Callable[[Any, Any], Any]] = {
    "add": tirx.Add,
    "sub": tirx.Sub,
    "mul": tirx.Mul,
    "min": tirx.Min,
    "max": tirx.Max,
    "floordiv": tirx.FloorDiv,
    "floormod": tirx.FloorMod,
    "truncdiv": tirx.Div,
    "truncmod": tirx.Mod,
    "and": tirx.bitwise_and,
    "or": tirx.bitwise_or,
    "xor": tirx.bitwise_xor,
}
_BOOLEAN: dict[str, Callable[[Any, Any], Any]] = {"and": tirx.And, "or": tirx.Or, "xor": differ}


def unary(op: str, value: Any, dtype: DType) -> Any:
    """A unary operator on an integer or bool."""
    if op == "not":
        return tirx.Not(value) if dtype == BOOL else tirx.bitwise_not(value)
    if op == "neg":
        if dtype.kind == "uint":
            # TVM refuses to fold 0 - x.
            return tirx.Add(tirx.bitwise_not(value), constant(1, dtype))
        return tirx.Sub(constant(0, dtype), value)
    if op == "abs":
        return value if dtype.kind == "uint" else tirx.abs(value)
    raise Unsupported(f"{op} of {dtype}", op)


def binary(emitter: Emitter, op: str, a: Any, b: Any, dtype: DType) -> Any:
    """A binary operator, not a comparison, on two integers or bools."""
    if dtype == BOOL:
        return _BOOLEAN[op](a, b)
    if op in _PLAIN:
        return _PLAIN[op](a, b)
    if op == "pow":
        return power(emitter, emitter.held(a, dtype), emitter.held(b, dtype), dtype)
    a, b = emitter.held(a, dtype), emitter.held(b, dtype)
    zero = constant(0, dtype)
    if op in ("shl", "shr"):
        return _shift(op, a, b, dtype)
    if op in ("eucliddiv", "euclidmod"):
        if dtype.kind == "uint":
            return tirx.Div(a, b) if op == "eucliddiv" else tirx.Mod(a, b)
        remainder = emitter.held(tirx.Mod(a, b), dtype)
        negative, upward = tirx.LT(remainder, zero), tirx.GT(b, zero)
        if op == "euclidmod":
            moved = tirx.Select(upward, tirx.Add(remainder, b), tirx.Sub(remainder, b))
            return tirx.Select(negative, moved, remainder)
        one, quotient = constant(1, dtype), emitter.held(tirx.Div(a, b), dtype)
        moved = tirx.Select(upward, tirx.Sub(quotient, one), tirx.Add(quotient, one))
        return tirx.Select(negative, moved, quotient)
    raise Unsupported(f"{op} of {dtype}", op)


def _shift(op: str, a: Any, b: Any, dtype: DType) -> Any:
    """A shift by any amount: TVM's is undefined beyond the width."""
    zero, width = constant(0, dtype), constant(dtype.bits, dtype)
    if isinstance(b, tirx.IntImm):
        if 0 <= int(b.value) < dtype.bits:
            return tirx.shift_left(a, b) if op == "shl" else tirx.shift_right(a, b)
        return tirx.shift_right(a, constant(dtype.bits - 1, dtype)) if dtype.kind == "int" and op == "shr" else zero
    inside = tirx.LT(b, width)
    if dtype.kind == "int":
        inside = tirx.And(tirx.GE(b, zero), inside)
    amount = tirx.Select(inside, b, zero)
    if op == "shl":
        return tirx.Select(inside, tirx.shift_left(a, amount), zero)
    gone = tirx.Select(tirx.LT(a, zero), constant(-1, dtype), zero) if dtype.kind == "int" else zero
    return tirx.Select(inside, tirx.shift_right(a, amount), gone)
