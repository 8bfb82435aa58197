"""sinh, cosh, tanh, asinh, acosh, atanh out of expm1, exp, log1p and log, by the usual identities (fdlibm). Those of
binary32 are computed in binary64, tanh excepted."""

from __future__ import annotations

import math

from misfold.compiler.codegen.emitter import Value, absolute, copysign, fma, select, square_root

from .exponentials import exp_in, expm1_in, expm1_inside
from .logarithms import log1p_in, log_in
from .precision import WIDE, Precision, narrowed, own, widened


def sinh(x: Value) -> Value:
    if x.type.element == "float":
        return narrowed(_sinh(widened(x), WIDE))
    return _sinh(x, own(x))


def _sinh(x: Value, p: Precision) -> Value:
    a = absolute(x)
    e = expm1_in(a, p)
    result = (e + e / (e + 1.0)) * 0.5
    if p is not WIDE:
        result = select(a.gt(22.0), exp_in(a, p, scale=-1), result)
    return copysign(result, x)


def cosh(x: Value) -> Value:
    if x.type.element == "float":
        return narrowed(_cosh(widened(x), WIDE))
    return _cosh(x, own(x))


def _cosh(x: Value, p: Precision) -> Value:
    a = absolute(x)
    e = exp_in(a, p)
    result = fma(e, 0.5, 0.5 / e)
    return result if p is WIDE else select(a.gt(22.0), exp_in(a, p, scale=-1), result)


def tanh(x: Value) -> Value:
    p = own(x)
    largest = 10.0 if p.bits == 24 else 22.0
    a = absolute(x)
    e = expm1_inside(select(a.gt(largest), largest, a) * 2.0, p)
    return copysign(e / (e + 2.0), x)


def asinh(x: Value) -> Value:
    if x.type.element == "float":
        return narrowed(_asinh(widened(x), WIDE))
    return _asinh(x, own(x))


def _asinh(x: Value, p: Precision) -> Value:
    a = absolute(x)
    square = a * a
    near = log1p_in(a + square / (square_root(square + 1.0) + 1.0), p)
    return copysign(select(a.gt(2.0**28), _log_of_double(a, p), near), x)


def acosh(x: Value) -> Value:
    if x.type.element == "float":
        return narrowed(_acosh(widened(x), WIDE))
    return _acosh(x, own(x))


def _acosh(x: Value, p: Precision) -> Value:
    t = x - 1.0
    near = log1p_in(t + square_root(fma(t, t, t * 2.0)), p)
    return select(x.gt(2.0**28), _log_of_double(x, p), select(x.lt(1.0), math.nan, near))


def _log_of_double(a: Value, p: Precision) -> Value:
    """log(2a) for large a."""
    return select(a.eq(math.inf), a, log_in(a, p) + math.log(2.0))


def atanh(x: Value) -> Value:
    if x.type.element == "float":
        return narrowed(_atanh(widened(x), WIDE))
    return _atanh(x, own(x))


def _atanh(x: Value, p: Precision) -> Value:
    a = absolute(x)
    return copysign(log1p_in(a * 2.0 / (1.0 - a), p) * 0.5, x)
