"""Conversions between types: to a coarser float they round, to an integer they cut."""

from __future__ import annotations

import torch

from .operands import combine
from .precision import BITS
from .registry import Applied, rule
from .shadow import INF, Shadow, Undecided, settle


def converted(source: Shadow, dtype: torch.dtype) -> Shadow:
    """A shadow in another type."""
    if source.value.is_complex() or dtype.is_complex:
        raise Undecided("complex numbers are not followed")
    if dtype is source.dtype:
        return Shadow(source.value, source.error, dtype, source.lost)
    if dtype.is_floating_point:
        value = source.wide()
        if source.dtype.is_floating_point and BITS.get(source.dtype, 99) <= BITS.get(dtype, 0):
            # float16 into bfloat16 rounds, all else here widens
            return settle(value, source.error, dtype, lambda: ~value.isfinite())
        size = value.abs() if source.error is None else value.abs() + source.error
        return combine(value, source.error, size, 1, dtype, source.error is None, lambda: ~value.isfinite())
    if not source.dtype.is_floating_point:
        return Shadow(source.value.to(dtype), source.error, dtype, source.lost)
    if dtype is torch.bool:
        error = None if source.error is None else crossing(source, 0.0)
        return Shadow(source.value != 0, error, dtype)
    info = torch.iinfo(dtype)
    cut = source.value.trunc()
    fits = (cut >= info.min) & (cut <= info.max)
    if dtype is torch.int64:
        fits = fits & (cut < 2.0**63)
    value = cut.where(fits, 0.0).to(dtype)
    if source.error is None and bool(fits.all()):
        return Shadow(value, None, dtype)
    same = (source.low().trunc() == source.high().trunc()) & fits
    return Shadow(value, torch.zeros(cut.shape, dtype=torch.float64).where(same, INF), dtype)


def crossing(source: Shadow, point: float) -> torch.Tensor:
    """The error of an answer to whether elements are at a point: inf where both answers are possible."""
    assert source.error is not None
    near = ((source.wide() - point).abs() <= source.error) & (source.error > 0) | source.error.isinf()
    return torch.zeros(source.shape, dtype=torch.float64).where(~near, INF)


@rule(
    "_to_copy",
    "to",
    "_cast_Float",
    "_cast_Double",
    "_cast_Half",
    "_cast_Int",
    "_cast_Long",
    "prims::convert_element_type",
)
def cast(call: Applied) -> Shadow:
    """A copy in another type or layout."""
    return converted(call.args[0], call.dtype)
