"""sin, cos, tan of binary32, in binary64.

Up to 2³¹, n·π/2 is taken off in two parts (Cody and Waite): the first step is exact, by one rounding. Beyond, x·2/π is
needed modulo 4 only, so the bits of 2/π that make multiples of 4 are left out (Payne and Hanek, "Radian reduction for
trigonometric functions", 1983): 2/π is cut into parts of 24 bits, so that the products are exact.
"""

from __future__ import annotations

from misfold.compiler.codegen.emitter import Value, absolute, bits, fma, polynomial, select

from . import coefficients as c
from .precision import WIDE, narrowed, widened

_TWO_OVER_PI = 0.6366197723675814
_HALF_PI = (1.5707963267948966, 6.123233995736766e-17)
#: 2/π in parts of 24 bits: the k-th is worth _PARTS[k] · 2^(−24 (k + 1)).
_PARTS = (
    0xA2F983, 0x6E4E44, 0x1529FC, 0x2757D1, 0xF534DD, 0xC0DB62, 0x95993C, 0x439041, 0xFE5163, 0xABDEBB,
)  # fmt: skip


def sin(x: Value) -> Value:
    n, r = _reduced(x)
    return select(x.eq(0.0), x, narrowed(_sine(n, r)))


def cos(x: Value) -> Value:
    n, r = _reduced(x)
    return narrowed(_sine(n + 1, r))


def tan(x: Value) -> Value:
    n, r = _reduced(x)
    odd = (n & 1).ne(0)
    sine, cosine = _polynomials(r)
    numerator, denominator = select(odd, -cosine, sine), select(odd, sine, cosine)
    return select(x.eq(0.0), x, narrowed(numerator / denominator))


def _polynomials(r: Value) -> tuple[Value, Value]:
    z = r * r
    return fma(r * z, polynomial(z, c.SIN_32), r), fma(z, polynomial(z, c.COS_32), 1.0)


def _sine(n: Value, r: Value) -> Value:
    """sin(r + n·π/2)."""
    sine, cosine = _polynomials(r)
    result = select((n & 1).ne(0), cosine, sine)
    return select((n & 2).ne(0), -result, result)


def _reduced(x: Value) -> tuple[Value, Value]:
    """n modulo 4 in the lowest bits of an i64, and r, |r| ≤ π/4, with x = n·π/2 + r modulo 2π."""
    e, wide = x.emitter, widened(x)
    shifted = fma(wide, _TWO_OVER_PI, WIDE.magic)
    quadrant = shifted - WIDE.magic
    n = bits(shifted)
    r = fma(quadrant, -_HALF_PI[1], fma(quadrant, -_HALF_PI[0], wide))
    huge = absolute(x).ge(2.0**31)
    before, label, end = e.block, e.fresh("huge"), e.fresh("reduced")
    e.branch(e.any(huge), label, end)
    e.begin(label)
    far_n, far_r = _reduced_huge(wide)
    far_n, far_r = select(huge, far_n, n), select(huge, far_r, r)
    e.jump(end)
    e.begin(end)
    both = [
        e.instruction(f"phi {one.type.text} [ {one.text}, %{before} ], [ {far.text}, %{label} ]", one.type)
        for one, far in ((n, far_n), (r, far_r))
    ]
    return both[0], both[1]


def _reduced_huge(x: Value) -> tuple[Value, Value]:
    e = x.emitter
    quarters = e.literal(0.0, x.type)
    total, low = e.literal(0.0, x.type), e.literal(0.0, x.type)
    for k, part in enumerate(_PARTS):
        product = x * (part * 2.0 ** (-24 * (k + 1)))
        product = product - _whole(product * 0.25) * 4.0
        # The sum and what it loses (Knuth's TwoSum); whole numbers go to the quadrant.
        longer = total + product
        virtual = longer - total
        low = low + ((total - (longer - virtual)) + (product - virtual))
        whole = _whole(longer)
        quarters, total = quarters + whole, longer - whole
    fraction = total + low
    whole = _whole(fraction)
    quarters, fraction = quarters + whole, (total - whole) + low
    return bits(quarters + WIDE.magic), fraction * _HALF_PI[0]


def _whole(x: Value) -> Value:
    return x.emitter.intrinsic("roundeven", (x,), x.type)
