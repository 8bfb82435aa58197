"""Rewrite rules on single expressions, each with the reason why it is exact.

Float rules hold for NaN, infinities, signed zeros and subnormals; which bits a NaN has is not part of a result. What
is *not* here: x + 0.0 (−0.0 + 0.0 is 0.0), x · 0 and x − x (NaN, infinity), x / y as x · (1 / y) (rounded twice),
reassociation, and swapping the operands of a float ``min`` (of two zeros either may be given, but always the same one).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from misfold.compiler.dtypes import BOOL, DType
from misfold.compiler.loops.ir import Binary, Cast, Const, Expr, Select, Unary
from misfold.compiler.loops.operators import BINARY
from misfold.compiler.loops.ranges import Ranges

NEGATED = {"lt": "ge", "ge": "lt", "le": "gt", "gt": "le", "eq": "ne", "ne": "eq"}
MIRRORED = {"lt": "gt", "gt": "lt", "le": "ge", "ge": "le"}
ROUNDINGS = ("floor", "ceil", "trunc", "round")


@dataclass(frozen=True)
class Rule:
    """``apply`` gives the better expression, or None where the rule does not fit."""

    reason: str
    apply: Callable[[Expr, Ranges], Expr | None]


RULES: dict[str, list[Rule]] = {}


def rule(operators: str, reason: str) -> Callable[[Callable[[Expr, Ranges], Expr | None]], object]:
    """Registers a rule for the named operators (``select`` and ``cast`` count as such)."""

    def register(function: Callable[[Expr, Ranges], Expr | None]) -> object:
        for operator in operators.split():
            RULES.setdefault(operator, []).append(Rule(reason, function))
        return function

    return register


def improve(expression: Expr, ranges: Ranges) -> Expr:
    """The expression after the first rule that fits it, or itself."""
    match expression:
        case Unary(op, _) | Binary(op, _, _):
            key = op
        case Select():
            key = "select"
        case Cast():
            key = "cast"
        case _:
            return expression
    for one in RULES.get(key, ()):
        better = one.apply(expression, ranges)
        if better is not None:
            return better
    return expression


def is_const(expression: Expr, value: float) -> bool:
    """Whether it is a literal of this value; a zero's sign counts."""
    if not (isinstance(expression, Const) and expression.value == value):
        return False
    return value != 0 or str(expression.value).startswith("-") == str(value).startswith("-")


def lossless(source: DType, target: DType) -> bool:
    """Whether each value of one type is a value of the other."""
    if source == target or source.is_bool:
        return True
    if target.is_bool:
        return False
    if source.is_integer and target.is_integer:
        return target.min <= source.min and source.max <= target.max
    if source.is_integer:  # all integers up to 2^precision are exact; f16's largest value is above 2^11
        return source.bits - (source.kind == "int") <= target.precision
    return target.is_float and source.precision <= target.precision and source.max <= target.max


# -------------------------------------------------------------------------------------------------------------- order


@rule("add mul and or xor eq ne", "they commute; constants stand right so that other rules look in one place only")
def _constant_right(e: Expr, _: Ranges) -> Expr | None:
    assert isinstance(e, Binary)
    if isinstance(e.left, Const) and not isinstance(e.right, Const):
        return Binary(e.op, e.right, e.left)
    return None


@rule("min max", "of integers they commute")
def _constant_right_integers(e: Expr, _: Ranges) -> Expr | None:
    assert isinstance(e, Binary)
    if isinstance(e.left, Const) and not isinstance(e.right, Const) and e.dtype.is_integer:
        return Binary(e.op, e.right, e.left)
    return None


@rule("lt le gt ge", "a < b exactly when b > a, for NaN too: both are false")
def _mirrored(e: Expr, _: Ranges) -> Expr | None:
    assert isinstance(e, Binary)
    if isinstance(e.left, Const) and not isinstance(e.right, Const):
        return Binary(MIRRORED[e.op], e.right, e.left)
    return None


# ----------------------------------------------------------------------------------------------------------- numbers


@rule("add", "-0.0 is the neutral element of IEEE addition: -0.0 + -0.0 is -0.0")
def _add_negative_zero(e: Expr, _: Ranges) -> Expr | None:
    assert isinstance(e, Binary)
    if e.dtype.is_float and isinstance(e.right, Const) and str(e.right.value) == "-0.0":
        return e.left
    return None


