"""Expressions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from tvm import ir, tirx

from misfold.compiler.dtypes import BOOL, F16, F32, F64, DType
from misfold.compiler.loops.ir import Binary, Cast, Const, Expr, If, Load, Select, Store, Unary
from misfold.compiler.loops.visit import nodes

from .reader import Reader, Unreadable, as_index, both, type_of

_SAME: dict[type, str] = {
    tirx.Add: "add", tirx.Sub: "sub", tirx.Mul: "mul", tirx.FloorDiv: "floordiv", tirx.FloorMod: "floormod",
    tirx.EQ: "eq", tirx.NE: "ne", tirx.LT: "lt", tirx.LE: "le", tirx.GT: "gt", tirx.GE: "ge", tirx.And: "and",
    tirx.Or: "or", tirx.BitwiseAnd: "and", tirx.BitwiseOr: "or", tirx.BitwiseXor: "xor",
}  # fmt: skip
_BITWISE = {"bitwise_and": "and", "bitwise_or": "or", "bitwise_xor": "xor"}
_UNARY = (
    "exp exp2 log log2 log10 log1p sqrt sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh erf floor ceil "
    "trunc"
).split()


def expression(reader: Reader, node: Any) -> Expr:
    """An expression; what has to run beforehand is added to ``reader.before``.

    Raises:
        Unreadable: it has something that the loop IR does not.
    """
    kind = type(node)
    if kind is tirx.IntImm:
        dtype = type_of(node)
        return Const(bool(node.value) if dtype == BOOL else int(node.value), dtype)
    if kind is tirx.FloatImm:
        dtype = type_of(node)
        return Const(_exact(node.value, dtype), dtype)
    if kind is ir.Var:
        found = reader.variables.get(hash(node))
        if found is None:
            raise Unreadable(f"the variable {node.name}, which nothing binds")
        return found
    if kind is ir.TensorLoad:
        return Load(reader.buffer(node.source), places(reader, node.indices))
    if kind in _SAME:
        return _plain(_SAME[kind], expression(reader, node.a), expression(reader, node.b))
    if kind in (tirx.Min, tirx.Max):
        return _extremum("min" if kind is tirx.Min else "max", reader, node)
    if kind is tirx.Div:
        a, b = expression(reader, node.a), expression(reader, node.b)
        return Binary("div" if a.dtype.is_float else "truncdiv", a, b)
    if kind is tirx.Mod:
        return _plain("truncmod", expression(reader, node.a), expression(reader, node.b))
    if kind in (tirx.LShift, tirx.RShift):
        return _shift(reader, "shl" if kind is tirx.LShift else "shr", node.a, node.b)
    if kind in (tirx.Not, tirx.BitwiseNot):
        return Unary("not", expression(reader, node.a))
    if kind is tirx.Select:
        condition = expression(reader, node.condition)
        return Select(condition, expression(reader, node.true_value), expression(reader, node.false_value))
    if kind is tirx.Cast:
        return _cast(reader, expression(reader, node.value), type_of(node))
    if kind is tirx.Let:
        reader.bind(node.var, expression(reader, node.value))
        return expression(reader, node.body)
    if kind is ir.Call:
        return _call(reader, node)
    raise Unreadable(f"an expression of the kind {kind.__name__}")


def places(reader: Reader, indices: Any) -> tuple[Expr, ...]:
    """Indices of an element."""
    return tuple([as_index(expression(reader, one)) for one in indices])


def _exact(value: Any, dtype: DType) -> float:
    """A literal rounded to its type, as TVM does when it emits it."""
    kinds: dict[DType, Any] = {F16: np.float16, F32: np.float32, F64: np.float64}
    with np.errstate(over="ignore"):
        return float(kinds[dtype](value))


def _plain(op: str, a: Expr, b: Expr) -> Expr:
    if a.dtype != b.dtype:
        raise Unreadable(f"{op} of {a.dtype} and {b.dtype}")
    if a.dtype.is_float and op in ("floordiv", "floormod", "truncmod"):
        raise Unreadable(f"{op} of floats")
    return Binary(op, a, b)


def _extremum(op: str, reader: Reader, node: Any) -> Expr:
    a, b = expression(reader, node.a), expression(reader, node.b)
    if a.dtype.is_float:
        # TVM compares and selects, either way round: with NaN either may come of it.
        a, b = reader.held(a), reader.held(b)
        reader.require(both(Binary("eq", a, a), Binary("eq", b, b)), f"{op} of NaN")
    if a.dtype == BOOL:
        return Binary("and" if op == "min" else "or", a, b)
    return Binary(op, a, b)


def _shift(reader: Reader, op: str, left: Any, right: Any) -> Expr:
    a, b = expression(reader, left), expression(reader, right)
    if a.dtype != b.dtype or not a.dtype.is_integer:
        raise Unreadable(f"a shift of {a.dtype} by {b.dtype}")
    if not (isinstance(b, Const) and 0 <= b.value < a.dtype.bits):
        b = reader.held(b)
        zero, width = Const(0, b.dtype), Const(b.dtype.bits, b.dtype)
        reader.require(both(Binary("ge", b, zero), Binary("lt", b, width)), "a shift by the width or more")
    return Binary(op, a, b)


def _cast(reader: Reader, value: Expr, dtype: DType) -> Expr:
    if value.dtype == dtype:
        return value
    if value.dtype.is_float and dtype.is_integer:
        value = reader.held(value)
        wide = value if value.dtype == F64 else Cast(F64, value)
        low, high = Const(float(dtype.min) - 1.0, F64), Const(float(dtype.max) + 1.0, F64)
        # Near 2**63 a float64 steps over whole numbers: the bound below is in itself.
        above = "ge" if float(dtype.min) - 1.0 == float(dtype.min) else "gt"
        reader.require(both(Binary(above, wide, low), Binary("lt", wide, high)), f"a cast out of the range of {dtype}")
    return Cast(dtype, value)


def _call(reader: Reader, node: Any) -> Expr:
    name = str(getattr(node.op, "name", "")).rpartition(".")[2]
    if name == "if_then_else":
        return _lazily(reader, *node.args)
    if name == "likely":
        return expression(reader, node.args[0])
    if name in ("shift_left", "shift_right"):
        return _shift(reader, "shl" if name == "shift_left" else "shr", *node.args)
    operands = [expression(reader, one) for one in node.args]
    if name in _BITWISE:
        return _plain(_BITWISE[name], *operands)
    if name == "bitwise_not":
        return Unary("not", *operands)
    if name in ("fabs", "abs"):
        return Unary("abs", *operands)
    if not operands or not operands[0].dtype.is_float:
        raise Unreadable(f"a call of {name}")
    if name in _UNARY:
        return Unary(name, *operands)
    if name in _FUNCTIONS:
        return _FUNCTIONS[name](reader, *operands)
    raise Unreadable(f"a call of {name}")


def _lazily(reader: Reader, condition: Any, then: Any, other: Any) -> Expr:
    """``if_then_else``, which evaluates one side only."""
    decide = expression(reader, condition)
    outer = reader.before
    sides: list[tuple[Expr, list[Any]]] = []
    for side in (then, other):
        reader.before = []
        sides.append((expression(reader, side), reader.before))
    reader.before = outer
    (a, before_a), (b, before_b) = sides
    if not before_a and not before_b and _harmless(a) and _harmless(b):
        return Select(decide, a, b)
    cell = reader.cell(a.dtype)
    reader.before.append(If(decide, (*before_a, Store(cell, (), a)), (*before_b, Store(cell, (), b))))
    return Load(cell, ())


def _harmless(value: Expr) -> bool:
    """Whether evaluating it can't be undefined."""
    divides = ("floordiv", "floormod", "truncdiv", "truncmod")
    return not any(isinstance(node, Load) or (isinstance(node, Binary) and node.op in divides) for node in nodes(value))


