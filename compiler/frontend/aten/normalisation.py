"""Softmax and normalisation layers, and their derivatives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

from misfold.compiler.dtypes import DType
from misfold.compiler.frontend.registry import Context, Result, aten, dimension
from misfold.compiler.frontend.tensor import Tensor, as_float

Grads = tuple[Tensor | None, Tensor | None, Tensor | None]


def _along(x: Tensor, dim: int, function: Callable[[Tensor, int], Tensor]) -> Tensor:
    """A function along one dimension; a tensor of rank 0 is taken as of rank 1."""
    dim = dimension(dim, x.rank)
    return function(x, dim) if x.rank else function(x.reshape(1), 0).reshape()


@aten("_softmax.default", "_safe_softmax.default", "softmax.int", "_log_softmax.default", "log_softmax.int")
def softmax(c: Context, x: Tensor, dim: int, dtype: DType | bool | None = None) -> Tensor:
    name = "log_softmax" if "log" in c.name else "softmax"
    x = as_float(x.cast(dtype) if isinstance(dtype, DType) else x)
    made = _along(x, dim, lambda x, dim: x.one(name, dim=dim))
    if c.name == "_safe_softmax":
        blank = _along(x, dim, lambda x, dim: x.equals(float("-inf")).reduce("and", (dim,), keep=True))
        made = blank.broadcast(x.shape).where(0.0, made)
    return made


@aten("_softmax_backward_data.default")
def softmax_backward(c: Context, grad: Tensor, y: Tensor, dim: int, input_dtype: DType) -> Tensor:
    product = as_float(grad) * as_float(y)
    return product - as_float(y) * _along(product, dim, lambda x, dim: x.sum((dim,), keep=True))


@aten("_log_softmax_backward_data.default")
def log_softmax_backward(c: Context, grad: Tensor, y: Tensor, dim: int, input_dtype: DType) -> Tensor:
    grad = as_float(grad)
    return grad - as_float(y).exp() * _along(grad, dim, lambda x, dim: x.sum((dim,), keep=True))


def _affine(x: Tensor, weight: Tensor | None, bias: Tensor | None, shape: Sequence[int]) -> Tensor:
    """x · weight + bias, both in ``shape``."""
    if weight is not None:
        x = x * weight.cast(x.dtype).reshape(*shape)
    return x if bias is None else x + bias.cast(x.dtype).reshape(*shape)


@aten("native_layer_norm.default")
def native_layer_norm(
    c: Context, x: Tensor, shape: Sequence[int], weight: Tensor | None, bias: Tensor | None, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    x = as_float(x)
    dims = tuple(range(x.rank - len(shape), x.rank))
    made = _affine(x.one("layer_norm", dims=dims, eps=float(eps)), weight, bias, shape)
    mean = x.one("mean", dims=dims)
    rstd = (x.one("var", dims=dims, correction=0) + eps).one("rsqrt")
    return made, mean.keep(x, dims), rstd.keep(x, dims)


@aten("rms_norm.default", "_fused_rms_norm.default")
def rms_norm(
    c: Context, x: Tensor, shape: Sequence[int], weight: Tensor | None = None, eps: float | None = None
) -> Result:
    scale_eps = as_float(x).dtype
    default = {32: 2.0**-23, 64: 2.0**-52}[scale_eps.bits]
    dims = tuple(range(x.rank - len(shape), x.rank))
    wide = as_float(x)
    rstd = (wide.square().one("mean", dims=dims).keep(wide, dims) + (default if eps is None else eps)).one("rsqrt")
    made = _affine(wide * rstd, weight, None, shape)
    return made if c.name == "rms_norm" else (made, rstd)


@aten("native_group_norm.default")
def native_group_norm(
    c: Context,
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    batch: int,
    channels: int,
    spatial: int,
    groups: int,
    eps: float,
) -> tuple[Tensor, Tensor, Tensor]:
    x = as_float(x)
    made = x.one("group_norm", groups=groups, eps=float(eps))
    made = _affine(made, weight, bias, (channels, *[1] * (x.rank - 2)))
    grouped = x.reshape(batch, groups, channels // groups * spatial)
    mean = grouped.one("mean", dims=(2,))
    return made, mean, (grouped.one("var", dims=(2,), correction=0) + eps).one("rsqrt")


# ------------------------------------------------------------------------------------------------ batch normalisation


def _per_channel(x: Tensor, like: Tensor) -> Tensor:
    """[C] as [C, 1, …], to go with [N, C, …]."""
    return x.reshape(x.elements, *[1] * (like.rank - 2))


def _batch_norm(x: Tensor, weight: Tensor | None, bias: Tensor | None, mean: Tensor, rstd: Tensor) -> Tensor:
    centred = (x - _per_channel(mean, x)) * _per_channel(rstd, x)
    return _affine(centred, weight, bias, (x.shape[1], *[1] * (x.rank - 2)))


def _batch_statistics(x: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor]:
    dims = (0, *range(2, x.rank))
    mean = x.one("mean", dims=dims)
    variance = x.one("var", dims=dims, correction=0)
    return mean, variance, (variance + eps).one("rsqrt")


@aten("_native_batch_norm_legit.no_stats")
def batch_norm_of_batch(
    c: Context, x: Tensor, weight: Tensor | None, bias: Tensor | None, training: bool, momentum: float, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    x = as_float(x)
    mean, _, rstd = _batch_statistics(x, eps)
    return _batch_norm(x, weight, bias, mean, rstd), mean, rstd


@aten("_native_batch_norm_legit_no_training.default")
def batch_norm_inference(
    c: Context,
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor,
    running_var: Tensor,
    momentum: float,
    eps: float,
) -> tuple[Tensor, Tensor, Tensor]:
    x = as_float(x)
    rstd = (running_var.cast(x.dtype) + eps).one("rsqrt")
    made = _batch_norm(x, weight, bias, running_mean.cast(x.dtype), rstd)
    empty = x.full(0.0, (0,))
    return made, empty, empty


@aten("_native_batch_norm_legit_functional.default")
def batch_norm_training(
    c: Context,
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor,
    running_var: Tensor,
    training: bool,
    momentum: float,
    eps: float,
) -> tuple[Tensor, ...]:
    x = as_float(x)
    if not training:
        results = batch_norm_inference(c, x, weight, bias, running_mean, running_var, momentum, eps)
        return (*results, running_mean, running_var)
    mean, variance, rstd = _batch_statistics(x, eps)
    made = _batch_norm(x, weight, bias, mean, rstd)
    count = x.elements // x.shape[1] if x.elements else 0
    unbiased = variance * (count / (count - 1) if count > 1 else float("nan") if count else 1.0)
    new_mean = running_mean.cast(x.dtype) * (1 - momentum) + mean * momentum
    new_var = running_var.cast(x.dtype) * (1 - momentum) + unbiased * momentum
    return made, mean, rstd, new_mean, new_var


# -------------------------------------------------------------------------------------------------------- derivatives


@aten("native_layer_norm_backward.default")
def native_layer_norm_backward(
    c: Context,
    grad: Tensor,
    x: Tensor,
    shape: Sequence[int],
    mean: Tensor,
    rstd: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    mask: Sequence[bool],
) -> Grads:
    grad, x = as_float(grad), as_float(x)
    inner = tuple(range(x.rank - len(shape), x.rank))
    outer = tuple(range(x.rank - len(shape)))
    normal = (x - mean.cast(x.dtype)) * rstd.cast(x.dtype)
    scaled = grad if weight is None else grad * weight.cast(x.dtype)
    count = float(prod(shape))
    lost = scaled.sum(inner, keep=True) / count + normal * ((scaled * normal).sum(inner, keep=True) / count)
    return (
        (scaled - lost) * rstd.cast(x.dtype) if mask[0] else None,
        (grad * normal).sum(outer) if mask[1] and weight is not None else None,
        grad.sum(outer) if mask[2] and bias is not None else None,
    )


@aten("native_group_norm_backward.default")
def native_group_norm_backward(
    c: Context,
    grad: Tensor,
    x: Tensor,
    mean: Tensor,
    rstd: Tensor,
    weight: Tensor | None,
    batch: int,
    channels: int,
    spatial: int,
    groups: int,
    mask: Sequence[bool],
) -> Grads:
    shape = x.shape
    split = (batch, groups, channels // groups, spatial)
    grad, x = as_float(grad).reshape(*split), as_float(x).reshape(*split)
    mean, rstd = (one.cast(x.dtype).reshape(batch, groups, 1, 1) for one in (mean, rstd))
    normal = (x - mean) * rstd
    scaled = grad if weight is None else grad * weight.cast(x.dtype).reshape(1, groups, channels // groups, 1)
    count = float(channels // groups * spatial)
    lost = scaled.sum((2, 3), keep=True) / count + normal * ((scaled * normal).sum((2, 3), keep=True) / count)
    return (
        ((scaled - lost) * rstd).reshape(*shape) if mask[0] else None,
        (grad * normal).sum((0, 3)).reshape(channels) if mask[1] else None,
        grad.sum((0, 3)).reshape(channels) if mask[2] else None,
    )


@aten("native_batch_norm_backward.default")
def native_batch_norm_backward(
    c: Context,
    grad: Tensor,
    x: Tensor,
    weight: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    save_mean: Tensor | None,
    save_rstd: Tensor | None,
    training: bool,
    eps: float,
    mask: Sequence[bool],
) -> Grads:
    grad, x = as_float(grad), as_float(x)
    mean, rstd = save_mean, save_rstd
    if not training:
        assert running_mean is not None and running_var is not None
        mean, rstd = running_mean, (running_var.cast(x.dtype) + eps).one("rsqrt")
    assert mean is not None and rstd is not None
    mean, rstd = (_per_channel(one.cast(x.dtype), x).unsqueeze(0) for one in (mean, rstd))
    dims = (0, *range(2, x.rank))
    normal = (x - mean) * rstd
    scaled = grad if weight is None else grad * _per_channel(weight.cast(x.dtype), x)
    count = float(max(x.elements // max(x.shape[1], 1), 1))
    if training:
        lost = scaled.sum(dims, keep=True) / count + normal * ((scaled * normal).sum(dims, keep=True) / count)
        passed = (scaled - lost) * rstd
    else:
        passed = scaled * rstd
    return (
        passed if mask[0] else None,
        (grad * normal).sum(dims) if mask[1] else None,
        grad.sum(dims) if mask[2] else None,
    )
