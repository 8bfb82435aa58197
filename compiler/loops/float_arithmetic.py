"""The operators on floats, as functions of Python floats, before they are rounded to their type.

Python's ``math`` raises where IEEE 754 has infinities and NaNs (section 9.2.1 lists the special cases): here nothing
raises.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable

Float = Callable[..., float]

_INF, _NAN = math.inf, math.nan


def _total(function: Float, outside: Float = lambda x: _NAN, overflow: Float = lambda x: _INF) -> Float:
    """``function`` with values for arguments outside of its domain and for results outside of float64."""

    def total(x: float) -> float:
        try:
            return function(x)
        except ValueError:
            return outside(x)
        except OverflowError:
            return overflow(x)

    return total


def _logarithm(function: Float, pole: float = 0.0) -> Float:
    return _total(function, lambda x: -_INF if x == pole else _NAN)


def _integral(function: Callable[[float], int]) -> Float:
    def integral(x: float) -> float:
        # From 2⁵² on all floats are integers; NaN and infinities fail the comparison too. -0.0 keeps its sign.
        if -4503599627370496.0 < x < 4503599627370496.0:
            return math.copysign(float(function(x)), x)
        return x

    return integral


UNARY: dict[str, Float] = {
    "neg": operator.neg,
    "abs": abs,
    "sqrt": _total(math.sqrt),
    "floor": _integral(math.floor),
    "ceil": _integral(math.ceil),
    "trunc": _integral(math.trunc),
    "round": _integral(round),
    "exp": _total(math.exp),
    "exp2": _total(math.exp2),
    "expm1": _total(math.expm1),
    "log": _logarithm(math.log),
    "log2": _logarithm(math.log2),
    "log10": _logarithm(math.log10),
    "log1p": _logarithm(math.log1p, -1.0),
    "sin": _total(math.sin),
    "cos": _total(math.cos),
    "tan": _total(math.tan),
    "asin": _total(math.asin),
    "acos": _total(math.acos),
    "atan": math.atan,
    "sinh": _total(math.sinh, overflow=lambda x: math.copysign(_INF, x)),
    "cosh": _total(math.cosh),
    "tanh": math.tanh,
    "asinh": math.asinh,
    "acosh": _total(math.acosh),
    "atanh": _total(math.atanh, lambda x: math.copysign(_INF, x) if abs(x) == 1.0 else _NAN),
    "erf": math.erf,
    "erfc": math.erfc,
}
#: Their results are in their operand's type already.
EXACT_UNARY = frozenset({"neg", "abs", "floor", "ceil", "trunc", "round"})


def divide(a: float, b: float) -> float:
    """a / b as IEEE 754 has it."""
    if b:
        return a / b
    if b != b:
        return b
    return _NAN if a == 0.0 or a != a else math.copysign(_INF, a) * math.copysign(1.0, b)


def _truncated_remainder(a: float, b: float) -> float:
    try:
        return math.fmod(a, b)
    except ValueError:
        return _NAN


def _floored_remainder(a: float, b: float) -> float:
    return a % b if b else _NAN


def floored_quotient(rounded: Float) -> Float:
    """Python's ``//``, step by step in a type: ``rounded`` rounds to it. (Objects/floatobject.c, _float_div_mod.)"""

    def quotient(a: float, b: float) -> float:
        if b == 0.0:
            return divide(a, b)
        remainder = _truncated_remainder(a, b)
        result = rounded(rounded(a - remainder) / b)
        if remainder and (b < 0.0) != (remainder < 0.0):
            result = rounded(result - 1.0)
        if result == 0.0:
            return math.copysign(0.0, a) * math.copysign(1.0, b)
        if result != result or result in (_INF, -_INF):
            return result
        floor = float(math.floor(result))
        return rounded(floor + 1.0) if result - floor > 0.5 else floor

    return quotient


def _power(a: float, b: float) -> float:
    odd = b % 2.0 == 1.0 if math.isfinite(b) else False
    try:
        return math.pow(a, b)
    except ValueError:
        # A zero to a negative power, or a negative number to a broken one.
        return (math.copysign(_INF, a) if odd else _INF) if a == 0.0 else _NAN
    except OverflowError:
        return -_INF if a < 0.0 and odd else _INF


def _minimum(a: float, b: float) -> float:
    return a if a <= b or a != a else b


def _maximum(a: float, b: float) -> float:
    return a if a >= b or a != a else b


#: ``floordiv`` is left out: it depends on the type (``floored_quotient``).
BINARY: dict[str, Float] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": divide,
    "floormod": _floored_remainder,
    "truncmod": _truncated_remainder,
    "pow": _power,
    "atan2": math.atan2,
    "copysign": math.copysign,
    "min": _minimum,
    "max": _maximum,
}
#: Their results are in their operands' type already.
EXACT_BINARY = frozenset({"min", "max", "copysign", "truncmod"})
