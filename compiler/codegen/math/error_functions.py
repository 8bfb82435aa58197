"""erf and erfc of binary32."""

from __future__ import annotations

from misfold.compiler.codegen.emitter import Value, absolute, copysign, fma, polynomial, select

from . import coefficients as c
from .exponentials import exp_in
from .precision import SINGLE, WIDE, narrowed, widened


def erf(x: Value) -> Value:
    """An odd polynomial near zero; beyond 0.92, 1 − exp(log(erfc(|x|))) with a polynomial for the logarithm: its error
    matters little there."""
    a = absolute(x)
    z = a * a
    near = fma(a, polynomial(z, c.ERF_24), a)
    far = 1.0 - exp_in(polynomial(select(a.gt(4.0), 4.0, a) - 0.9, c.LOG_ERFC_24), SINGLE)
    return copysign(select(a.gt(0.92), far, near), x)


def erfc(x: Value) -> Value:
    """exp(−x²)·erfcx(x), with a polynomial in (x − 2) / (x + 2) for the scaled function (Shepherd and Laframboise,
    "Chebyshev approximation of (1 + 2x) exp(x²) erfc x", 1981, take this variable too); reflected below zero."""
    wide = widened(x)
    a = absolute(wide)
    a = select(a.gt(11.0), 11.0, a)
    scaled = polynomial((a - 2.0) / (a + 2.0), c.ERFCX_32)
    result = scaled * exp_in(-(a * a), WIDE)
    return narrowed(select(wide.lt(0.0), 2.0 - result, result))
