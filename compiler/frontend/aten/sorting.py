"""Sorting, and what is found in sorted tensors."""

from __future__ import annotations

import math

from misfold.compiler.dtypes import BOOL, I64, U8
from misfold.compiler.frontend.registry import Context, Result, aten, dimension
from misfold.compiler.frontend.tensor import Tensor


def sorted_along(x: Tensor, dim: int, descending: bool = False) -> tuple[Tensor, Tensor]:
    """Values and indices, stable; NaN is the largest. Scalars are taken as of rank 1."""
    if not x.rank:
        return x, x.full(0, dtype=I64)
    values, indices = (x.cast(U8) if x.dtype.is_bool else x).apply("sort", dim=dim % x.rank, descending=descending)
    return (values.cast(BOOL) if x.dtype.is_bool else values), indices


@aten("sort.default")
def sort(c: Context, x: Tensor, dim: int = -1, descending: bool = False) -> tuple[Tensor, Tensor]:
    return sorted_along(x, dim, descending)


@aten("sort.stable")
def sort_stable(
    c: Context, x: Tensor, *, stable: bool | None = None, dim: int = -1, descending: bool = False
) -> tuple[Tensor, Tensor]:
    return sorted_along(x, dim, descending)


@aten("argsort.default")
def argsort(c: Context, x: Tensor, dim: int = -1, descending: bool = False) -> Tensor:
    return sorted_along(x, dim, descending)[1]


@aten("argsort.stable")
def argsort_stable(c: Context, x: Tensor, *, stable: bool, dim: int = -1, descending: bool = False) -> Tensor:
    return sorted_along(x, dim, descending)[1]


@aten("msort.default")
def msort(c: Context, x: Tensor) -> Tensor:
    return sorted_along(x, 0)[0]


@aten("topk.default")
def topk(
    c: Context, x: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True
) -> tuple[Tensor, Tensor]:
    values, indices = sorted_along(x, dim, descending=largest)
    if not x.rank:
        return values.reshape(*c.shape), indices.reshape(*c.shape)
    dim %= x.rank
    return values.slice(dim, 0, k), indices.slice(dim, 0, k)


@aten("kthvalue.default")
def kthvalue(c: Context, x: Tensor, k: int, dim: int = -1, keepdim: bool = False) -> tuple[Tensor, Tensor]:
    return _picked(c, sorted_along(x, dim), dimension(dim, x.rank), k - 1)


@aten("median.dim")
def median_dim(c: Context, x: Tensor, dim: int, keepdim: bool = False) -> tuple[Tensor, Tensor]:
    dim = dimension(dim, x.rank)
    value, index = _picked(c, sorted_along(x, dim), dim, (x.shape[dim] - 1) // 2 if x.rank else 0)
    if not x.dtype.is_float or not x.rank:
        return value, index
    # NaN is the median of whatever has one: the first of them, as argmax finds it
    spoiled = x.is_nan().reduce("or", (dim,)).reshape(*c.shape)
    return spoiled.where(math.nan, value), spoiled.where(x.arg("max", dim).reshape(*c.shape), index)


def _picked(c: Context, pair: tuple[Tensor, Tensor], dim: int, place: int) -> tuple[Tensor, Tensor]:
    """Element ``place`` along ``dim`` of both, in the shape of the result."""
    values, indices = (
        one.slice(dim, place, place + 1).reshape(*c.shape) if one.rank else one.reshape(*c.shape) for one in pair
    )
    return values, indices


@aten("median.default")
def median(c: Context, x: Tensor) -> Tensor:
    if not x.elements:
        raise c.unsupported("no elements")
    values, _ = sorted_along(x.reshape(x.elements), 0)
    middle = values.slice(0, (x.elements - 1) // 2, (x.elements - 1) // 2 + 1).reshape()
    # NaN, which sorts last, is the median of whatever has one
    last = values.slice(0, x.elements - 1, x.elements).reshape()
    return last.is_nan().where(last, middle)


@aten("searchsorted.Tensor", "bucketize.Tensor", "searchsorted.Scalar", "bucketize.Scalar")
def searchsorted(
    c: Context,
    a: Tensor | float,
    b: Tensor | float,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: Tensor | None = None,
) -> Tensor:
    """The number of elements below, or not above, each value: as many comparisons as a search along a short row."""
    row, values = (a, b) if c.name == "searchsorted" else (b, a)
    assert isinstance(row, Tensor)
    if side not in (None, "left", "right") or (side == "left" and right):
        raise c.unsupported(f"side {side!r}, where right is {right}, is refused by eager")
    if sorter is not None and sorter.dtype != I64:
        raise c.unsupported("eager takes a sorter of int64")
    if sorter is not None:
        places = [sorter if dim == row.rank - 1 else sorter.iota(dim) for dim in range(row.rank)]
        row = row.gather(places) if row.elements else row
    values = values if isinstance(values, Tensor) else row.full(values, ())
    dtype = c.result_type(row, values)
    row, values = row.cast(dtype), values.cast(dtype)
    if row.rank > 1:
        row = row.unsqueeze(row.rank - 1)
    column = values.unsqueeze(values.rank)
    below = row <= column if right or side == "right" else row < column
    if dtype.is_float:  # NaN is larger than everything
        after = column.is_nan() if right or side == "right" else column.is_nan() & ~row.is_nan()
        below = below | after
    return below.cast(I64).sum((below.rank - 1,)).reshape(*c.shape)


@aten("nanmedian.default", "nanmedian.dim")
def nanmedian(c: Context, x: Tensor, dim: int | None = None, keepdim: bool = False) -> Result:
    """The middle of those that are no NaN; these sort last."""
    if dim is None:
        x = x.reshape(x.elements)
    if not x.rank:
        return x, c.full(0, dtype=I64)
    if not x.elements:
        raise c.unsupported("a tensor without elements")
    along = dimension(dim or 0, x.rank)
    values, indices = sorted_along(x, along)
    count = (~x.is_nan()).cast(I64).sum((along,), keep=True)
    middle = (count - 1).maximum(0) // 2
    places = [middle if one == along else middle.iota(one) for one in range(x.rank)]
    value, index = (one.gather(places).reshape(*c.shape) for one in (values, indices))
    return value if dim is None else (value, index)


@aten("mode.default")
def mode(c: Context, x: Tensor, dim: int = -1, keepdim: bool = False) -> tuple[Tensor, Tensor]:
    """The smallest of the most frequent: all pairs are compared."""
    if not x.rank:
        return x, c.full(0, dtype=I64)
    dim %= x.rank
    size = x.shape[dim]
    if not 0 < size <= 1024:
        raise c.unsupported(f"{size} elements: not from 1 to 1024, which are compared in pairs")
    values, indices = sorted_along(x, dim)
    values, indices = values.transpose(dim, x.rank - 1), indices.transpose(dim, x.rank - 1)
    shape = (*values.shape, size)
    row = values.broadcast(shape, [*range(x.rank - 1), x.rank])
    column = values.broadcast(shape, range(x.rank))
    same = row.equals(column) | (row.is_nan() & column.is_nan())
    first = same.cast(I64).sum((x.rank,)).arg("max", x.rank - 1).unsqueeze(x.rank - 1)
    places = [first if one == x.rank - 1 else first.iota(one) for one in range(x.rank)]
    value, index = (one.gather(places).transpose(dim, x.rank - 1).reshape(*c.shape) for one in (values, indices))
    return value, index
