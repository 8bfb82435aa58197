"""Reductions along dimensions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from math import prod

from misfold.compiler.dtypes import BOOL, I64, U8, DType
from misfold.compiler.frontend.registry import Context, aten, dimension, dimensions
from misfold.compiler.frontend.tensor import Tensor
from misfold.compiler.frontend.types import Number

Dims = int | Sequence[int] | None


@aten("sum.default", "sum.dim_IntList", "prims.sum.default")
def sum_(c: Context, x: Tensor, dim: Dims = None, keepdim: bool = False, dtype: DType | None = None) -> Tensor:
    return x.cast(c.dtype).cast(c.computing).sum(dimensions(dim, x.rank), keepdim)


@aten("nansum.default")
def nansum(c: Context, x: Tensor, dim: Dims = None, keepdim: bool = False, dtype: DType | None = None) -> Tensor:
    x = x.cast(c.dtype).cast(c.computing)
    return (x.is_nan().where(0, x) if x.dtype.is_float else x).sum(dimensions(dim, x.rank), keepdim)


@aten("mean.default", "mean.dim")
def mean(c: Context, x: Tensor, dim: Dims = None, keepdim: bool = False, dtype: DType | None = None) -> Tensor:
    x = x.cast(c.computing)
    dims = dimensions(dim, x.rank)
    return _kept(x.one("mean", dims=dims) if dims else x, x, dims, keepdim)


def _kept(result: Tensor, x: Tensor, dims: Sequence[int], keepdim: bool) -> Tensor:
    return result.keep(x, dims) if keepdim else result


@aten("prod.default", "prod.dim_int")
def prod_(c: Context, x: Tensor, dim: Dims = None, keepdim: bool = False, dtype: DType | None = None) -> Tensor:
    return x.cast(c.dtype).cast(c.computing).reduce("mul", dimensions(dim, x.rank), keepdim)


@aten("amax.default", "amin.default", "max.default", "min.default")
def extremum(c: Context, x: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    return x.reduce(c.name.removeprefix("a"), dimensions(dim, x.rank), keepdim)


@aten("aminmax.default")
def aminmax(c: Context, x: Tensor, dim: int | None = None, keepdim: bool = False) -> tuple[Tensor, Tensor]:
    dims = dimensions(dim, x.rank)
    return x.min(dims, keepdim), x.max(dims, keepdim)


@aten("any.default", "any.dim", "any.dims")
def any_(c: Context, x: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    return x.cast(BOOL).reduce("or", _named(dim, x.rank), keepdim)


@aten("all.default", "all.dim", "all.dims")
def all_(c: Context, x: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    return x.cast(BOOL).reduce("and", _named(dim, x.rank), keepdim)


def _named(dim: Dims, rank: int) -> tuple[int, ...]:
    """As ``dimensions``, but an empty list names none."""
    return () if dim == [] else dimensions(dim, rank)


@aten("count_nonzero.default", "count_nonzero.dim_IntList")
def count_nonzero(c: Context, x: Tensor, dim: Dims = None) -> Tensor:
    return x.cast(BOOL).cast(I64).sum(dimensions(dim, x.rank))


@aten("argmax.default", "argmin.default")
def argextremum(c: Context, x: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    if not x.rank:
        return c.full(0, dtype=I64)
    if dim is None:
        return x.reshape(x.elements).arg(c.name.removeprefix("arg"), 0).reshape(*c.shape)
    return x.arg(c.name.removeprefix("arg"), dim % x.rank).reshape(*c.shape)


@aten("max.dim", "min.dim")
def extremum_and_index(c: Context, x: Tensor, dim: int, keepdim: bool = False) -> tuple[Tensor, Tensor]:
    if not x.rank:
        return x, c.full(0, dtype=I64)
    dim %= x.rank
    index = x.arg(c.name, dim).keep(x, (dim,)) if prod(c.shape) else c.full(0, index_shape(x, dim), I64)
    return x.reduce(c.name, (dim,)).reshape(*c.shape), index.reshape(*c.shape)


def index_shape(x: Tensor, dim: int) -> tuple[int, ...]:
    return (*x.shape[:dim], 1, *x.shape[dim + 1 :])


# --------------------------------------------------------------------------------------------------------- statistics


def _moments(c: Context, x: Tensor, dim: Dims, correction: Number | None, keepdim: bool) -> tuple[Tensor, Tensor]:
    """Variance and mean."""
    x = x.cast(c.computing)
    dims = dimensions(dim, x.rank)
    if not dims:  # a tensor of rank 0 has one element
        x, dims = x.reshape(1), (0,)
        keepdim = False
    variance = x.one("var", dims=dims, correction=1 if correction is None else correction)
    return _kept(variance, x, dims, keepdim), _kept(x.one("mean", dims=dims), x, dims, keepdim)


@aten("var.correction")
def var(c: Context, x: Tensor, dim: Dims = None, *, correction: Number | None = None, keepdim: bool = False) -> Tensor:
    return _moments(c, x, dim, correction, keepdim)[0]


@aten("var.dim")
def var_dim(c: Context, x: Tensor, dim: Dims, unbiased: bool = True, keepdim: bool = False) -> Tensor:
    return _moments(c, x, dim, int(unbiased), keepdim)[0]


@aten("std.correction")
def std(c: Context, x: Tensor, dim: Dims = None, *, correction: Number | None = None, keepdim: bool = False) -> Tensor:
    return _moments(c, x, dim, correction, keepdim)[0].sqrt()


@aten("std.dim")
def std_dim(c: Context, x: Tensor, dim: Dims, unbiased: bool = True, keepdim: bool = False) -> Tensor:
    return _moments(c, x, dim, int(unbiased), keepdim)[0].sqrt()


@aten("var_mean.correction", "std_mean.correction")
def moments(
    c: Context, x: Tensor, dim: Dims = None, *, correction: Number | None = None, keepdim: bool = False
) -> tuple[Tensor, Tensor]:
    variance, mean = _moments(c, x, dim, correction, keepdim)
    return (variance.sqrt() if c.name == "std_mean" else variance), mean


@aten("logsumexp.default")
def logsumexp(c: Context, x: Tensor, dim: Dims, keepdim: bool = False) -> Tensor:
    x = x.cast(c.computing)
    dims = dimensions(dim, x.rank)
    return _kept(x.one("logsumexp", dims=dims) if dims else x, x, dims, keepdim)


# -------------------------------------------------------------------------------------------------------------- norms


@aten("linalg_vector_norm.default")
def vector_norm(
    c: Context, x: Tensor, ord: Number = 2, dim: Dims = None, keepdim: bool = False, dtype: DType | None = None
) -> Tensor:
    return norm(x.cast(c.computing), ord, dimensions(dim, x.rank), keepdim)


@aten("norm.Scalar", "norm.ScalarOpt_dim", "norm.ScalarOpt_dim_dtype", "norm.ScalarOpt_dtype")
def norm_scalar(
    c: Context, x: Tensor, p: Number | None = 2, dim: Dims = None, keepdim: bool = False, dtype: DType | None = None
) -> Tensor:
    return norm(x.cast(c.computing), 2 if p is None else p, dimensions(dim, x.rank), keepdim)


def norm(x: Tensor, order: Number, dims: Sequence[int], keep: bool) -> Tensor:
    """The p-norm of a vector of floats."""
    if order == 0:
        return x.cast(BOOL).cast(x.dtype).sum(dims, keep)
    size = x.abs()
    if order == math.inf:
        return size.maximum(0.0).max(dims, keep) if _some(x, dims) else x.full(0.0).sum(dims, keep)
    if order == -math.inf:
        return size.min(dims, keep)
    if order == 1:
        return size.sum(dims, keep)
    if order == 2:
        return x.square().sum(dims, keep).sqrt()
    total = size.binary("pow", float(order)).sum(dims, keep)
    return total.binary("pow", 1 / order)


def _some(x: Tensor, dims: Sequence[int]) -> bool:
    return all(x.shape[dim] for dim in dims)


@aten("dist.default")
def dist(c: Context, x: Tensor, y: Tensor, p: Number = 2) -> Tensor:
    x, y = c.operands(x, y)
    return norm(x - y, p, tuple(range(x.rank)), False)


@aten("_cdist_forward.default", "cdist.default")
def cdist(c: Context, a: Tensor, b: Tensor, p: float = 2.0, mode: int | None = None) -> Tensor:
    """Between all rows of two batches of matrices."""
    a, b = a.cast(c.computing), b.cast(c.computing)
    difference = a.unsqueeze(a.rank - 1) - b.unsqueeze(b.rank - 2)
    return norm(difference, p, (difference.rank - 1,), False).broadcast(c.shape)


# -------------------------------------------------------------------------------------------------------------- scans


@aten("cumsum.default", "cumprod.default")
def cumulative(c: Context, x: Tensor, dim: int, dtype: DType | None = None) -> Tensor:
    x = x.cast(c.dtype).cast(c.computing)
    if not x.rank:
        return x
    return x.one("scan", op="add" if c.name == "cumsum" else "mul", dim=dimension(dim, x.rank))


@aten("cummax.default", "cummin.default")
def cumulative_extremum(c: Context, x: Tensor, dim: int) -> tuple[Tensor, ...]:
    if not x.rank:
        return x, c.full(0, dtype=I64)
    ordered = x.cast(U8) if x.dtype.is_bool else x
    return ordered.apply("argscan", op=c.name.removeprefix("cum"), dim=dimension(dim, x.rank))


@aten("logcumsumexp.default")
def logcumsumexp(c: Context, x: Tensor, dim: int) -> Tensor:
    """Each prefix by itself: a running sum would lose those that are small beside the maximum of all."""
    x = x.cast(c.computing)
    if not x.rank or not x.elements:
        return x
    dim %= x.rank
    size = x.shape[dim]
    if size > 1024:
        raise c.unsupported(f"{size} elements, more than 1024: prefixes take quadratic time")
    last = x.transpose(dim, x.rank - 1)
    square = last.broadcast((*last.shape, size), [*range(x.rank - 1), x.rank])
    prefix = x.iota(x.rank, square.shape) <= x.iota(x.rank - 1, square.shape)
    sums = prefix.where(square, -math.inf).one("logsumexp", dims=(x.rank,))
    return sums.transpose(dim, x.rank - 1)
