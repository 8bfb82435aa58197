"""Operators on integers and bools, as ``loops.operators`` defines them: they wrap around and never trap."""

from __future__ import annotations

from misfold.compiler.dtypes import DType

from .emitter import Emitter, Module, Value, select
from .types import I1, Type

_COMPARISONS = {"eq": "eq", "ne": "ne", "lt": "lt", "le": "le", "gt": "gt", "ge": "ge"}
_PLAIN = {"add": "add", "sub": "sub", "mul": "mul", "and": "and", "or": "or", "xor": "xor"}


def unary(op: str, x: Value, dtype: DType) -> Value:
    match op:
        case "not":
            return ~x
        case "neg":
            return -x
        case "abs":
            return x if not dtype.is_signed else select(x.lt(0), -x, x)
    raise AssertionError(f"{op} of {dtype}")


def binary(op: str, x: Value, y: Value, dtype: DType, mask: Value | None = None) -> Value:
    """``mask`` says in which lanes the operands mean something: elsewhere, a division by zero must not trap."""
    emitter = x.emitter
    if op in _PLAIN:
        return emitter.arithmetic(_PLAIN[op], x, y)
    if op in _COMPARISONS:
        return emitter.compare(_predicate(op, dtype), x, y)
    match op:
        case "min" | "max":
            return emitter.intrinsic(("s" if dtype.is_signed else "u") + op, (x, y), x.type)
        case "shl" | "shr":
            return _shift(op, x, y, dtype)
        case "pow":
            return _pow(x, y, dtype)
    return _divide(op, x, y, dtype, mask)


def _predicate(op: str, dtype: DType) -> str:
    return op if op in ("eq", "ne") else ("s" if dtype.is_signed else "u") + op


def _shift(op: str, x: Value, amount: Value, dtype: DType) -> Value:
    if op == "shr" and dtype.is_signed:
        # Everything shifted out is what shifting by width − 1 leaves: the sign.
        return x.ashr(x.emitter.intrinsic("umin", (amount, dtype.bits - 1), amount.type))
    shifted = x << amount if op == "shl" else x.lshr(amount)
    return select(amount.ult(dtype.bits), shifted, 0)


def _divide(op: str, x: Value, y: Value, dtype: DType, mask: Value | None) -> Value:
    want_quotient = op.endswith("div")
    by = y.literal
    if by is None:
        if mask is not None and (x.type.lanes or y.type.lanes):
            y = select(mask, y, 1)
        if dtype.is_signed:
            # The quotient does not fit; that of a division by 1 is the one that wraps around, its remainder is 0 too.
            y = select(x.eq(int(dtype.min)) & y.eq(-1), 1, y)
    elif dtype.is_signed and by == -1:
        return -x if want_quotient else x.emitter.arithmetic("and", x, 0)
    unsigned = not dtype.is_signed
    if by is not None and by > 0 and int(by) & (int(by) - 1) == 0 and (unsigned or not op.startswith("trunc")):
        # Rounding down and to a nonnegative remainder are shifts and masks for a power of two.
        if want_quotient:
            shift = int(by).bit_length() - 1
            return x.lshr(shift) if unsigned else x.ashr(shift)
        return x & (int(by) - 1)
    if unsigned:
        return x.emitter.arithmetic("udiv" if want_quotient else "urem", x, y)
    quotient = x.emitter.arithmetic("sdiv", x, y)
    if op == "truncdiv":
        return quotient
    remainder = x - quotient * y
    if op == "truncmod":
        return remainder
    zero = x.emitter.literal(0, remainder.type)
    if op.startswith("floor"):
        wrong = remainder.ne(0) & (remainder ^ y).lt(0)
        if want_quotient:
            return select(wrong, quotient - 1, quotient)
        return select(wrong, remainder + y, remainder)
    negative = remainder.lt(0)
    if want_quotient:
        return select(negative, select(y.gt(0), quotient - 1, quotient + 1), quotient)
    return remainder + select(negative, select(y.gt(0), y, zero - y), zero)


def _pow(x: Value, y: Value, dtype: DType) -> Value:
    exponent = y.literal
    if exponent is not None and 0 <= exponent <= 64:
        return _power(x, int(exponent))
    emitter = x.emitter
    lanes = x.type.lanes or y.type.lanes
    x, y = emitter.broadcast(x, lanes), emitter.broadcast(y, lanes)
    result = emitter.call(_pow_loop(emitter.module, x.type), [x, y], x.type, declare=False)
    if not dtype.is_signed:
        return result
    one = emitter.literal(1, x.type)
    inverse = select(x.eq(1), one, select(x.eq(-1), select((y & 1).eq(0), one, -1), 0))
    return select(y.lt(0), inverse, result)


def _power(x: Value, exponent: int) -> Value:
    """Written out by squaring (Knuth, TAOCP 2, section 4.6.3, algorithm A)."""
    result = None
    while exponent:
        if exponent & 1:
            result = x if result is None else result * x
        exponent >>= 1
        if exponent:
            x = x * x
    return x.emitter.literal(1, x.type) if result is None else result


def _pow_loop(module: Module, type: Type) -> str:
    """The name of a function that raises to an unsigned power by squaring, until no lane has bits of it left."""
    name = f"ipow.{type.mangled}"
    if name in module.helpers:
        return name
    module.helpers.add(name)
    e = Emitter(module)
    e.jump("loop")
    e.begin("loop")
    one = e.literal(1, type).text
    t = type.text
    result = e.instruction(f"phi {t} [ {one}, %entry ], [ %result.next, %loop ]", type)
    base = e.instruction(f"phi {t} [ %x, %entry ], [ %base.next, %loop ]", type)
    power = e.instruction(f"phi {t} [ %y, %entry ], [ %power.next, %loop ]", type)
    product = select((power & 1).ne(0), result * base, result)
    e.line(f"%result.next = or {t} {product.text}, {e.literal(0, type).text}")
    e.line(f"%base.next = mul {t} {base.text}, {base.text}")
    e.line(f"%power.next = lshr {t} {power.text}, {one}")
    left = e.any(Value(e, "%power.next", type).ne(0))
    assert left.type is I1
    e.branch(left, "loop", "done")
    e.begin("done")
    e.line(f"ret {t} %result.next")
    module.define(e.function(f"define internal {t} @{name}({t} %x, {t} %y) #0"))
    return name
