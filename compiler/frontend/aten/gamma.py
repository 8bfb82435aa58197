"""The logarithm of the gamma function: computed in f64 and rounded to the dtype at the end.

It is a factor (x - 1)(x - 2) times a polynomial near its zeros, as in fdlibm's e_lgamma_r.c, so that it is exactly zero
there and keeps its digits beside them.
"""

from __future__ import annotations

import math

from misfold.compiler.dtypes import F64
from misfold.compiler.frontend.registry import Context, aten
from misfold.compiler.frontend.tensor import Tensor

from .functions import polynomial

# log Γ(x) / ((x - 1)(x - 2)) in powers of x - 3/2, the highest first: interpolated in the 29 Chebyshev nodes of
# [0.8, 2.2] with 60 digits. Off by less than 4e-17 of the value.
_QUOTIENT = (
    9.760691318340691e-07,
    -1.5091322467889332e-06,
    -1.1319239795767799e-06,
    1.7429268926822546e-06,
    2.8364692383343174e-06,
    -4.397053130782939e-06,
    1.6209052276496557e-06,
    -2.5597858048823832e-06,
    7.277229570219276e-06,
    -1.1416850316251327e-05,
    1.6567180290856946e-05,
    -2.6151106084023653e-05,
    4.1812715588946075e-05,
    -6.636873148049804e-05,
    0.00010561805712887691,
    -0.00016888571101636557,
    0.00027127770118909745,
    -0.00043799604892176547,
    0.0007115222149209757,
    -0.001164414407564752,
    0.0019229161422340453,
    -0.0032120740801822706,
    0.0054464578445012225,
    -0.009425622448394032,
    0.016797098631187463,
    -0.031308487501011895,
    0.06291140107456494,
    -0.14595989591430608,
    0.4831289505409809,
)
# B(2k) / (2k (2k - 1)), k = 8 … 1: Stirling's series (Abramowitz and Stegun, 6.1.41).
_STIRLING = (-3617 / 122400, 1 / 156, -691 / 360360, 1 / 1188, -1 / 1680, 1 / 1260, -1 / 360, 1 / 12)
#: Where Stirling's series is good to all digits of f64.
_LARGE = 8.0


@aten("lgamma.default", "special_gammaln.default", "prims.lgamma.default")
def lgamma(c: Context, x: Tensor) -> Tensor:
    return log_gamma(x.cast(F64))


@aten("mvlgamma.default", "special_multigammaln.default")
def mvlgamma(c: Context, x: Tensor, p: int) -> Tensor:
    x = x.cast(F64)
    total = x.full(p * (p - 1) / 4 * math.log(math.pi))
    for number in range(p):
        total = total + log_gamma(x - number / 2)
    return total


def log_gamma(x: Tensor) -> Tensor:
    """log |Γ(x)|; infinite at 0, -1, -2, … and at infinity."""
    negative = x < -0.2
    z = negative.where(1 - x, x)
    # Γ(z) = Γ(z + 1) / z below 0.8, and (z - 1) Γ(z - 1) above 2.2
    small, large = z < 0.8, z >= _LARGE
    inner, product = small.where(z + 1, z), z.full(1.0)
    for _ in range(6):
        more = (inner > 2.2) & ~large
        inner = more.where(inner - 1, inner)
        product = more.where(product * inner, product)
    logarithm = large.where(z, small.where(z.abs(), product)).log()
    # z and z - 1 are exact where inner - 1 and inner - 2 are rounded
    zeros = small.where(z, inner - 1) * small.where(z - 1, inner - 2)
    near = zeros * polynomial(inner - 1.5, _QUOTIENT) + small.where(-logarithm, logarithm)
    inverse = 1 / z
    series = polynomial(inverse.square(), _STIRLING) * inverse
    far = (z - 0.5) * (logarithm - 1) + (series + 0.5 * (math.log(2 * math.pi) - 1))
    right = large.where(far, near)
    mirrored = math.log(math.pi) - size_of_sine_of_pi(x).log() - right
    poles = (x <= 0) & x.one("floor").equals(x)
    return (poles | x.is_infinite()).where(math.inf, negative.where(mirrored, right))


def size_of_sine_of_pi(x: Tensor) -> Tensor:
    """|sin(πx)|, with x reduced before it is multiplied: it keeps its digits near its zeros."""
    return ((x - x.one("round")).abs() * math.pi).one("sin")
