"""exp, exp2, expm1: x = n·ln 2 + r with |r| ≤ ln 2 / 2 (Cody and Waite, "Software Manual for the Elementary Functions",
1980, chapter 6), a polynomial for r, and 2ⁿ put together from bits."""

from __future__ import annotations

from misfold.compiler.codegen.emitter import Value, absolute, bits, convert, copysign, fma, polynomial, select

from . import coefficients as c
from .precision import WIDE, Precision, own

_LOG2_E = 1.4426950408889634
#: Beyond these, results are infinite or zero.
_EXP_RANGE = {24: (-105.0, 90.0), 32: (-150.0, 150.0), 53: (-750.0, 711.0)}
_EXP2_RANGE = {24: (-151.0, 129.0), 32: (-200.0, 200.0), 53: (-1080.0, 1025.0)}
_EXPM1_RANGE = {24: (-20.0, 89.0), 32: (-40.0, 150.0), 53: (-40.0, 709.9)}


def exp(x: Value) -> Value:
    return exp_in(x, own(x))


def exp_in(x: Value, p: Precision, scale: int = 0) -> Value:
    """eˣ · 2 to the power ``scale``, which may be finite where eˣ is not."""
    x = _clamped(x, _EXP_RANGE[p.bits])
    shifted, r = _reduced(x, p)
    return _scaled(_expm1_of_rest(r, p) + 1.0, shifted, p, scale)


def exp2(x: Value) -> Value:
    return exp2_in(x, own(x))


def exp2_in(x: Value, p: Precision) -> Value:
    x = _clamped(x, _EXP2_RANGE[p.bits])
    shifted = x + p.magic
    r = x - (shifted - p.magic)
    return _scaled(fma(r, polynomial(r, p.pick(c.EXP2_24, c.EXP2_32, c.EXP2_53)), 1.0), shifted, p)


def expm1(x: Value) -> Value:
    return expm1_in(x, own(x))


def expm1_in(x: Value, p: Precision) -> Value:
    return copysign(absolute(expm1_inside(_clamped(x, _EXPM1_RANGE[p.bits]), p)), x)


def expm1_inside(x: Value, p: Precision) -> Value:
    """expm1 where it is neither -1 nor infinite, but for the sign of zero.

    2ⁿ·(eʳ − 1) + (2ⁿ − 1), at half of its size so that 2ⁿ does not overflow.
    """
    shifted, r = _reduced(x, p)
    half = p.power_of_shifted(shifted, less=1)
    return fma(half, _expm1_of_rest(r, p), half - 0.5) * 2.0


def _clamped(x: Value, limits: tuple[float, float]) -> Value:
    """NaN stays."""
    low, high = limits
    x = select(x.lt(low), low, x)
    return select(x.gt(high), high, x)


def _pattern(p: Precision) -> int:
    """The bits of ``magic``."""
    return (p.bias + p.mantissa << p.mantissa) + (1 << p.mantissa - 1)


def _reduced(x: Value, p: Precision) -> tuple[Value, Value]:
    """n as ``magic`` + n, and r."""
    shifted = fma(x, _LOG2_E, p.magic)
    n = shifted - p.magic
    r = fma(n, -p.ln2[1], fma(n, -p.ln2[0], x))
    return shifted, r


def _expm1_of_rest(r: Value, p: Precision) -> Value:
    return fma(r * r, polynomial(r, p.pick(c.EXP_24, c.EXP_32, c.EXP_53)), r)


def _scaled(x: Value, shifted: Value, p: Precision, scale: int = 0) -> Value:
    """x·2ⁿ for ``magic`` + n. Where 2ⁿ itself may not be a normal number, in two steps, the second of which rounds."""
    if p is WIDE and not scale:
        return x * p.power_of_shifted(shifted)
    n = bits(shifted) - (_pattern(p) - scale)
    if x.emitter.module.scales:
        return x.emitter.intrinsic("ldexp", (x, convert("trunc", n, "i32")), x.type)
    half = n.ashr(1)
    return x * p.power_of_two(half) * p.power_of_two(n - half)