@rule("sub", "x - 0.0 is x for both zeros: -0.0 - 0.0 is -0.0")
def _subtract_zero(e: Expr, _: Ranges) -> Expr | None:
    assert isinstance(e, Binary)
    return e.left if e.dtype.is_float and is_const(e.right, 0.0) else None


@rule("mul div", "a factor of 1 is exact, one of -1 flips the sign, zero's too")
def _times_one(e: Expr, _: Ranges) -> Expr | None:
    assert isinstance(e, Binary)
    if e.dtype.is_float and is_const(e.right, 1.0):
        return e.left
    if e.dtype.is_float and is_const(e.right, -1.0):
        return Unary("neg", e.left)
    return None


@rule("floordiv truncdiv eucliddiv", "an integer divided by 1 is itself")
def _divided_by_one(e: Expr, _: Ranges) -> Expr | None:
    assert isinstance(e, Binary)
    return e.left if e.dtype.is_integer and is_const(e.right, 1) else None


@rule("floormod truncmod euclidmod", "an integer modulo 1 is 0")
def _modulo_one(e: Expr, _: Ranges) -> Expr | None:
    assert isinstance(e, Binary)
    return Const(0, e.dtype) if e.dtype.is_integer and is_const(e.right, 1) else None


@rule("add sub", "IEEE subtraction is addition of the negated operand")
def _negated_operand(e: Expr, _: Ranges) -> Expr | None:
    assert isinstance(e, Binary)
    match e.right:
        case Unary("neg", operand) if e.dtype.is_float:
            return Binary("sub" if e.op == "add" else "add", e.left, operand)
    return None


@rule("neg not", "neg and not are their own inverses, on wrapping integers too")
def _twice(e: Expr, _: Ranges) -> Expr | None:
    assert isinstance(e, Unary)
    match e.operand:
        case Unary(op, operand) if op == e.op:
            return operand
    return None


@rule("abs", "abs forgets a sign, on wrapping integers too; what is never negative is its own abs")
def _absolute(e: Expr, ranges: Ranges) -> Expr | None:
    assert isinstance(e, Unary)
    match e.operand:
        case Unary("neg", operand) if e.dtype.is_signed:  # an unsigned integer is its own abs
            return Unary("abs", operand)
        case Unary("abs", _):
            return e.operand
    return e.operand if e.dtype.is_integer and ranges.interval(e.operand).low >= 0 else None


@rule(" ".join(ROUNDINGS), "what is whole already is not rounded")
def _rounded(e: Expr, _: Ranges) -> Expr | None:
    assert isinstance(e, Unary)
    match e.operand:
        case Unary(op, _) if op in ROUNDINGS:
            return e.operand
        case Cast(_, operand) if not operand.dtype.is_float:  # f16 rounds large integers, to whole numbers or infinity
            return e.operand
    return None


@rule("copysign", "only the magnitude of the first operand and the sign of the second count")
def _copied_sign(e: Expr, _: Ranges) -> Expr | None:
    assert isinstance(e, Binary)
    match e.left:
        case Unary("neg" | "abs", operand):
            return Binary("copysign", operand, e.right)
    if isinstance(e.right, Const) and e.right.value == e.right.value:  # a NaN's sign is not part of its value
        magnitude = Unary("abs", e.left)
        return Unary("neg", magnitude) if str(e.right.value)[0] == "-" else magnitude
    return None


@rule("min max", "min and max of a value and itself; decided by the ranges; bounded by the type")
def _decided(e: Expr, ranges: Ranges) -> Expr | None:
    assert isinstance(e, Binary)
    if e.left == e.right:
        return e.left
    if not e.dtype.is_integer:
        return None
    first = ranges.truth(Binary("le" if e.op == "min" else "ge", e.left, e.right))
    if first is None:  # both may be right where they are equal, so one answer "no" is enough
        second = ranges.truth(Binary("ge" if e.op == "min" else "le", e.left, e.right))
        first = False if second else None
    return None if first is None else e.left if first else e.right


@rule("min max", "clamping to constants twice is clamping to the tighter one")
def _nested(e: Expr, ranges: Ranges) -> Expr | None:
    assert isinstance(e, Binary)
    match e:
        case Binary(op, Binary(inner, x, Const(a, _)), Const(b, dtype)) if op == inner and dtype.is_integer:
            return Binary(op, x, Const(min(a, b) if op == "min" else max(a, b), dtype))
    return None


