"""Makes compiler/codegen/math/coefficients.py: polynomials for the compiler's math functions. Needs mpmath.

    python benchmarks/fit_polynomials.py > compiler/codegen/math/coefficients.py

Each polynomial interpolates its function in Chebyshev nodes, which comes within a small factor of the best one there is
(Trefethen, Approximation Theory and Approximation Practice, chapter 16). The degree is the smallest whose error is
below a quarter of the last bit wanted: of 24 (binary32; half of that bit, as its coefficients are rounded too), of 32
(binary32 computed in binary64, so rounded only once), or of 53.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from mpmath import mp, mpf  # type: ignore[import-untyped]

mp.dps = 60


def interpolate(function: Callable, low: mpf, high: mpf, degree: int) -> list[mpf]:
    """Coefficients, from the constant term up, of the polynomial through degree + 1 Chebyshev nodes."""
    count = degree + 1
    nodes = [(low + high) / 2 + (high - low) / 2 * mp.cos(mp.pi * (2 * k + 1) / (2 * count)) for k in range(count)]
    # Newton's divided differences, then expanded.
    table = [function(node) for node in nodes]
    for level in range(1, count):
        for k in range(count - 1, level - 1, -1):
            table[k] = (table[k] - table[k - 1]) / (nodes[k] - nodes[k - level])
    result = [table[-1]]
    for k in range(count - 2, -1, -1):
        shifted = [mpf(0), *result]
        result = [a - nodes[k] * b for a, b in zip(shifted, [*result, mpf(0)])]
        result[0] += table[k]
    return result


def fit(function: Callable, low: mpf, high: mpf, bits: int, scale: Callable) -> list[mpf]:
    """``scale(x)`` is what an error at x is multiplied by to count relative to the whole result."""
    low, high = mpf(low), mpf(high)
    samples = [low + (high - low) * k / 400 for k in range(401)]
    exact = [(x, function(x)) for x in samples]
    for degree in range(1, 30):
        coefficients = interpolate(function, low, high, degree)
        if bits == 24:
            coefficients = [mpf(struct.unpack("f", struct.pack("f", float(one)))[0]) for one in coefficients]
        error = max(abs((mp.polyval(coefficients[::-1], x) - value) * scale(x)) for x, value in exact)
        if error < mpf(2) ** -(bits + (1 if bits == 24 else 2)):
            return coefficients
    raise AssertionError("no polynomial is close enough")


def at_zero(function: Callable, limit: float) -> Callable:
    """With the limit there, where the formula divides by zero."""
    return lambda x: function(x) if abs(x) > mpf(10) ** -25 else mpf(limit)


def _atanh(z: mpf) -> mpf:
    s = mp.sqrt(z)
    return (2 * mp.atanh(s) / s - 2) / z


def _atan(z: mpf) -> mpf:
    t = mp.sqrt(z)
    return (mp.atan(t) / t - 1) / z


def _asin(z: mpf) -> mpf:
    s = mp.sqrt(z)
    return (mp.asin(s) / s - 1) / z


def _sin(z: mpf) -> mpf:
    r = mp.sqrt(z)
    return (mp.sin(r) / r - 1) / z


def _erf(z: mpf) -> mpf:
    x = mp.sqrt(z)
    return mp.erf(x) / x - 1


def _erfcx(t: mpf) -> mpf:
    x = 2 * (1 + t) / (1 - t)
    return mp.exp(x * x) * mp.erfc(x)


HALF_LN2 = mp.log(2) / 2 * mpf("1.01")
QUARTER_PI = (mp.pi / 4 * mpf("1.01")) ** 2

FITS = [
    ("EXP", "(exp(r) - 1 - r) / r^2, |r| <= ln(2) / 2", at_zero(lambda r: (mp.expm1(r) - r) / r**2, 0.5),
     -HALF_LN2, HALF_LN2, lambda r: r * r, (24, 32, 53)),
    ("EXP2", "(2^r - 1) / r, |r| <= 1/2", at_zero(lambda r: mp.expm1(r * mp.log(2)) / r, float(mp.log(2))),
     -0.5, 0.5, lambda r: r, (24, 32, 53)),
    ("LOG", "(2 atanh(s) / s - 2) / z, z = s^2, |s| <= (sqrt(2) - 1) / (sqrt(2) + 1)", at_zero(_atanh, 2 / 3),
     0, "0.0296", lambda z: z, (24, 32, 53)),
    ("ATAN", "(atan(t) / t - 1) / z, z = t^2, |t| <= tan(pi / 8)", at_zero(_atan, -1 / 3),
     0, "0.1717", lambda z: z, (24, 53)),
    ("ASIN", "(asin(s) / s - 1) / z, z = s^2 <= 1/4", at_zero(_asin, 1 / 6), 0, 0.25, lambda z: z, (24, 53)),
    ("SIN", "(sin(r) / r - 1) / z, z = r^2, |r| <= pi / 4", at_zero(_sin, -1 / 6), 0, QUARTER_PI, lambda z: z, (32,)),
    ("COS", "(cos(r) - 1) / z, z = r^2, |r| <= pi / 4", at_zero(lambda z: (mp.cos(mp.sqrt(z)) - 1) / z, -0.5),
     0, QUARTER_PI, lambda z: z, (32,)),
    ("ERF", "erf(x) / x - 1, z = x^2, |x| <= 0.93", at_zero(_erf, float(2 / mp.sqrt(mp.pi) - 1)),
     0, 0.93 * 0.93, lambda z: 1, (24,)),
    ("LOG_ERFC", "log(erfc(0.9 + t)), 0 <= t <= 3.2", lambda t: mp.log(mp.erfc(t + mpf(9) / 10)),
     0, 3.2, lambda t: mp.erfc(t + mpf(9) / 10), (24,)),
    ("ERFCX", "exp(x^2) erfc(x), t = (x - 2) / (x + 2), 0 <= x <= 11", _erfcx,
     -1, mpf(9) / 13, lambda t: 1 / _erfcx(t), (32,)),
]  # fmt: skip

if __name__ == "__main__":
    print('"""Coefficients of polynomials, from the constant term up. Made by benchmarks/fit_polynomials.py."""\n')
    for name, doc, function, low, high, scale, precisions in FITS:
        for bits in precisions:
            print(f"# {doc}\n{name}_{bits} = (")
            for one in fit(function, mpf(low), mpf(high), bits, scale):
                print(f"    {float(one)!r},")
            print(")")
