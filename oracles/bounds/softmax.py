"""Softmax and its logarithm, with the maximum taken off or not, in one pass or in several."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from .precision import UNDERFLOW, UNIT, gamma
from .registry import Applied, rule
from .shadow import INF, Shadow, Undecided, bounded_type, settle


def exponents(source: Shadow, dim: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Softmax in float64, and how far the exponent of each element may be off.

    Taking the maximum off rounds by half a unit of the difference; a pass that rescales as larger ones come rounds the
    differences of maxima too, which are no larger than the row's range, as often as it rescales. Each exponential
    is good to 4 units, which is as if its argument were off by so much.
    """
    value = source.wide()
    probabilities = torch.softmax(value, dim)
    unit = UNIT[dtype]
    top = value.amax(dim, keepdim=True)
    off = (value.abs() + top.abs()) * (2 * unit)
    if source.error is not None:
        off = off + source.error
    # Masked elements, by -inf or by a large number: whatever the rounding of their exponents, nothing is left of them
    # but what underflows, and a pass that met them first forgets them.
    gone = (value - top + off < math.log(UNDERFLOW[dtype]) - 2) | (value == -INF)
    low = value.where(~gone, INF).amin(dim, keepdim=True)
    range_ = (top - low).clamp_min(0.0)
    passes = min(value.shape[dim], 16)
    slip = off + (4.0 + 4.0 * passes) * unit + range_ * (2 * unit)
    slip = slip.where(~gone, 0.0)
    return probabilities, slip


def lost(source: Shadow, dim: int, dtype: torch.dtype) -> float:
    """The share of the denominator that terms which underflow may add to it or take from it."""
    return UNDERFLOW[dtype] * source.shape[dim]


def _setting(call: Applied) -> tuple[Shadow, int]:
    source = call.args[0]
    dim = call.get(1, "dim")
    bounded_type(call.dtype)
    if not source.dtype.is_floating_point:
        source = Shadow(source.wide(), source.error, call.dtype)
    if not source.value.dim():
        source = Shadow(source.value.reshape(1), None if source.error is None else source.error.reshape(1), call.dtype)
        dim = 0
    return source, dim


def bounded_softmax(source: Shadow, dim: int, dtype: torch.dtype) -> Shadow:
    """Softmax along a dimension."""
    if not source.value.numel():
        return Shadow(torch.softmax(source.wide(), dim), None, dtype)
    probabilities, slip = exponents(source, dim, dtype)
    grown = gamma(source.shape[dim] + 4, dtype)
    if grown == INF:
        raise Undecided("a softmax over too many elements for its type")
    up = torch.expm1(slip)
    # the denominator is off by the weighted mean of what its terms are off by
    mean = (probabilities * up).sum(dim, keepdim=True).nan_to_num(INF, INF, INF) + lost(source, dim, dtype)
    bad = ~(mean + grown < 0.5)
    relative = (1 + up) * (1 + grown) / (1 - mean - grown).clamp_min(0.5) - 1
    error = probabilities * relative + UNDERFLOW[dtype] * source.shape[dim]
    # whatever the errors, no element is below 0 or (but for rounding) above 1
    error = error.where(~bad, INF).nan_to_num(INF, INF, INF)
    certain = source.wide() == -INF
    if source.error is not None:
        certain = certain & (source.error == 0)
    error = error.where(~(certain & ~bad & ~probabilities.isnan()), 0.0)
    return settle(probabilities, error, dtype)


@rule("_softmax", "_safe_softmax")
def normalised(call: Applied) -> Shadow:
    """Exponentials over their sum."""
    source, dim = _setting(call)
    if call.name == "_safe_softmax":
        rows = (source.wide() == -INF).all(dim, keepdim=True)
        found = bounded_softmax(source, dim, call.dtype)
        value = found.value.where(~rows, 0.0)
        error = None if found.error is None else found.error.where(~rows, INF)
        return _as(Shadow(value, error, call.dtype), call.own[0])
    return _as(bounded_softmax(source, dim, call.dtype), call.own[0])


def _as(found: Shadow, own: Tensor) -> Shadow:
    error = None if found.error is None else found.error.reshape(own.shape)
    return Shadow(found.value.reshape(own.shape), error, own.dtype)


@rule("_log_softmax")
def log_normalised(call: Applied) -> Shadow:
    """x - log Σ exp x."""
    source, dim = _setting(call)
    dtype = call.dtype
    if not source.value.numel():
        return _as(Shadow(source.wide(), None, dtype), call.own[0])
    probabilities, slip = exponents(source, dim, dtype)
    grown = gamma(source.shape[dim] + 4, dtype)
    mean = (probabilities * torch.expm1(slip)).sum(dim, keepdim=True).nan_to_num(INF, INF, INF)
    mean = mean + grown + lost(source, dim, dtype)
    value = torch.log_softmax(source.wide(), dim)
    size = source.size() + source.size().where(source.wide() != -INF, 0.0).amax(dim, keepdim=True)
    error = size * (4 * UNIT[dtype]) + value.abs() * (2 * UNIT[dtype]) + 8 * UNIT[dtype]
    # -log(1 - m) is what the denominator's error makes of its logarithm
    error = error - torch.log1p(-mean.clamp_max(0.5)) + UNDERFLOW[dtype]
    if source.error is not None:
        error = error + source.error
    return _as(settle(value, error.where(mean < 0.5, INF), dtype), call.own[0])
