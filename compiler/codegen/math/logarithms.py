"""log, log2, log10, log1p: x = 2ᵏ·(1 + f) with √½ ≤ 1 + f < √2; log(1 + f) by the series of atanh in f / (2 + f), as in
fdlibm's e_log.c (Sun Microsystems, 1993)."""

from __future__ import annotations

import math

from misfold.compiler.codegen.emitter import Value, bits, convert, fma, from_bits, polynomial, select

from . import coefficients as c
from .precision import Precision, narrowed, own, widened

_INV_LN2 = 1.4426950408889634
_INV_LN10 = 0.4342944819032518
# log10 2 as a sum; k times the first part is exact.
_LOG10_2 = (3.01029995663611771306e-01, 3.69423907715893078616e-13)


def log(x: Value) -> Value:
    p = own(x)
    k, f, s, tail = _parts(x, p)
    return _special(x, _joined(k, f, s, tail, p))


def log_in(x: Value, p: Precision) -> Value:
    """For positive finite x."""
    return _joined(*_parts(x, p), p)


def _joined(k: Value, f: Value, s: Value, tail: Value, p: Precision) -> Value:
    half_square = f * f * 0.5
    low = fma(s, half_square + tail, k * p.ln2[1])
    return fma(k, p.ln2[0], f - (half_square - low))


def log2(x: Value) -> Value:
    if x.type.element == "float":
        return narrowed(log2(widened(x)))
    return _special(x, log2_in(x, own(x)))


def log2_in(x: Value, p: Precision) -> Value:
    k, f, s, tail = _parts(x, p)
    half_square = f * f * 0.5
    return fma(f - (half_square - s * (half_square + tail)), _INV_LN2, k)


def log10(x: Value) -> Value:
    if x.type.element == "float":
        return narrowed(log10(widened(x)))
    k, f, s, tail = _parts(x, own(x))
    half_square = f * f * 0.5
    logarithm = f - (half_square - s * (half_square + tail))
    return _special(x, fma(k, _LOG10_2[0], fma(k, _LOG10_2[1], logarithm * _INV_LN10)))


def log1p(x: Value) -> Value:
    return log1p_in(x, own(x))


def log1p_in(x: Value, p: Precision) -> Value:
    """log(u) + (1 + x − u) / u for u = 1 + x rounded; what rounding lost is had exactly (Knuth, TAOCP 2, 4.2.2, theorem
    B)."""
    u = x + 1.0
    added = u - 1.0
    lost = (1.0 - (u - added)) + (x - added)
    k, f, s, tail = _parts(u, p)
    half_square = f * f * 0.5
    low = fma(s, half_square + tail, fma(k, p.ln2[1], lost / u))
    result = fma(k, p.ln2[0], f - (half_square - low))
    result = select(u.eq(0.0), -math.inf, select(u.eq(math.inf), u, result))
    result = select(x.lt(-1.0), math.nan, result)
    return select(x.eq(0.0), x, result)


def _parts(x: Value, p: Precision) -> tuple[Value, Value, Value, Value]:
    """k, f, s = f / (2 + f), and (log(1 + f) − 2s) / s as a polynomial in s²."""
    scale = p.mantissa + 2
    tiny = x.lt(2.0 ** (1 - p.bias))
    x = select(tiny, x * 2.0**scale, x)
    pattern = bits(x)
    # Counting from the bits of √½ makes 1 + f ≥ √½.
    root = 0x3F3504F3 if p.mantissa == 23 else 0x3FE6A09E667F3BCD
    steps = (pattern - root).ashr(p.mantissa)
    f = from_bits(pattern - (steps << p.mantissa)) - 1.0
    k = convert("sitofp", steps, x.type.element) - select(tiny, x.emitter.literal(float(scale), x.type), 0.0)
    s = f / (f + 2.0)
    z = s * s
    return k, f, s, z * polynomial(z, p.pick(c.LOG_24, c.LOG_32, c.LOG_53))


def _special(x: Value, result: Value) -> Value:
    """NaN below zero and for NaN, −∞ at zero, ∞ for itself."""
    result = select(x.gt(0.0), select(x.eq(math.inf), x, result), x.emitter.literal(math.nan, x.type))
    return select(x.eq(0.0), -math.inf, result)
