"""Sums, products, means, norms and variances along dimensions, in any order and blocking."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from .discrete import truth
from .linear import linear
from .operands import combine
from .precision import UNDERFLOW, UNIT, gamma
from .registry import Applied, rule
from .shadow import INF, Shadow, Undecided, bounded_type, settle


def count(call: Applied, at: int = 0) -> int:
    """How many elements one element of the result is made of."""
    return max(call.args[at].value.numel() // max(call.own[0].numel(), 1), 1)


def _undecided(call: Applied) -> Shadow | None:
    """The shadow of a reduction whose result is no float."""
    if call.dtype.is_floating_point or call.dtype.is_complex:
        return None
    if any(item.error is not None for item in call.shadows()):
        raise Undecided(f"{call.name} of undecided elements")
    return Shadow(call.own[0].detach(), None, call.dtype)


@rule("sum", "nansum", "trace")
def summed(call: Applied) -> Shadow:
    """At most γ(n - 1)·Σ|x| off, whatever the order."""
    if (found := _undecided(call)) is not None:
        return found
    source = call.args[0]
    if call.name == "nansum" and not bool(source.wide().isfinite().all()):
        raise Undecided("nansum of what is not finite")
    rest, kwargs = call.args[1:], {key: item for key, item in call.kwargs.items() if key != "dtype"}
    terms = min(source.shape) if call.name == "trace" else count(call)
    return linear(lambda item: call.function(item, *rest, **kwargs), [source], terms, call.dtype)


@rule("mean")
def averaged(call: Applied) -> Shadow:
    """A sum, divided by its length or multiplied with the reciprocal, before or after."""
    if (found := _undecided(call)) is not None:
        return found
    source = call.args[0]
    rest, kwargs = call.args[1:], {key: item for key, item in call.kwargs.items() if key != "dtype"}
    terms = count(call)
    power = terms & (terms - 1) == 0
    total = linear(lambda item: call.function(item, *rest, **kwargs) * terms, [source], terms, call.dtype)
    error = None if total.error is None else total.error / terms
    value = total.value / terms
    if power and error is None:
        return combine(value, None, value.abs(), 1, call.dtype, True)
    return combine(value, error, value.abs() + (0 if error is None else error), 3, call.dtype)


@rule("prod")
def multiplied(call: Applied) -> Shadow:
    """Errors of factors and of n - 1 roundings multiply."""
    if (found := _undecided(call)) is not None:
        return found
    source = call.args[0]
    rest, kwargs = call.args[1:], {key: item for key, item in call.kwargs.items() if key != "dtype"}

    def function(item: Tensor) -> Tensor:
        result: Tensor = call.function(item, *rest, **kwargs)
        return result

    value, size = function(source.wide()), function(source.wide().abs())
    terms = count(call)
    if source.error is None:
        whole = bool((source.wide() == source.wide().round()).all())
        # partial products of whole numbers are no larger than the product, unless it has a zero
        largest = function(source.wide().abs().clamp_min(1.0))
        if whole and value.numel() and float(largest.max()) < 2.0 / UNIT[call.dtype] / 4:
            return Shadow(value, None, call.dtype)
        reach = largest
    else:
        reach = function(source.size().clamp_min(1.0))
        size = function(source.size())
    grown = gamma(terms, call.dtype)
    if grown == INF:
        raise Undecided("a product of too many rounded factors")
    error = size * grown + UNDERFLOW[call.dtype] * terms * reach
    if source.error is not None:
        error = error + (size - function(source.wide().abs())).clamp_min(0.0) + size * (terms * 2.0**-52)
    lows = function(source.wide().abs().clamp(1e-300, 1.0))
    # Factors below one may let a partial product underflow, those above one overflow, before others bring it back.
    safe = (reach < torch.finfo(call.dtype).max / 2) & ((lows > UNDERFLOW[call.dtype]) | (value == 0))
    return settle(value, error.where(safe, INF), call.dtype)


@rule("linalg_vector_norm", "norm", "frobenius_norm")
def norm(call: Applied) -> Shadow:
    """(Σ|x|^p)^(1/p): by the triangle inequality the norm of the errors, and the roundings of sum, powers and root."""
    dtype = bounded_type(call.dtype)
    source = call.args[0]
    p = call.get(1, "p" if call.name == "norm" else "ord", 2)
    p = 2 if p is None or p == "fro" or call.name == "frobenius_norm" else p
    if not isinstance(p, int | float) or (p < 1 and p != 0) or not source.dtype.is_floating_point:
        raise Undecided(f"a norm of order {p}")
    kwargs = {key: item for key, item in call.kwargs.items() if key != "dtype"}

    def function(item: Tensor) -> Tensor:
        result: Tensor = call.function(item, *call.args[1:], **kwargs)
        return result

    value = function(source.wide())
    if p == 0:
        if source.error is not None and bool(((source.wide().abs() <= source.error) & (source.error > 0)).any()):
            raise Undecided("a norm of order 0 asks whether nearly zero is zero")
        return Shadow(value, None, dtype)
    error = None if source.error is None else function(source.error)
    if p == math.inf:
        # a maximum of absolute values
        return Shadow(value, None, dtype) if error is None else settle(value, error, dtype)
    terms = count(call)
    roundings = gamma(terms + 2, dtype) if p in (1, 2) else gamma(terms + 10, dtype)
    if roundings == INF:
        raise Undecided("a norm of too many elements for its type")
    reach = value if error is None else value + error
    # Squares may underflow or overflow where their root does not: each may lose the root of the smallest number.
    floor = (UNDERFLOW[dtype] * terms) ** (1 / p)
    high = torch.finfo(dtype).max ** (1 / p) / 2
    slack = reach * (roundings + 8 * UNIT[dtype]) + floor
    total = slack if error is None else error + slack
    return settle(value, total.where(reach <= high, INF), dtype)


def moments(source: Shadow, dims: Any, dtype: torch.dtype, correction: float) -> tuple[Shadow, Shadow]:
    """Mean and variance along dimensions that are kept, by two passes, by Welford's, or as E[x²] - E[x]²."""
    bounded_type(dtype)
    value, size = source.wide(), source.size()
    terms = 1
    for dim in dims:
        terms *= value.shape[dim]
    if terms < 1:
        raise Undecided("the variance of nothing")
    grown = gamma(terms + 4, dtype)
    if grown == INF:
        raise Undecided("a variance of too many elements for its type")
    mean = value.mean(dims, keepdim=True)
    magnitude = size.mean(dims, keepdim=True)
    mean_error = magnitude * grown
    if source.error is not None:
        mean_error = mean_error + source.error.mean(dims, keepdim=True)
    mean_shadow = settle(mean, mean_error + UNDERFLOW[dtype], dtype)
    divisor = max(terms - correction, 0.0)
    if divisor == 0:
        raise Undecided("the variance divides by zero")
    centred = value - mean
    square = centred.square().sum(dims, keepdim=True)
    spread = square / divisor
    # A single pass sums squares of the elements themselves, with γ against those.
    raw = size.square().sum(dims, keepdim=True) / divisor
    error = raw * (2 * grown) + UNDERFLOW[dtype] * 4
    if source.error is not None:
        # Σ(c + δ)² - Σc² ≤ 2·sqrt(Σc²·Σδ²) + Σδ², where δ is the error less its mean, whose square sums to no more
        other = source.error.square().sum(dims, keepdim=True)
        error = error + (2 * (square * other).sqrt() + other) / divisor
    overflows = raw > torch.finfo(dtype).max / (4 * max(terms, 1))
    return mean_shadow, settle(spread, error.where(~overflows, INF), dtype)


