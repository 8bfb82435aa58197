"""Layer, group, batch, instance and root-mean-square normalisation, with statistics in one pass or in two."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .arithmetic import product_of, sum_of
from .operands import Operand, operand
from .precision import UNDERFLOW, UNIT
from .reductions import moments
from .registry import Applied, rule
from .shadow import INF, Shadow, Undecided, bounded_type, plus, settle, unknown


def inverse_root(spread: Shadow, eps: float, dtype: torch.dtype) -> Shadow:
    """1 / sqrt(variance + eps); eps itself may be rounded to the type."""
    centre = spread.value + eps
    error = spread.error if spread.error is not None else torch.zeros_like(centre)
    error = error + (centre.abs() + eps) * (2 * UNIT[dtype])
    value = centre.rsqrt()
    low, high = centre - error, centre + error
    # an interval that reaches 0 bounds nothing
    good = low > 0
    bound = torch.maximum((low.clamp_min(1e-300).rsqrt() - value).abs(), (value - high.rsqrt()).abs())
    return settle(value, (bound + value * (6 * UNIT[dtype])).where(good, INF), dtype)


def apply(
    source: Shadow, mean: Shadow, scale: Shadow, weight: Shadow | None, bias: Shadow | None, dtype: torch.dtype
) -> Shadow:
    """(x - mean)·scale·weight + bias, also as x·(scale·weight) + (bias - mean·scale·weight)."""
    centred = sum_of(Operand(source.wide(), source.error), Operand(mean.value, mean.error), 2, dtype, -1.0)
    result = product_of(Operand(centred.value, centred.error), Operand(scale.value, scale.error), 3, dtype)
    # Folded, both products are rounded before one is taken from the other.
    reach = (source.size() + mean.size()) * scale.size()
    result = Shadow(result.value, plus(result.error, reach * (4 * UNIT[dtype])), dtype)
    if weight is not None:
        result = product_of(Operand(result.value, result.error), Operand(weight.wide(), weight.error), 1, dtype)
    if bias is not None:
        result = sum_of(Operand(result.value, result.error), Operand(bias.wide(), bias.error), 2, dtype)
    error = None if result.error is None else result.error + UNDERFLOW[dtype] * 8
    return settle(result.value, error, dtype)


def _others(call: Applied, found: Shadow, *statistics: Shadow | None) -> list[Shadow]:
    """The result and the statistics that come with it for a backward pass."""
    results = [found]
    for own, item in zip(call.own[1:], statistics):
        if item is None or own.numel() != item.value.numel():
            results.append(unknown(own, f"{call.name} keeps it for a backward pass"))
        else:
            error = None if item.error is None else item.error.reshape(own.shape)
            results.append(Shadow(item.value.reshape(own.shape), error, own.dtype))
    return results


@rule("native_layer_norm")
def layer(call: Applied) -> list[Shadow]:
    """Over the last dimensions."""
    source, shape, weight, bias, eps = call.args[:5]
    dtype = bounded_type(call.dtype)
    if not source.value.numel():
        return [Shadow(source.value, None, dtype), *(unknown(item, "nothing to normalise") for item in call.own[1:])]
    dims = tuple(range(-len(shape), 0))
    mean, spread = moments(source, dims, dtype, 0.0)
    scale = inverse_root(spread, eps, dtype)
    return _others(call, apply(source, mean, scale, weight, bias, dtype), mean, scale)


@rule("native_group_norm")
def group(call: Applied) -> list[Shadow]:
    """Over groups of channels."""
    source, weight, bias, _, channels, _, groups, eps = call.args[:8]
    dtype = bounded_type(call.dtype)
    if not source.value.numel():
        raise Undecided("nothing to normalise")
    shape = source.shape
    parted = (shape[0], groups, -1)
    flat = Shadow(
        source.wide().reshape(parted), None if source.error is None else source.error.reshape(parted), source.dtype
    )
    mean, spread = moments(flat, (2,), dtype, 0.0)
    scale = inverse_root(spread, eps, dtype)
    wide = (1, channels, *(1 for _ in shape[2:]))

    def channelwise(item: Shadow | None) -> Shadow | None:
        if item is None:
            return None
        return Shadow(item.wide().reshape(wide), None if item.error is None else item.error.reshape(wide), item.dtype)

    def spread_out(item: Shadow) -> Shadow:
        each = channels // groups

        def stretch(tensor: Tensor) -> Tensor:
            return (
                tensor.reshape(shape[0], groups, 1)
                .expand(-1, -1, each)
                .reshape(shape[0], channels, *(1 for _ in shape[2:]))
            )

        return Shadow(stretch(item.value), None if item.error is None else stretch(item.error), item.dtype)

    found = apply(source, spread_out(mean), spread_out(scale), channelwise(weight), channelwise(bias), dtype)
    return _others(call, found, mean, scale)


@rule("native_batch_norm", "_native_batch_norm_legit_no_training", "_native_batch_norm_legit_functional")
def batch(call: Applied) -> list[Shadow]:
    """By channel, with statistics of the batch or given ones."""
    source, weight, bias = call.args[:3]
    dtype = bounded_type(call.dtype)
    if not source.value.numel():
        raise Undecided("nothing to normalise")
    if call.name == "_native_batch_norm_legit_no_training":
        training, eps = False, call.args[6]
    else:
        training, eps = call.args[5], call.args[7]
    shape = (1, -1, *(1 for _ in source.shape[2:]))

    def channelwise(item: Any) -> Shadow | None:
        if item is None:
            return None
        return Shadow(item.wide().reshape(shape), None if item.error is None else item.error.reshape(shape), item.dtype)

    if training:
        dims = (0, *range(2, source.value.dim()))
        mean, spread = moments(source, dims, dtype, 0.0)
    else:
        given = channelwise(call.args[3]), channelwise(call.args[4])
        if given[0] is None or given[1] is None:
            raise Undecided("no statistics are given")
        mean, spread = given[0], given[1]
    scale = inverse_root(spread, eps, dtype)
    found = apply(source, mean, scale, channelwise(weight), channelwise(bias), dtype)
    return _others(call, found, mean if training else None, scale if training else None)


@rule("_fused_rms_norm")
def root_mean_square(call: Applied) -> list[Shadow]:
    """x / sqrt(mean(x²) + eps)·weight."""
    source, shape, weight, eps = call.args[:4]
    dtype = bounded_type(call.dtype)
    if not source.value.numel():
        raise Undecided("nothing to normalise")
    eps = torch.finfo(dtype).eps if eps is None else eps
    dims = tuple(range(-len(shape), 0))
    square = product_of(operand(source, dtype), operand(source, dtype), 1, dtype)
    from .linear import linear

    terms = 1
    for dim in dims:
        terms *= source.shape[dim]
    mean = linear(lambda item: item.mean(dims, keepdim=True), [square], terms, dtype, whole=False, factors=4)
    scale = inverse_root(mean, eps, dtype)
    zero = Shadow(torch.zeros((), dtype=torch.float64), None, dtype)
    return _others(call, apply(source, zero, scale, weight, None, dtype), scale)
