"""Prefix sums and sums into places that indices name, in any order."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .arithmetic import product_of
from .linear import linear
from .operands import combine, operand
from .precision import UNIT, gamma
from .registry import Applied, rule
from .shadow import INF, Shadow, Undecided, bounded_type, settle


def _integers(call: Applied) -> Shadow | None:
    if call.dtype.is_floating_point:
        return None
    if any(item.error is not None for item in call.shadows()):
        raise Undecided(f"{call.name} of undecided elements")
    return Shadow(call.own[0].detach(), None, call.dtype)


@rule("cumsum")
def running_sum(call: Applied) -> Shadow:
    """Prefix sums: as sums of so many terms, serially or as a tree."""
    if (found := _integers(call)) is not None:
        return found
    source, dim = call.args[0], call.args[1]
    terms = source.shape[dim] if source.value.dim() else 1
    return linear(lambda item: torch.cumsum(item, dim), [source], terms, call.dtype)


@rule("cumprod")
def running_product(call: Applied) -> Shadow:
    """Prefix products."""
    if (found := _integers(call)) is not None:
        return found
    dtype = bounded_type(call.dtype)
    source, dim = call.args[0], call.args[1]
    terms = source.shape[dim] if source.value.dim() else 1
    value = torch.cumprod(source.wide(), dim)
    large = torch.cumprod(source.size().clamp_min(1.0), dim)
    small = torch.cumprod(source.wide().abs().clamp(1e-300, 1.0), dim)
    if source.error is None and bool((source.wide() == source.wide().round()).all()):
        if value.numel() and float(large.max()) < 0.5 / UNIT[dtype]:
            return Shadow(value, None, dtype)
    grown = gamma(terms, dtype)
    if grown == INF:
        raise Undecided("a product of too many rounded factors")
    reach = torch.cumprod(source.size(), dim)
    error = reach * (grown + terms * 2.0**-52)
    if source.error is not None:
        error = error + (reach - torch.cumprod(source.wide().abs(), dim)).clamp_min(0.0)
    # steps of a scan multiply in other groups, which may over- or underflow by themselves
    safe = (large < torch.finfo(dtype).max / 2) & (small > torch.finfo(dtype).tiny)
    return settle(value, error.where(safe | ((value == 0) & (reach == 0)), INF), dtype)


@rule("logcumsumexp")
def running_log_of_sum(call: Applied) -> Shadow:
    """No further off than the largest error so far, and rounded at every step."""
    dtype = bounded_type(call.dtype)
    source, dim = call.args[0], call.args[1]
    value = torch.logcumsumexp(source.wide(), dim)
    if not source.value.dim():
        return Shadow(source.value, source.error, dtype)
    terms = source.shape[dim]
    if not value.numel():
        return Shadow(value, None, dtype)
    top = source.size().cummax(dim).values
    error = (top + 4 + value.abs()) * gamma(6 * terms + 4, dtype)
    if source.error is not None:
        error = error + source.error.cummax(dim).values
    return settle(value, error.nan_to_num(INF, INF, INF), dtype)


def _places(call: Applied, position: int) -> Tensor:
    index = call.args[position]
    if index.error is not None:
        raise Undecided(f"{call.name} by undecided indices")
    found: Tensor = index.value
    return found


@rule("index_add", "scatter_add")
def added_in_places(call: Applied) -> Shadow:
    """self, and the terms of each place, in any order."""
    if (found := _integers(call)) is not None:
        return found
    start, dim, source = call.args[0], call.args[1], call.args[3]
    index = _places(call, 2)
    alpha = call.get(4, "alpha", 1)
    if alpha != 1:
        scaled = product_of(operand(source, call.dtype), operand(alpha, call.dtype), 1, call.dtype)
        source = Shadow(scaled.value, scaled.error, call.dtype)
    terms = 1 + (index.numel() if call.name == "index_add" else (index.shape[dim] if index.dim() else 1))

    def function(left: Tensor, right: Tensor) -> Tensor:
        return getattr(torch, call.name)(left, dim, index, right)  # type: ignore[no-any-return]

    return linear(function, [start, source], terms, call.dtype)


@rule("scatter_reduce")
def reduced_in_places(call: Applied) -> Shadow:
    """Sums, means and extremes by place."""
    if (found := _integers(call)) is not None:
        return found
    start, dim, source, how = call.args[0], call.args[1], call.args[3], call.args[4]
    index = _places(call, 2)
    include = call.get(5, "include_self", True)

    def function(left: Tensor, right: Tensor) -> Tensor:
        return torch.scatter_reduce(left, dim, index, right, how, include_self=include)

    if how in ("amax", "amin"):
        value = function(start.wide(), source.wide())
        if start.error is None and source.error is None:
            return Shadow(value, None, call.dtype)
        low, high = function(start.low(), source.low()), function(start.high(), source.high())
        error = torch.maximum((value - low).abs(), (value - high).abs()).nan_to_num(INF, INF, INF)
        return settle(value, error, call.dtype)
    if how not in ("sum", "mean"):
        raise Undecided(f"scatter_reduce by {how}")
    terms = 1 + (index.shape[dim] if index.dim() else 1)
    found = linear(function, [start, source], terms, call.dtype, whole=how == "sum")
    if how == "mean" and found.error is not None:
        return combine(found.value, found.error, found.value.abs(), 3, call.dtype)
    return found


@rule("embedding_dense_backward")
def embedded_backward(call: Applied) -> Shadow:
    """Rows added by index."""
    gradient = call.args[0]
    index = _places(call, 1)
    rest: Any = call.args[2:]
    if rest[2] if len(rest) > 2 else False:
        raise Undecided("gradients scaled by frequency")
    return linear(lambda item: call.function(item, index, *rest), [gradient], max(index.numel(), 1), call.dtype)
