"""The meaning of the loop IR's operators on Python values: bools, ints in range, floats exact in their type.

``operators`` states the meaning; this follows it to the letter. Everything comes in two forms: ``evaluate_unary``,
``evaluate_binary``, ``cast`` and ``select`` for passes that fold constants, and ``unary``, ``binary`` and ``casting``,
which look a function up once, for the interpreter.

f16, bf16 and f32 are computed in float64 and rounded. For ``add``, ``sub``, ``mul``, ``div`` and ``sqrt`` that gives
what rounding once would, as 53 >= 2 · 24 + 2 (Figueroa, "When is double rounding innocuous?", 1995).
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import cache

from misfold.compiler.dtypes import F32, DType
from misfold.compiler.rounding import round_float, round_integer, rounding

from . import float_arithmetic
from .integer_arithmetic import integer_binary, integer_unary, wrapping
from .operators import BINARY, UNARY

Scalar = int | float | bool
Function = Callable[..., Scalar]

_COMPARISONS: dict[str, Function] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
}
_BOOLEAN: dict[str, Function] = {"and": operator.and_, "or": operator.or_, "xor": operator.xor}


@cache
def unary(op: str, dtype: DType) -> Function:
    """The function of one operand that a unary operator is on a type.

    Raises:
        ValueError: the operator does not take the type.
    """
    if dtype.kind not in UNARY[op].kinds:
        raise ValueError(f"{op} does not take {dtype}")
    if dtype.is_bool:
        return operator.not_
    if dtype.is_integer:
        return integer_unary(op, dtype)
    function = float_arithmetic.UNARY[op]
    return function if op in float_arithmetic.EXACT_UNARY else _rounded_unary(function, dtype)


@cache
def binary(op: str, dtype: DType) -> Function:
    """The function of two operands that a binary operator is on operands of a type. Divisions of integers raise
    ZeroDivisionError.

    Raises:
        ValueError: the operator does not take the type.
    """
    if dtype.kind not in BINARY[op].kinds:
        raise ValueError(f"{op} does not take {dtype}")
    if op in _COMPARISONS:
        return _COMPARISONS[op]
    if dtype.is_bool:
        return _BOOLEAN[op]
    if dtype.is_integer:
        return integer_binary(op, dtype)
    if op == "floordiv":
        # f16 and bf16 take the steps in f32.
        steps = float_arithmetic.floored_quotient(rounding(dtype if dtype.precision >= F32.precision else F32))
        return _rounded_binary(steps, dtype)
    function = float_arithmetic.BINARY[op]
    return function if op in float_arithmetic.EXACT_BINARY else _rounded_binary(function, dtype)


def _rounded_unary(function: Function, dtype: DType) -> Function:
    if dtype.precision == 53:
        return function
    rounded = rounding(dtype)
    return lambda a: rounded(function(a))


def _rounded_binary(function: Function, dtype: DType) -> Function:
    if dtype.precision == 53:
        return function
    rounded = rounding(dtype)
    return lambda a, b: rounded(function(a, b))


@cache
def casting(source: DType, target: DType) -> Function:
    """The function that converts a value of one type to another."""
    if source == target:
        return lambda value: value
    if target.is_bool:
        return lambda value: value != 0
    if target.is_float:
        if source.is_float:
            return rounding(target) if target.precision < source.precision or target.bits <= source.bits else float
        if source.bits <= target.precision:
            return float
        return lambda value: round_integer(value, target)
    if not source.is_float:
        return int if source.is_bool or (target.min <= source.min and source.max <= target.max) else wrapping(target)
    low, high = int(target.min), int(target.max)

    def truncate(value: float) -> int:
        if value != value:
            return 0
        if value >= high:
            return high
        return low if value <= low else int(value)

    return truncate


# ----------------------------------------------------------------------------------------------- for folding constants


def evaluate_unary(op: str, dtype: DType, a: Scalar) -> Scalar:
    """A unary operator applied to a value of type ``dtype``.

    Raises:
        ValueError: the operator does not take the type.
    """
    return unary(op, dtype)(a)


def evaluate_binary(op: str, dtype: DType, a: Scalar, b: Scalar) -> Scalar:
    """A binary operator applied to two values of type ``dtype``; comparisons give a bool.

    Raises:
        ValueError: the operator does not take the type.
        ZeroDivisionError: a division of integers by zero, which is undefined: leave it where it stands.
    """
    return binary(op, dtype)(a, b)


def cast(value: Scalar, source: DType, target: DType) -> Scalar:
    """A value of type ``source`` converted to ``target``."""
    return casting(source, target)(value)


def select(condition: Scalar, then: Scalar, other: Scalar) -> Scalar:
    """``then`` where ``condition``, else ``other``."""
    return then if condition else other


def is_exact(value: Scalar, dtype: DType) -> bool:
    """Whether a ``Const`` of this type may hold the value: of the right Python type, in range, exact."""
    if dtype.is_bool:
        return type(value) is bool
    if dtype.is_integer:
        return type(value) is int and dtype.min <= value <= dtype.max
    return type(value) is float and (value != value or round_float(value, dtype) == value)
