"""Writing at positions that are data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from math import prod

from misfold.compiler.dtypes import BOOL, F64, I64, DType
from misfold.compiler.frontend.registry import Context, aten, dimension
from misfold.compiler.frontend.tensor import Tensor, full, joint_shape
from misfold.compiler.frontend.types import Number

from .indexing import advanced, places_along

_REDUCTIONS = {"sum": "add", "add": "add", "prod": "mul", "multiply": "mul", "amax": "max", "amin": "min"}


@aten("scatter.src", "scatter.value", "scatter.reduce", "scatter.value_reduce")
def scatter(
    c: Context, x: Tensor, dim: int, index: Tensor, source: Tensor | Number, *, reduce: str | None = None
) -> Tensor:
    operator = "replace" if reduce is None else _REDUCTIONS[reduce]
    return _along(c, x, dim, index, source, operator)


@aten("scatter_add.default")
def scatter_add(c: Context, x: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    return _along(c, x, dim, index, source, "add")


def _along(c: Context, x: Tensor, dim: int, index: Tensor, source: Tensor | Number, operator: str) -> Tensor:
    """x with the elements of ``source`` that ``index`` covers combined in along ``dim``."""
    if not index.elements:
        return x
    shape, dtype = x.shape, x.dtype if operator == "replace" else c.computing
    x = _at_least_1d(x.cast(dtype))
    index = _at_least_1d(index)
    places = places_along(x, dimension(dim, x.rank), index)
    return x.scatter(operator, _updates(source, index, dtype), places).reshape(*shape)


def _at_least_1d(x: Tensor) -> Tensor:
    return x if x.rank else x.reshape(1)


def _updates(source: Tensor | Number, index: Tensor, dtype: DType) -> Tensor:
    if not isinstance(source, Tensor):
        return index.full(source, dtype=dtype)
    covered = _at_least_1d(source.cast(dtype))
    for dim, size in enumerate(index.shape):
        covered = covered.slice(dim, 0, size)
    return covered


@aten("scatter_reduce.two")
def scatter_reduce(
    c: Context, x: Tensor, dim: int, index: Tensor, source: Tensor, reduce: str, *, include_self: bool = True
) -> Tensor:
    if not index.elements:
        return x
    shape, dtype = x.shape, c.computing
    x, index = _at_least_1d(x.cast(dtype)), _at_least_1d(index)
    places = places_along(x, dimension(dim, x.rank), index)
    return _reduced(x, _updates(source, index, dtype), places, reduce, include_self).reshape(*shape)


def _reduced(x: Tensor, updates: Tensor, places: Sequence[Tensor], reduce: str, include_self: bool) -> Tensor:
    """x with updates combined in; without ``include_self`` only they count where there are any."""
    operator = "add" if reduce == "mean" else _REDUCTIONS[reduce]
    start = x
    if not include_self:
        start = x.scatter("replace", updates.full(_identity(operator, x)), places)
    made = start.scatter(operator, updates, places)
    if reduce != "mean":
        return made
    count = x.full(1 if include_self else 0, dtype=I64).scatter("add", updates.full(1, dtype=I64), places)
    count = count.maximum(1).cast(x.dtype)
    return made / count if x.dtype.is_float else made // count


def _identity(operator: str, x: Tensor) -> Number:
    if operator in ("add", "mul"):
        return 0 if operator == "add" else 1
    if x.dtype.is_float:
        return math.inf if operator == "min" else -math.inf
    return x.dtype.max if operator == "min" else x.dtype.min


@aten("index_add.default")
def index_add(c: Context, x: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: Number = 1) -> Tensor:
    x, source = x.cast(c.computing), source.cast(c.computing)
    if alpha != 1:
        source = source & bool(alpha) if source.dtype.is_bool else source * alpha
    return _rows(c, x, dim, index, source, "add")


@aten("index_copy.default")
def index_copy(c: Context, x: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    return _rows(c, x, dim, index, source, "replace")


@aten("index_fill.int_Scalar", "index_fill.int_Tensor")
def index_fill(c: Context, x: Tensor, dim: int, index: Tensor, value: Tensor | Number) -> Tensor:
    wide = _at_least_1d(x)
    dim = dimension(dim, x.rank)
    shape = (*wide.shape[:dim], index.elements, *wide.shape[dim + 1 :])
    index = index.wrapped(wide.shape[dim])
    filled = value.cast(x.dtype).broadcast(shape) if isinstance(value, Tensor) else x.full(value, shape)
    return _rows(c, x, dim, index, filled, "replace")


@aten("index_reduce.default")
def index_reduce(
    c: Context, x: Tensor, dim: int, index: Tensor, source: Tensor, reduce: str, *, include_self: bool = True
) -> Tensor:
    if not source.elements:
        return x
    x, source = x.cast(c.computing), source.cast(c.computing)
    wide, updates, places = _row_places(x, dim, index, source)
    return _reduced(wide, updates, places, reduce, include_self).reshape(*x.shape)


def _rows(c: Context, x: Tensor, dim: int, index: Tensor, source: Tensor, operator: str) -> Tensor:
    """x with row i of ``source`` along ``dim`` combined into row ``index[i]``."""
    if not source.elements:
        return x
    wide, updates, places = _row_places(x, dim, index, source)
    return wide.scatter(operator, updates, places).reshape(*x.shape)


def _row_places(x: Tensor, dim: int, index: Tensor, source: Tensor) -> tuple[Tensor, Tensor, list[Tensor]]:
    wide = _at_least_1d(x)
    dim = dimension(dim, x.rank)
    shape = (*wide.shape[:dim], index.elements, *wide.shape[dim + 1 :])
    updates = source.cast(x.dtype).reshape(*shape)
    along = index.cast(I64).reshape(index.elements).broadcast(shape, [dim])
    return wide, updates, [along if one == dim else x.iota(one, shape) for one in range(wide.rank)]


@aten("index_put.default", "_unsafe_index_put.default")
def index_put(
    c: Context, x: Tensor, indices: Sequence[Tensor | None], values: Tensor, accumulate: bool = False
) -> Tensor:
    masks = [one for one in indices if one is not None and one.dtype.is_bool]
    if masks:
        return _masked_put(c, x, indices, masks, values, accumulate)
    if not x.rank:
        return x + values.reshape() if accumulate else values.reshape()
    shape = _indexed_shape(x, indices)
    if not prod(shape):
        return x
    dtype = c.computing if accumulate else x.dtype
    places = advanced(c, x, indices, shape)
    updates = values.cast(dtype).broadcast(shape)
    return x.cast(dtype).scatter("add" if accumulate else "replace", updates, places)


def _indexed_shape(x: Tensor, indices: Sequence[Tensor | None]) -> tuple[int, ...]:
    """The shape of ``x[indices]``."""
    given = [dim for dim, one in enumerate(indices) if one is not None]
    joint = joint_shape([one.shape for one in indices if one is not None])
    front = given[0] if given and given == list(range(given[0], given[-1] + 1)) else 0
    kept = [size for dim, size in enumerate(x.shape) if dim not in given]
    return (*kept[:front], *joint, *kept[front:])


def _masked_put(
    c: Context,
    x: Tensor,
    indices: Sequence[Tensor | None],
    masks: Sequence[Tensor],
    values: Tensor,
    accumulate: bool,
) -> Tensor:
    """One value wherever a mask is true: no shape depends on data then."""
    position = next(dim for dim, one in enumerate(indices) if one is not None)
    given = [one for one in indices if one is not None]
    if len(given) > 1 or values.elements != 1:
        raise c.unsupported("a mask with several values or with other indices: their number depends on data")
    (mask,) = masks
    wide = mask.broadcast(x.shape, range(position, position + mask.rank))
    value = values.cast(x.dtype).reshape().broadcast(x.shape)
    return wide.where(x + value if accumulate and not x.dtype.is_bool else x | value if accumulate else value, x)


@aten("put.default")
def put(c: Context, x: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor:
    if not index.elements:
        return x
    flat = x.cast(c.computing if accumulate else x.dtype).reshape(x.elements)
    updates = source.cast(flat.dtype).reshape(index.elements)
    places = [index.reshape(index.elements).wrapped(x.elements)]
    return flat.scatter("add" if accumulate else "replace", updates, places).reshape(*x.shape)


@aten("_unsafe_masked_index_put_accumulate.default")
def masked_index_put(c: Context, x: Tensor, mask: Tensor, indices: Sequence[Tensor | None], values: Tensor) -> Tensor:
    clamped = [
        None if one is None else one.cast(I64).maximum(0).minimum(x.shape[dim] - 1) for dim, one in enumerate(indices)
    ]
    shape = _indexed_shape(x, clamped)
    if not prod(shape):
        return x
    x, values = x.cast(c.computing), values.cast(c.computing)
    updates = mask.cast(BOOL).broadcast(shape).where(values.broadcast(shape), 0)
    return x.scatter("add", updates, advanced(c, x, clamped, shape))


@aten("_embedding_bag.default", "_embedding_bag_forward_only.default")
def embedding_bag(
    c: Context,
    weight: Tensor,
    indices: Tensor,
    offsets: Tensor,
    scale_grad_by_freq: bool = False,
    mode: int = 0,
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int = -1,
) -> Sequence[Tensor | None]:
    """The sum (mode 0), mean (1) or maximum (2) of each bag's rows; bag b starts at ``offsets[b]``.

    What lies behind the last offset, where there is one more than bags, is in no bag, and its indices may be anything.
    Eager's kernels for float64 and for maxima take it into the last bag all the same.
    """
    if set(c.used) > {0}:
        raise c.unsupported("results that only its derivative needs")
    bags, width = c.shape
    weight = weight.cast(c.computing)
    count = indices.elements
    if not bags or not count:
        return c.full(0.0), None, None, None
    pairs = (count, bags)
    begun = offsets.cast(I64).slice(0, 0, bags).broadcast(pairs, [1]) <= c.iota(0, pairs)
    bag = begun.cast(I64).sum((1,)) - 1
    indices = indices.cast(I64)
    kept = indices.differs(padding_idx)
    if include_last_offset and mode != 2 and c.dtype is not F64:
        inside = c.iota(0, (count,)) < offsets.cast(I64).slice(0, bags, bags + 1).broadcast((count,))
        kept, indices = kept & inside, inside.where(indices, 0)
    shape = (count, width)
    column = c.iota(1, shape)
    rows = weight.gather([indices.broadcast(shape, [0]), column])
    if per_sample_weights is not None:
        rows = rows * per_sample_weights.cast(rows.dtype).broadcast(shape, [0])
    operator, start = ("max", -math.inf) if mode == 2 else ("add", 0.0)
    rows = kept.broadcast(shape, [0]).where(rows, start)
    made = c.full(start).scatter(operator, rows, [bag.broadcast(shape, [0]), column])
    if mode:
        sizes = c.full(0, (bags,), I64).scatter("add", kept.cast(I64), [bag]).broadcast(c.shape, [0])
        made = sizes.equals(0).where(0.0, made) if mode == 2 else made / sizes.maximum(1).cast(made.dtype)
    return made, None, None, None


@aten("embedding_dense_backward.default")
def embedding_dense_backward(
    c: Context, grad: Tensor, indices: Tensor, count: int, padding_idx: int, scale_grad_by_freq: bool
) -> Tensor:
    if scale_grad_by_freq:
        raise c.unsupported("scale_grad_by_freq")
    grad = grad.cast(c.computing)
    zeros = full(c.builder, 0.0, c.shape, grad.dtype)
    if not grad.elements:
        return zeros
    rows = indices.cast(I64).unsqueeze(indices.rank).broadcast(grad.shape)
    updates = rows.equals(padding_idx).where(0.0, grad)
    return zeros.scatter("add", updates, [rows, c.iota(grad.rank - 1, grad.shape)])
