"""asin, acos, atan, atan2: arguments are brought near zero by the addition theorems (Cephes, asin.c and atan.c), where
a polynomial in the square takes over."""

from __future__ import annotations

import math

from misfold.compiler.codegen.emitter import Value, absolute, bits, copysign, fma, polynomial, select, square_root

from . import coefficients as c
from .precision import Precision, narrowed, own, widened

_TAN_PI_8 = 0.41421356237309503
_TAN_3PI_8 = 2.414213562373095
# π/2 and π/4 as sums of two numbers of the type.
_HALF_PI = {24: (1.57079637050628662109375, -4.37113900018624283e-8), 53: (math.pi / 2, 6.123233995736766e-17)}


def atan(x: Value) -> Value:
    return copysign(_atan(absolute(x), own(x)), x)


def _atan(a: Value, p: Precision) -> Value:
    """For a ≥ 0: atan(a) = base + atan(t) with |t| ≤ tan(π/8)."""
    e, type = a.emitter, a.type
    high, low = _HALF_PI[p.bits]
    beyond, middle = a.gt(_TAN_3PI_8), a.gt(_TAN_PI_8)
    numerator = select(beyond, -1.0, select(middle, a - 1.0, a))
    denominator = select(beyond, a, select(middle, a + 1.0, 1.0))
    t = numerator / denominator
    base = select(beyond, e.literal(high, type), select(middle, e.literal(high / 2, type), 0.0))
    rest = select(beyond, e.literal(low, type), select(middle, e.literal(low / 2, type), 0.0))
    z = t * t
    return base + (fma(t * z, polynomial(z, p.pick(c.ATAN_24, c.ATAN_53)), rest) + t)


def atan2(y: Value, x: Value) -> Value:
    if x.type.element == "float":
        # The quotient and the sums round only once, and none of it under- or overflows.
        return narrowed(atan2(widened(y), widened(x)))
    p = own(x)
    high, low = _HALF_PI[p.bits]
    a, b = absolute(y), absolute(x)
    steep = a.gt(b)
    smaller, larger = select(steep, b, a), select(steep, a, b)
    # 0 / 0 is 0 here, and ∞ / ∞ is 1.
    quotient = select(larger.eq(0.0), 0.0, select(smaller.eq(math.inf), 1.0, smaller / larger))
    angle = _atan(quotient, p)
    angle = select(steep, high - (angle - low), angle)
    angle = select(bits(x).lt(0), 2 * high - (angle - 2 * low), angle)
    return select(x.is_nan() | y.is_nan(), x + y, copysign(angle, y))


def _arcsine(x: Value) -> tuple[Value, Value, Value]:
    """For |x|: s and asin(s) − s, with s = |x| up to ½ and √((1 − |x|)/2) beyond, and whether it is the latter."""
    p = own(x)
    a = absolute(x)
    large = a.gt(0.5)
    z = select(large, (1.0 - a) * 0.5, a * a)
    s = select(large, square_root(z), a)
    return s, s * z * polynomial(z, p.pick(c.ASIN_24, c.ASIN_53)), large


def asin(x: Value) -> Value:
    high, low = _HALF_PI[own(x).bits]
    s, rest, large = _arcsine(x)
    return copysign(select(large, high - ((s + rest) * 2.0 - low), s + rest), x)


def acos(x: Value) -> Value:
    high, low = _HALF_PI[own(x).bits]
    s, rest, large = _arcsine(x)
    negative = x.lt(0.0)
    twice = (s + rest) * 2.0
    far = select(negative, 2 * high - (twice - 2 * low), twice)
    signed_s, signed_rest = copysign(s, x), copysign(rest, x)
    return select(large, far, high - (signed_s - (low - signed_rest)))
