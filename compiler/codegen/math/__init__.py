"""Math functions of floats as straight-line arithmetic without branches, so that they run on vectors: one file for each
family, each function written once for scalars and vectors of both binary32 and binary64.

f16 and bf16 are computed in binary32 and rounded. Some f64 functions are the C library's, called for each lane:
``from_library`` says which. A fused multiply-add in hardware is taken for granted.
"""

from __future__ import annotations

from collections.abc import Callable

from misfold.compiler.codegen.emitter import Value
from misfold.compiler.dtypes import DType

from .error_functions import erf, erfc
from .exponentials import exp, exp2, expm1
from .hyperbolic import acosh, asinh, atanh, cosh, sinh, tanh
from .inverse_trigonometric import acos, asin, atan, atan2
from .logarithms import log, log1p, log2, log10
from .power import power
from .trigonometric import cos, sin, tan

#: The function; its largest error in ULP for f32; and for f64, or None where that is the C library's.
_FUNCTIONS: dict[str, tuple[Callable[..., Value], float, float | None]] = {
    "exp": (exp, 2, 2),
    "exp2": (exp2, 2, 2),
    "expm1": (expm1, 2, 3),
    "log": (log, 2, 2),
    "log2": (log2, 1, 2),
    "log10": (log10, 1, 2),
    "log1p": (log1p, 2, 2),
    "sin": (sin, 1, None),
    "cos": (cos, 1, None),
    "tan": (tan, 1, None),
    "asin": (asin, 3, 3),
    "acos": (acos, 3, 3),
    "atan": (atan, 2, 2),
    "sinh": (sinh, 1, 3),
    "cosh": (cosh, 1, 3),
    "tanh": (tanh, 3, 3),
    "asinh": (asinh, 1, 3),
    "acosh": (acosh, 1, 4),
    "atanh": (atanh, 1, 3),
    "erf": (erf, 2, None),
    "erfc": (erfc, 1, None),
    "pow": (power, 1, None),
    "atan2": (atan2, 1, 3),
}
#: A call costs a few nanoseconds, where inlining costs milliseconds at compile time.
FEW = 1024
#: What the C library promises: glibc's manual, "Known maximum errors in math functions".
_LIBRARY_ULP = 2.0


def error_ulp(op: str, dtype: DType) -> float:
    """An upper bound of the error of a math function, in units in the last place of the result."""
    _, single, double = _FUNCTIONS[op]
    if dtype.name == "f64":
        return _LIBRARY_ULP if double is None else double
    # A result in binary32 that is off by a little is rounded to 16 bits: half a unit, and hardly more.
    return single if dtype.name == "f32" else 0.51


def from_library(op: str, dtype: DType) -> bool:
    """Whether the C library's function is called, lane by lane."""
    return dtype.name == "f64" and _FUNCTIONS[op][2] is None


def call(op: str, operands: tuple[Value, ...]) -> Value:
    """Apply a math function to values of one element type, binary32 or binary64."""
    e = operands[0].emitter
    lanes = max(one.type.lanes for one in operands)
    values = [e.broadcast(one, lanes) for one in operands]
    type = values[0].type
    function, _, double = _FUNCTIONS[op]
    if type.element == "double" and double is None:
        return _library(op, values)
    one = e.module.share if e.runs <= FEW else e.module.helper
    return e.call(one(op, type, len(values), function), values, type, declare=False)


def _library(op: str, values: list[Value]) -> Value:
    e, type = values[0].emitter, values[0].type
    if not type.lanes:
        return e.call(op, values, type)
    result = Value(e, "poison", type)
    for lane in range(type.lanes):
        one = e.call(op, [e.lane(value, lane) for value in values], type.scalar)
        result = e.instruction(f"insertelement {type.text} {result.text}, {one.type.text} {one.text}, i64 {lane}", type)
    return result
