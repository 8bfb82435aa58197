"""Means of windows, and interpolation with weights that are not negative."""

from __future__ import annotations

import torch

from .linear import linear
from .precision import UNIT
from .registry import Applied, rule
from .shadow import Shadow, plus, settle


@rule("avg_pool2d", "avg_pool3d", "_adaptive_avg_pool2d", "_adaptive_avg_pool3d", "adaptive_avg_pool2d",
      "adaptive_avg_pool3d", "mkldnn_adaptive_avg_pool2d")  # fmt: skip
def averaged(call: Applied) -> Shadow:
    """Sums over windows, divided by their size or multiplied with its reciprocal."""
    source = call.args[0]
    rest = list(call.args[1:])
    sign = 1.0
    if call.name in ("avg_pool2d", "avg_pool3d"):
        if len(rest) > 5 and rest[5] is not None and rest[5] < 0:
            # torch divides by what it is told to divide by
            rest[5], sign = -rest[5], -1.0
        terms = 1
        for size in rest[0] if len(rest[0]) > 1 else rest[0] * int(call.name[-2]):
            terms *= size
    else:
        terms = 1
        for size, made in zip(source.shape[-2 if "2d" in call.name else -3 :], rest[0]):
            # windows of adaptive pooling overlap where sizes do not divide
            terms *= -(-size // max(made, 1)) + 1
    found = linear(
        lambda item: call.function(item, *rest, **call.kwargs), [source], terms, call.dtype, whole=False, factors=3
    )
    if source.error is None and found.error is not None and bool((source.wide() == 0).all()):
        return Shadow(found.value, None, call.dtype)
    return Shadow(found.value * sign, found.error, call.dtype)


@rule("upsample_linear1d", "upsample_bilinear2d", "upsample_trilinear3d")
def interpolated(call: Applied) -> Shadow:
    """Convex combinations of neighbours whose weights come from rounded coordinates.

    A coordinate below ``size`` is off by a few units of that, and moves the result by so much times the step between
    neighbours, which is at most twice the largest of them.
    """
    source = call.args[0]
    rest = call.args[1:]
    dims = {"upsample_linear1d": 1, "upsample_bilinear2d": 2, "upsample_trilinear3d": 3}[call.name]
    found = linear(
        lambda item: call.function(item, *rest, **call.kwargs), [source], 2**dims, call.dtype, whole=False,
        factors=2.0 * dims + 2,
    )  # fmt: skip
    if not found.value.numel():
        return found
    longest = max(*source.shape[-dims:], *call.own[0].shape[-dims:])
    place = tuple(range(-dims, 0))
    # coordinates are computed in float32 for the narrower types, in float64 for that
    unit = UNIT[torch.float64 if call.dtype is torch.float64 else torch.float32]
    reach = source.size().amax(place, keepdim=True) * (16.0 * dims * longest * unit)
    if call.dtype is torch.float64:
        # torch passes scales as float64, others in float32: their coordinates are not the same
        reach = reach * 2.0**29
    error = plus(found.error, reach.expand(found.shape))
    return settle(found.value, error, call.dtype)