def root(source: Shadow, dtype: torch.dtype) -> Shadow:
    """The square root of what is not negative, but may come out so by rounding where it is near zero."""
    value = source.value.clamp_min(0.0).sqrt()
    if source.error is None:
        return combine(value, None, value, 2, dtype)
    low = (source.value - source.error).clamp_min(0.0).sqrt()
    high = (source.value + source.error).sqrt()
    error = torch.maximum(value - low, high - value) + high * (3 * UNIT[dtype]) + UNDERFLOW[dtype]
    # NaN is what the root of a variance that came out negative gives
    return settle(value, error.where(source.value > source.error, INF), dtype)


@rule("var", "std", "var_mean", "std_mean")
def variance(call: Applied) -> list[Shadow]:
    """See ``moments``."""
    source = call.args[0]
    dim = call.get(1, "dim")
    if isinstance(dim, bool):
        raise Undecided(f"an overload of {call.name}")
    correction = call.kwargs.get("correction", 1)
    correction = 1.0 if correction is None else float(correction)
    dims = tuple(range(source.value.dim())) if dim is None or dim == [] else tuple(dim)
    if not source.value.dim():
        raise Undecided("the variance of one number")
    mean, spread = moments(source, dims, call.dtype, correction)
    first = root(spread, call.dtype) if call.name.startswith("std") else spread
    found = [first, mean][: len(call.own)]
    return [_shaped(item, own) for item, own in zip(found, call.own)]


def _shaped(item: Shadow, own: Tensor) -> Shadow:
    error = None if item.error is None else item.error.reshape(own.shape)
    return Shadow(item.value.reshape(own.shape), error, own.dtype, item.lost)


@rule("logsumexp")
def log_of_sum(call: Applied) -> Shadow:
    """log Σ exp(x): no further off than the largest error, and rounded as a logarithm of the sum."""
    dtype = bounded_type(call.dtype)
    source = call.args[0]
    dims, keep = call.args[1], call.get(2, "keepdim", False)
    value = torch.logsumexp(source.wide(), dims, keep)
    terms = count(call)
    grown = gamma(terms + 8, dtype)
    if grown == INF:
        raise Undecided("a sum of too many exponentials for its type")
    top = source.size().where(source.wide() != -INF, 0.0).amax(dims, keep) if source.value.dim() else source.size()
    error = grown + top * (4 * UNIT[dtype]) + value.abs() * (4 * UNIT[dtype]) + UNDERFLOW[dtype]
    if source.error is not None:
        error = error + (source.error.amax(dims, keep) if source.value.dim() else source.error)
    return settle(value, error, dtype)


@rule("any", "all", "count_nonzero")
def counted(call: Applied) -> Shadow:
    """Of elements whose truth is decided; one decided element may settle ``any`` and ``all``."""
    source = call.args[0]
    function = call.function
    rest, kwargs = call.args[1:], call.kwargs
    true = source.value != 0
    value = function(true, *rest, **kwargs)
    if source.error is None:
        return Shadow(value.to(call.dtype), None, call.dtype)
    open_ = ((source.wide().abs() <= source.error) & (source.error > 0)) | source.error.isinf()
    most = function(true | open_, *rest, **kwargs)
    least = function(true & ~open_, *rest, **kwargs)
    return truth(value.to(call.dtype), most != least, call.dtype)


@rule("equal")
def same(call: Applied) -> list[Shadow]:
    """A number for Python: nothing to follow."""
    return []
