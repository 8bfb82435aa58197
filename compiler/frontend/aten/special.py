"""Special functions of one or two operands, by series: computed in f64 and rounded to the dtype at the end."""

from __future__ import annotations

import math

from misfold.compiler.dtypes import BOOL, F64
from misfold.compiler.frontend.registry import Context, aten
from misfold.compiler.frontend.tensor import Tensor

from .functions import polynomial
from .gamma import size_of_sine_of_pi

# B(2k) / 2k, k = 7 … 1: the asymptotic series of the digamma function (Abramowitz and Stegun, 6.3.18).
_DIGAMMA = (1 / 12, -691 / 32760, 1 / 132, -1 / 240, 1 / 252, -1 / 120, 1 / 12)
# (2k)! / B(2k), k = 1 … 12: Euler and Maclaurin's remainder of the zeta function, as in Cephes' zeta.c.
_ZETA = (
    12.0,
    -720.0,
    30240.0,
    -1209600.0,
    47900160.0,
    -1.8924375803183791606e9,
    7.47242496e10,
    -2.950130727918164224e12,
    1.1646782814350067249e14,
    -4.5979787224074726105e15,
    1.8152105401943546773e17,
    -7.1661652561756670113e18,
)


@aten("digamma.default", "special_digamma.default", "special_psi.default", "prims.digamma.default")
def digamma(c: Context, x: Tensor) -> Tensor:
    return psi(x.cast(F64))


def psi(x: Tensor) -> Tensor:
    """The derivative of log Γ: mirrored for negative x, then ψ(x) = ψ(x + 1) - 1/x until the series is good."""
    negative = x < 0
    z = negative.where(1 - x, x)
    shifted = z.full(0.0)
    for _ in range(10):
        small = z < 10
        shifted = small.where(shifted - 1 / z, shifted)
        z = small.where(z + 1, z)
    inverse = 1 / z.square()
    series = polynomial(inverse, _DIGAMMA) * inverse
    right = z.log() - 0.5 / z - series + shifted
    whole = x.one("floor").equals(x)
    rest = x - x.one("round")
    mirrored = right - math.pi / (rest * math.pi).one("tan")
    result = negative.where(whole.where(math.nan, mirrored), right)
    pole = x.full(-math.inf).binary("copysign", -x)
    return x.equals(0).where(pole, result)


@aten("polygamma.default", "special_polygamma.default")
def polygamma(c: Context, n: int, x: Tensor) -> Tensor:
    x = x.cast(F64)
    if n == 0:
        return psi(x)
    if n == 1:
        return trigamma(x)
    left = x < 0
    z = left.where(1 - x, x)
    right = hurwitz_zeta(x.full(float(n + 1)), z) * ((-1.0) ** (n + 1) * math.gamma(n + 1.0))
    # mirrored (Abramowitz and Stegun, 6.4.7): the n-th derivative of cot(πx) is a polynomial in it
    powers = [0.0, 1.0]
    for _ in range(n):
        slopes = [power * coefficient for power, coefficient in enumerate(powers)][1:]
        powers = [-math.pi * (a + b) for a, b in zip([*slopes, 0.0, 0.0], [0.0, 0.0, *slopes])]
    cotangent = 1 / ((x - x.one("round")) * math.pi).one("tan")
    mirrored = right * (-1.0) ** n - polynomial(cotangent, tuple(reversed(powers))) * math.pi
    pole = x.one("floor").equals(x)
    return left.where(pole.where(math.inf, mirrored), right)


def trigamma(x: Tensor) -> Tensor:
    left = x < 0.5
    z = left.where(1 - x, x)
    mirrored = (x.full(math.pi) / size_of_sine_of_pi(x)).square()
    shifted = z.full(0.0)
    for _ in range(10):
        shifted = shifted + 1 / z.square()
        z = z + 1
    inverse = 1 / z.square()
    series = polynomial(inverse, (5 / 66, -1 / 30, 1 / 42, -1 / 30, 1 / 6)) * inverse
    right = shifted + (1 + 0.5 / z + series) / z
    return left.where(mirrored - right, right)


@aten("special_zeta.default", "special_zeta.self_scalar", "special_zeta.other_scalar")
def zeta(c: Context, x: Tensor | float, q: Tensor | float) -> Tensor:
    x, q = c.operands(x, q, dtype=F64)
    return hurwitz_zeta(x, q)


