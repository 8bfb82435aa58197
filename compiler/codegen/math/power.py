"""pow of binary32: 2^(y·log₂ x) in binary64, whose 29 more bits cover what the exponent magnifies."""

from __future__ import annotations

from misfold.compiler.codegen.emitter import Value, absolute, copysign, select

from .exponentials import exp2_in
from .logarithms import log2
from .precision import WIDE, narrowed, widened


def power(x: Value, y: Value) -> Value:
    """Special cases as in IEEE 754-2019, section 9.2.1."""
    base, exponent = widened(x), widened(y)
    e = x.emitter
    result = exp2_in(exponent * log2(absolute(base)), WIDE)
    whole = e.intrinsic("floor", (exponent,), exponent.type).eq(exponent)
    half = exponent * 0.5
    odd = whole & e.intrinsic("floor", (half,), half.type).ne(half)
    signed = copysign(result, base)
    broken = base.lt(0.0) & ~whole & base.ne(float("-inf"))
    result = select(broken, float("nan"), select(odd, signed, result))
    one = exponent.eq(0.0) | base.eq(1.0) | (base.eq(-1.0) & absolute(exponent).eq(float("inf")))
    return narrowed(select(one, 1.0, result))