# -------------------------------------------------------------------------------------------------------------- bits


@rule("and or", "idempotent; 0 and all ones are neutral or absorbing")
def _and_or(e: Expr, _: Ranges) -> Expr | None:
    assert isinstance(e, Binary)
    if e.left == e.right:
        return e.left
    if not isinstance(e.right, Const):
        return None
    ones = True if e.dtype.is_bool else -1 if e.dtype.kind == "int" else e.dtype.max
    neutral, absorbing = (ones, 0) if e.op == "and" else (0, ones)
    return e.left if e.right.value == neutral else e.right if e.right.value == absorbing else None


@rule("xor", "x xor x is 0, x xor 0 is x, a bool xor true is its opposite")
def _xor(e: Expr, _: Ranges) -> Expr | None:
    assert isinstance(e, Binary)
    if e.left == e.right:
        return Const(False if e.dtype.is_bool else 0, e.dtype)
    if isinstance(e.right, Const) and e.right.value == 0:
        return e.left
    return Unary("not", e.left) if e.dtype.is_bool and isinstance(e.right, Const) else None


@rule("shl shr", "shifting by 0, and shifting 0")
def _shift(e: Expr, _: Ranges) -> Expr | None:
    assert isinstance(e, Binary)
    return e.left if is_const(e.right, 0) or is_const(e.left, 0) else None


# ------------------------------------------------------------------------------------------------- conditions and casts


@rule("lt le gt ge eq ne and or xor not", "the ranges decide it")
def _known(e: Expr, ranges: Ranges) -> Expr | None:
    truth = ranges.truth(e) if e.dtype.is_bool else None
    return None if truth is None else Const(truth, BOOL)


@rule("not", "the opposite of a comparison; of an ordered one only for integers, as with NaN both are false")
def _negated(e: Expr, _: Ranges) -> Expr | None:
    match e:
        case Unary("not", Binary(op, left, right)) if op in NEGATED:
            if op in ("eq", "ne") or not left.dtype.is_float:
                return Binary(NEGATED[op], left, right)
    return None


@rule("eq ne", "comparing a bool with a constant is the bool or its opposite")
def _compared_bool(e: Expr, _: Ranges) -> Expr | None:
    assert isinstance(e, Binary)
    if not (e.left.dtype.is_bool and isinstance(e.right, Const)):
        return None
    return e.left if (e.op == "eq") == bool(e.right.value) else Unary("not", e.left)


@rule("select", "both sides are the same, or the condition is known")
def _selected(e: Expr, ranges: Ranges) -> Expr | None:
    assert isinstance(e, Select)
    if e.then == e.other:
        return e.then
    truth = ranges.truth(e.condition)
    return None if truth is None else e.then if truth else e.other


@rule("select", "a select between true and false is its condition; a negated condition swaps the sides")
def _select_condition(e: Expr, _: Ranges) -> Expr | None:
    assert isinstance(e, Select)
    if e.dtype.is_bool and isinstance(e.then, Const) and isinstance(e.other, Const):
        return e.condition if e.then.value else Unary("not", e.condition)
    match e.condition:
        case Unary("not", condition):
            return Select(condition, e.other, e.then)
    return None


@rule("cast", "to the same type; over a type that holds every value; or of integers over a wider one, as both wrap")
def _cast(e: Expr, _: Ranges) -> Expr | None:
    assert isinstance(e, Cast)
    source = e.operand.dtype
    if source == e.dtype:
        return e.operand
    if not isinstance(e.operand, Cast):
        return None
    first = e.operand.operand.dtype
    if lossless(first, source):
        # From float to integer a cast saturates, between integers it wraps: the same only for what fits.
        if not (source.is_float and first.is_integer and e.dtype.is_integer) or lossless(first, e.dtype):
            return Cast(e.dtype, e.operand.operand)
    if first.is_integer and source.is_integer and e.dtype.is_integer and source.bits >= e.dtype.bits:
        return Cast(e.dtype, e.operand.operand)
    return None


@rule("cast", "a bool's number is 0 or 1")
def _to_bool(e: Expr, _: Ranges) -> Expr | None:
    assert isinstance(e, Cast)
    if e.dtype.is_bool and e.operand.dtype.is_integer:
        return Binary("ne", e.operand, Const(0, e.operand.dtype))
    return None


assert all(name in BINARY or name in ("neg", "abs", "not", "select", "cast", *ROUNDINGS) for name in RULES)