def _float(value: float, like: Expr) -> Const:
    return Const(value, like.dtype)


def _isnan(reader: Reader, x: Expr) -> Expr:
    x = reader.held(x)
    return Binary("ne", x, x)


def _away(reader: Reader, x: Expr) -> Expr:
    """``round``, which takes halves away from zero."""
    x = reader.held(x)
    whole = reader.held(Unary("trunc", x))
    half = Binary("eq", Unary("abs", Binary("sub", x, whole)), _float(0.5, x))
    return Select(half, Binary("add", whole, Binary("copysign", _float(1.0, x), x)), Unary("round", x))


def _sigmoid(reader: Reader, x: Expr) -> Expr:
    return Binary("div", _float(1.0, x), Binary("add", _float(1.0, x), Unary("exp", Unary("neg", x))))


#: Functions that the loop IR has not by name. Those by ``pow`` are as little exact as it.
_FUNCTIONS: dict[str, Callable[..., Expr]] = {
    "isnan": _isnan,
    "isinf": lambda reader, x: Binary("eq", Unary("abs", x), _float(math.inf, x)),
    "isfinite": lambda reader, x: Binary("lt", Unary("abs", x), _float(math.inf, x)),
    "nearbyint": lambda reader, x: Unary("round", x),
    "round": _away,
    "sigmoid": _sigmoid,
    "rsqrt": lambda reader, x: Binary("pow", x, _float(-0.5, x)),
    "exp10": lambda reader, x: Binary("pow", _float(10.0, x), x),
    "pow": lambda reader, x, y: Binary("pow", x, y),
    "atan2": lambda reader, x, y: Binary("atan2", x, y),
    "copysign": lambda reader, x, y: Binary("copysign", x, y),
}