def hurwitz_zeta(x: Tensor, q: Tensor) -> Tensor:
    """Σ (q + k)^-x over k >= 0: terms up to q + k = 10 at least, then Euler and Maclaurin's formula (Cephes, zeta.c).

    NaN for q < -22, where there would be more terms than are written out.
    """
    total = q.binary("pow", -x)
    a = q
    for step in range(32):
        more = (a <= 9) if step >= 9 else a.full(True, dtype=BOOL)
        a = more.where(a + 1, a)
        total = more.where(total + a.binary("pow", -x), total)
    last = a.binary("pow", -x)
    total = total + last * a / (x - 1) - last * 0.5
    factor, k = x.full(1.0), 0
    for coefficient in _ZETA:
        factor = factor * (x + k)
        last = last / a
        total = total + factor * last / coefficient
        k += 1
        factor = factor * (x + k)
        last = last / a
        k += 1
    whole = q.one("floor").equals(q)
    outside = (x < 1) | (q < -22) | ((q <= 0) & ~whole & x.one("floor").differs(x))
    pole = x.equals(1) | ((q <= 0) & whole)
    return (x < 1).where(math.nan, pole.where(math.inf, outside.where(math.nan, total)))


@aten("special_log_ndtr.default")
def log_ndtr(c: Context, x: Tensor) -> Tensor:
    x = x.cast(F64)
    t = x * math.sqrt(0.5)
    # far out erfc vanishes before its logarithm matters: the asymptotic series of Mills' ratio there
    inverse = 1 / x.square()
    ratio = polynomial(inverse, (-945.0, 105.0, -15.0, 3.0, -1.0, 1.0))
    far = x.square() * -0.5 - (-x).log() - 0.5 * math.log(2 * math.pi) + ratio.log()
    near = ((-t).one("erfc") * 0.5).log()
    return (x < -20).where(far, (x > 5).where((t.one("erfc") * -0.5).one("log1p"), near))


@aten("special_ndtri.default", "prims.ndtri.default")
def ndtri(c: Context, p: Tensor) -> Tensor:
    """Where the normal distribution reaches p: a rational start (Abramowitz and Stegun, 26.2.23), then Halley's steps.

    They start with four digits and triple them. The middle is solved for p - 1/2, which keeps its digits beside zero,
    the tails for the smaller of p and 1 - p.
    """
    p = p.cast(F64)
    middle = (p - 0.5).abs() < 0.3
    tail = (p < 0.5).where(p, 1 - p)
    t = ((tail.log()) * -2).sqrt()
    top, bottom = polynomial(t, (0.010328, 0.802853, 2.515517)), polynomial(t, (0.001308, 0.189269, 1.432788, 1.0))
    z = t - top / bottom
    for _ in range(2):
        scaled = z * math.sqrt(0.5)
        # how far the upper tail beyond z is from the wanted one
        off = middle.where(tail - 0.5 + scaled.one("erf") * 0.5, tail - scaled.one("erfc") * 0.5)
        step = off * math.sqrt(2 * math.pi) * (z.square() * 0.5).exp()
        z = z - step / (1 + step * z * 0.5)
    found = (p < 0.5).where(-z, z)
    inside = (p > 0) & (p < 1)
    ends = p.equals(0).where(-math.inf, p.equals(1).where(math.inf, p.full(math.nan)))
    return inside.where(found, ends)


@aten("i0.default", "special_i0.default", "special_i0e.default", "special_modified_bessel_i0.default")
@aten("special_i1.default", "special_i1e.default", "special_modified_bessel_i1.default")
def modified_bessel(c: Context, x: Tensor) -> Tensor:
    """I_n(x) = 1/π ∫₀^π e^(x·cos t) cos(n·t) dt: the trapezoidal rule converges geometrically for periodic functions.

    It is scaled by e^-|x|. 128 points give all digits up to |x| = 1000, the asymptotic series beyond.
    """
    order = 1 if "i1" in c.name else 0
    x = x.cast(F64)
    size = x.abs()
    points = 64
    total = x.full(0.0)
    for k in range(points + 1):
        angle = math.pi * k / points
        weight = (0.5 if k in (0, points) else 1.0) * math.cos(order * angle) / points
        total = total + (size * (math.cos(angle) - 1)).exp() * weight
    mu = 4.0 * order * order
    inverse = 1 / (size.maximum(1.0) * 8.0)
    terms, coefficients = 1.0, [1.0]
    for k in range(1, 8):
        terms *= -(mu - (2 * k - 1) ** 2) / k
        coefficients.append(terms)
    far = polynomial(inverse, tuple(reversed(coefficients))) / (size.maximum(1.0) * (2 * math.pi)).sqrt()
    scaled = (size > 100).where(far, total)
    if order:
        scaled = scaled.binary("copysign", x)
    result = scaled if c.name.endswith("e") else scaled * size.exp()
    return x.equals(0).where(0.0 if order else 1.0, result)


@aten("special_erfcx.default", "prims.erfcx.default")
def erfcx(c: Context, x: Tensor) -> Tensor:
    """e^(x²)·erfc(x): erfc vanishes for large x, where the asymptotic series is exact."""
    x = x.cast(F64)
    half_inverse = 0.5 / x.square()
    far = polynomial(half_inverse, (-945.0, 105.0, -15.0, 3.0, -1.0, 1.0)) / (x * math.sqrt(math.pi))
    return (x > 20).where(far, x.square().exp() * x.one("erfc"))
