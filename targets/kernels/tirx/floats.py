"""Operators on floats, spelt out where TVM's have another meaning for NaN or for halfway cases."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tvm import tirx

from misfold.compiler.dtypes import BOOL, F16, F32, DType
from misfold.targets.protocol import Unsupported

from .emitter import Emitter, cast, constant, differ

_EXACT: dict[str, Callable[[Any], Any]] = {
    "abs": tirx.abs,
    "sqrt": tirx.sqrt,
    "floor": tirx.floor,
    "ceil": tirx.ceil,
    "trunc": tirx.trunc,
    "round": tirx.nearbyint,
}
_FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    name: getattr(tirx, name)
    for name in (
        "exp exp2 log log2 log10 log1p sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh erf"
    ).split()
}
_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "add": tirx.Add,
    "sub": tirx.Sub,
    "mul": tirx.Mul,
    "div": tirx.Div,
}


def _fmod(a: Any, b: Any) -> Any:
    """libm's: tirx.fmod is an intrinsic that no code generator knows."""
    name = str(a.ty.dtype)
    return tirx.call_pure_extern(name, "fmodf" if name == "float32" else "fmod", a, b)


_CALLS: dict[str, Callable[[Any, Any], Any]] = {
    "truncmod": _fmod,
    "copysign": tirx.copysign,
    "atan2": tirx.atan2,
    "pow": tirx.power,
}


def unary(emitter: Emitter, op: str, value: Any, dtype: DType) -> Any:
    """A unary operator; ``dtype`` is not bf16.

    Raises:
        Unsupported: TVM has no such function.
    """
    if op == "neg":
        # Not 0 - x, which has another zero.
        return tirx.Mul(value, constant(-1.0, dtype))
    if op in _EXACT:
        return _EXACT[op](value)
    if op in _FUNCTIONS:
        return _in_f32(dtype, _FUNCTIONS[op], value)
    raise Unsupported(f"tirx has no {op}", op)


def binary(emitter: Emitter, op: str, a: Any, b: Any, dtype: DType) -> Any:
    """A binary operator, not a comparison; ``dtype`` is not bf16.

    Raises:
        Unsupported: TVM has no such function.
    """
    if op in _ARITHMETIC:
        return _ARITHMETIC[op](a, b)
    if op in _CALLS:
        return _in_f32(dtype, _CALLS[op], a, b)
    a, b = emitter.held(a, dtype), emitter.held(b, dtype)
    if op in ("min", "max"):
        smaller = (tirx.Min if op == "min" else tirx.Max)(a, b)
        return tirx.Select(tirx.isnan(a), a, tirx.Select(tirx.isnan(b), b, smaller))
    if op == "floormod":
        return _floormod(emitter, a, b, dtype)
    if op == "floordiv":
        return _floordiv(emitter, a, b, dtype)
    raise Unsupported(f"tirx has no {op}", op)


def _in_f32(dtype: DType, function: Callable[..., Any], *operands: Any) -> Any:
    """A function of libm, which has none for f16."""
    if dtype != F16:
        return function(*operands)
    return cast(F16, function(*[cast(F32, operand) for operand in operands]))


def _apart(remainder: Any, b: Any, dtype: DType) -> Any:
    """Whether a remainder is not zero and has another sign than the divisor."""
    zero = constant(0.0, dtype)
    return tirx.And(tirx.NE(remainder, zero), differ(tirx.LT(remainder, zero), tirx.LT(b, zero)))


def _floormod(emitter: Emitter, a: Any, b: Any, dtype: DType) -> Any:
    remainder = emitter.held(_in_f32(dtype, _fmod, a, b), dtype)
    return tirx.Select(_apart(remainder, b, dtype), tirx.Add(remainder, b), remainder)


def _floordiv(emitter: Emitter, a: Any, b: Any, dtype: DType) -> Any:
    """The steps that ``operators`` states; f16 takes them in f32."""
    if dtype == F16:
        a, b = (emitter.held(cast(F32, operand), F32) for operand in (a, b))
        return cast(F16, _floordiv(emitter, a, b, F32))
    zero, one = constant(0.0, dtype), constant(1.0, dtype)
    remainder = emitter.held(_fmod(a, b), dtype)
    quotient = emitter.held(tirx.Div(tirx.Sub(a, remainder), b), dtype)
    moved = tirx.Select(_apart(remainder, b, dtype), tirx.Sub(quotient, one), quotient)
    result = emitter.held(moved, dtype)
    floor = emitter.held(tirx.floor(result), dtype)
    rounded = tirx.Select(tirx.GT(tirx.Sub(result, floor), constant(0.5, dtype)), tirx.Add(floor, one), floor)
    return tirx.Select(emitter.held(tirx.EQ(b, zero), BOOL), tirx.Div(a, b), rounded)
