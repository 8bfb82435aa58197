"""The logarithm of the gamma function and its derivatives, Hurwitz's zeta function, the scaled complement of erf.

Accuracies allow Cephes' methods (Moshier, "Methods and Programs for Mathematical Functions", 1989) done in the type
itself, which is what torch does: recurrences up to an argument of ten, an asymptotic series beyond, the reflection
formula below zero. Each of these loses some units against the largest of the terms that it adds up.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from .elementwise import interval
from .operands import Operand, operand
from .precision import UNDERFLOW, UNIT
from .registry import Applied, rule
from .shadow import INF, Shadow, bounded_type, plus, settle

#: Unit roundoffs against the largest term: ten additions of a recurrence, and as many in the series.
UNITS = 32.0


def _log_gamma(source: Tensor, error: Tensor | None, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """log|Γ| and its bound. It is convex between its poles, so that ends and the slope bound it."""
    value = torch.lgamma(source)
    size = source.abs()
    slope = torch.digamma(source).abs()
    # (x - 1/2)·log x - x of Stirling's series; below zero the sine of π·x, whose argument is rounded, is steep
    slack = (1.0 + size * (size + 2.0).log()) * (UNITS * UNIT[dtype])
    slack = slack + torch.where(source < 0, size * slope * (8 * UNIT[dtype]), 0.0)
    if error is None:
        return value, slack.nan_to_num(INF, INF)
    low, high = source - error, source + error
    ends = torch.maximum(torch.lgamma(low) - value, torch.lgamma(high) - value)
    bound = torch.maximum(ends, slope * error).clamp_min(0.0) + slack
    # small steps carry the slack along: it is one of the function's shape, not of the point
    same = (low > 0) | (low.floor() == high.floor())
    return value, bound.nan_to_num(INF, INF, INF).where(same & (error < 0.25 * size.clamp_min(0.25)), INF)


@rule("lgamma")
def log_gamma(call: Applied) -> Shadow:
    """log|Γ(x)|."""
    dtype = bounded_type(call.dtype)
    source = operand(call.args[0], dtype)
    return settle(*_log_gamma(source.value, source.error, dtype), dtype)


@rule("mvlgamma")
def multivariate_log_gamma(call: Applied) -> Shadow:
    """p(p - 1)/4·log π plus log Γ at p points half a unit apart."""
    dtype = bounded_type(call.dtype)
    source = operand(call.args[0], dtype)
    count = int(call.get(1, "p"))
    constant = count * (count - 1) / 4 * math.log(math.pi)
    value = torch.full_like(source.value, constant)
    error = value.abs() * (4 * UNIT[dtype])
    reach = value.abs()
    for step in range(count):
        point = source.value - step / 2
        # the subtraction rounds
        slip = plus(source.error, (source.value.abs() + step / 2) * UNIT[dtype])
        part, bound = _log_gamma(point, slip, dtype)
        value, error, reach = value + part, error + bound, reach + part.abs()
    return settle(value, error + reach * ((count + 1) * UNIT[dtype]), dtype)


@rule("digamma", "special_digamma", "special_psi")
def digamma(call: Applied) -> Shadow:
    """Rises everywhere between its poles at 0, -1, -2, …"""
    dtype = bounded_type(call.dtype)
    source = operand(call.args[0], dtype)
    value, size = torch.digamma(source.value), source.value.abs()
    slack = (value.abs() + 2.0 + (size + 1.0).log()) * (UNITS * UNIT[dtype])
    steep = torch.polygamma(1, source.value)
    slack = slack + torch.where(source.value < 0, size * steep * (8 * UNIT[dtype]), 0.0)
    slack = slack.nan_to_num(INF, INF)
    # the sign of a zero chooses the sign of infinity
    slack = slack.where(source.value != 0, INF)
    if source.error is None:
        return settle(value, slack, dtype)
    low, high = source.value - source.error, source.value + source.error
    same = (low > 0) | (low.floor() == high.floor())
    found = interval(value, torch.digamma(low), torch.digamma(high), slack, dtype)
    assert found.error is not None
    return Shadow(found.value, found.error.where(same, INF), dtype)


@rule("polygamma", "special_polygamma")
def polygamma(call: Applied) -> Shadow:
    """(-1)^(n+1)·n!·ζ(n + 1, x); |ψ⁽ⁿ⁾| falls for x > 0, where alone it is followed."""
    dtype = bounded_type(call.dtype)
    order = int(call.args[0])
    if order == 0:
        call.args = (call.args[1],)
        return digamma(call)
    source = operand(call.args[1], dtype)
    if order == 1:
        return _trigamma(source, dtype)
    value = torch.polygamma(order, source.value)
    # n! as the exponential of its logarithm, whose rounding that multiplies
    units = 2 * UNITS + 8 * math.lgamma(order + 1)
    return falling(value, source.value, source.error, lambda item: torch.polygamma(order, item), units, dtype)


def _trigamma(source: Operand, dtype: torch.dtype) -> Shadow:
    """ζ(2, x).

    Torch's own function on CPUs stops its asymptotic series, six steps up from x or from 1 - x, whichever is above 1/2,
    before the term 1/(30·x⁹), which is more than rounding in float64 (ATen/native/Math.h, ``trigamma``).
    """
    two = torch.tensor(2.0, dtype=torch.float64)

    def function(item: Tensor) -> Tensor:
        return torch.special.zeta(two, item)

    found = falling(function(source.value), source.value, source.error, function, 2 * UNITS, dtype)
    if found.error is None:
        return found
    low = source.value if source.error is None else source.value - source.error
    cut = (low.clamp_min(0.5) + 6.0) ** -9 / 30
    return Shadow(found.value, found.error + cut, dtype)


def falling(
    value: Tensor, source: Tensor, error: Tensor | None, function: Callable[[Tensor], Tensor], units: float,
    dtype: torch.dtype,
) -> Shadow:  # fmt: skip
    """A function whose absolute value falls where its operand is positive, good to so many units of itself."""
    low = source if error is None else source - error
    slack = value.abs() * (units * UNIT[dtype]) + UNDERFLOW[dtype]
    if error is None:
        return settle(value, slack.nan_to_num(INF, INF).where(low > 0, INF), dtype)
    below, above = function(low), function(source + error)
    slack = below.abs() * (units * UNIT[dtype]) + UNDERFLOW[dtype]
    found = interval(value, below, above, slack.nan_to_num(INF, INF), dtype)
    assert found.error is not None
    return Shadow(found.value, found.error.where(low > 0, INF), dtype)


@rule("special_zeta")
def zeta(call: Applied) -> Shadow:
    """ζ(s, q) falls in both for s > 1 and q > 0, where alone it is followed. Powers q^-s lose s·log q units."""
    dtype = bounded_type(call.dtype)
    power, start = operand(call.args[0], dtype), operand(call.args[1], dtype)
    left, right = (torch.as_tensor(item.value, dtype=torch.float64) for item in (power, start))
    value = torch.special.zeta(left, right)
    least = left if power.error is None else left - power.error
    lowest = right if start.error is None else right - start.error
    # near its pole at 1 the rounding of s - 1 is what counts
    units = 2 * UNITS + 8 * left.abs() * (right.abs() + 10).log().abs() + 4 / (least - 1).abs().clamp_min(1e-300)
    top = torch.special.zeta(least, lowest)
    slack = top.abs() * (units * UNIT[dtype]) + UNDERFLOW[dtype]
    bottom = torch.special.zeta(
        left if power.error is None else left + power.error, right if start.error is None else right + start.error
    )
    found = interval(value, top, bottom, slack.nan_to_num(INF, INF), dtype)
    if found.error is None:
        return found
    return Shadow(found.value, found.error.where((least > 1) & (lowest > 0), INF), dtype)


@rule("special_erfcx")
def scaled_complement(call: Applied) -> Shadow:
    """exp(x²)·erfc(x) falls; below zero x² is rounded before its exponential is taken."""
    dtype = bounded_type(call.dtype)
    source = operand(call.args[0], dtype)

    def slack(at: Tensor, height: Tensor) -> Tensor:
        return height.abs() * ((UNITS + 8 * at.square()) * UNIT[dtype]) + UNDERFLOW[dtype]

    value = torch.special.erfcx(source.value)
    if source.error is None:
        return settle(value, slack(source.value.clamp_max(0.0), value).nan_to_num(INF, INF), dtype)
    low = source.value - source.error
    below, above = torch.special.erfcx(low), torch.special.erfcx(source.value + source.error)
    return interval(value, below, above, slack(low.clamp_max(0.0), below).nan_to_num(INF, INF), dtype)
