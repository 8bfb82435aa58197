"""Reading at positions that are data."""

from __future__ import annotations

from collections.abc import Sequence

from misfold.compiler.dtypes import BOOL, I32, I64
from misfold.compiler.frontend.registry import Context, aten, dimension
from misfold.compiler.frontend.tensor import Tensor, concatenate, joint_shape
from misfold.compiler.frontend.types import Number

from .reductions import norm


@aten("embedding.default")
def embedding(
    c: Context,
    weight: Tensor,
    indices: Tensor,
    padding_idx: int = -1,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    rows = indices.cast(I64).unsqueeze(indices.rank).broadcast(c.shape)
    return weight.gather([rows, c.iota(len(c.shape) - 1, c.shape)]) if rows.elements else c.full(0, dtype=c.dtype)


@aten("gather.default")
def gather(c: Context, x: Tensor, dim: int, index: Tensor, sparse_grad: bool = False) -> Tensor:
    if not index.elements:
        return c.full(0, dtype=c.dtype)
    if not x.rank:
        return x.broadcast(c.shape)
    return x.gather(places_along(x, dimension(dim, x.rank), index))


def places_along(x: Tensor, dim: int, index: Tensor) -> list[Tensor]:
    """Where ``gather`` and ``scatter`` along ``dim`` read or write for each element of ``index``."""
    if not index.rank:
        index = index.reshape(1)
    return [index.cast(I64) if one == dim else index.iota(one) for one in range(x.rank)]


@aten("take_along_dim.default")
def take_along_dim(c: Context, x: Tensor, index: Tensor, dim: int | None = None) -> Tensor:
    if dim is None:
        return x.reshape(x.elements).gather([index.reshape(index.elements).wrapped(x.elements)])
    dim %= x.rank
    shape = joint_shape([(*x.shape[:dim], 1, *x.shape[dim + 1 :]), (*index.shape[:dim], 1, *index.shape[dim + 1 :])])
    x = x.broadcast((*shape[:dim], x.shape[dim], *shape[dim + 1 :]))
    index = index.broadcast((*shape[:dim], index.shape[dim], *shape[dim + 1 :]))
    return gather(c, x, dim, index.wrapped(x.shape[dim]))


@aten("take.default")
def take(c: Context, x: Tensor, index: Tensor) -> Tensor:
    if not index.elements:
        return c.full(0, dtype=c.dtype)
    return x.reshape(x.elements).gather([index.wrapped(x.elements)])


@aten("index_select.default")
def index_select(c: Context, x: Tensor, dim: int, index: Tensor) -> Tensor:
    if index.dtype not in (I32, I64) or index.rank > 1:
        raise c.unsupported("eager takes a vector of int32 or int64 for an index")
    if not x.rank:
        return x.reshape(1).gather([index.cast(I64).reshape(1)]).reshape()
    dim = dimension(dim, x.rank)
    if 0 in c.shape:
        return c.full(0, dtype=c.dtype)
    along = index.cast(I64).reshape(index.elements).broadcast(c.shape, [dim])
    return x.gather([along if one == dim else c.iota(one, c.shape) for one in range(x.rank)])


@aten("index.Tensor", "_unsafe_index.Tensor")
def index(c: Context, x: Tensor, indices: Sequence[Tensor | None]) -> Tensor:
    if 0 in c.shape:
        return c.full(0, dtype=c.dtype)
    return x.gather(advanced(c, x, indices, c.shape)) if x.rank else x.broadcast(c.shape)


def advanced(c: Context, x: Tensor, indices: Sequence[Tensor | None], shape: Sequence[int]) -> list[Tensor]:
    """Where each element of ``x[indices]``, of ``shape``, comes from, for each dimension of x: numpy's rules.

    Index tensors are broadcast together; their dimensions replace the indexed ones if these are neighbours, and come
    first otherwise.
    """
    listed = [*indices, *[None] * (x.rank - len(indices))]
    if any(one is not None and (one.dtype.is_bool or one.dtype.name == "u8") for one in listed):
        raise c.unsupported("a mask: the shape depends on data")
    given = [dim for dim, one in enumerate(listed) if one is not None]
    joint = joint_shape([one.shape for one in listed if one is not None])
    adjacent = given == list(range(given[0], given[-1] + 1)) if given else True
    front = given[0] if given and adjacent else 0
    kept = [dim for dim in range(x.rank) if dim not in given]
    # where the dimensions that are kept, and those of the indices, are in the result
    position = {dim: place if place < front else place + len(joint) for place, dim in enumerate(kept)}
    inner = range(front, front + len(joint))
    places = []
    for dim, one in enumerate(listed):
        if one is None:
            places.append(c.iota(position[dim], shape))
        else:
            places.append(one.wrapped(x.shape[dim]).broadcast(joint).broadcast(shape, inner))
    return places


@aten("_unsafe_masked_index.default")
def masked_index(c: Context, x: Tensor, mask: Tensor, indices: Sequence[Tensor | None], fill: Number) -> Tensor:
    if 0 in c.shape:
        return c.full(0, dtype=c.dtype)
    clamped = [
        None if one is None else one.cast(I64).maximum(0).minimum(x.shape[dim] - 1) for dim, one in enumerate(indices)
    ]
    return mask.broadcast(c.shape).where(x.gather(advanced(c, x, clamped, c.shape)), fill)


@aten("masked_scatter.default")
def masked_scatter(c: Context, x: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """The n-th place where the mask is true takes the n-th element of the source."""
    mask, x = mask.broadcast(c.shape), x.broadcast(c.shape)
    if not x.elements or not source.elements:
        return x
    flat = mask.reshape(x.elements)
    number = flat.cast(I64).one("scan", op="add", dim=0) - 1
    taken = source.reshape(source.elements).gather([flat.where(number, 0)])
    return mask.where(taken.reshape(*c.shape), x)


@aten("repeat_interleave.Tensor")
def repeat_interleave(c: Context, repeats: Tensor, *, output_size: int | None = None) -> Tensor:
    """Element i repeated ``repeats[i]`` times: output k comes from the first i whose running total exceeds k."""
    ends = repeats.cast(I64).one("scan", op="add", dim=0)
    shape = (*c.shape, repeats.elements)
    passed = ends.broadcast(shape, [1]) <= c.iota(0, shape)
    return passed.cast(I64).sum((1,))


@aten("nonzero_static.default")
def nonzero_static(c: Context, x: Tensor, *, size: int, fill_value: int = -1) -> Tensor:
    """The indices of the first ``size`` elements that are not zero, one row each."""
    flat = x.reshape(x.elements).cast(BOOL)
    if not x.elements or not x.rank or not size:
        return c.full(fill_value, dtype=I64)
    number = flat.cast(I64).one("scan", op="add", dim=0) - 1
    # the others, and what is too much, go to one more row, which is cut off
    row = (flat & (number < size)).where(number, size)
    columns = []
    for dim in range(x.rank):
        place = x.iota(dim).reshape(x.elements)
        column = c.full(fill_value, (size + 1,), I64).scatter("replace", place, [row])
        columns.append(column.slice(0, 0, size).unsqueeze(1))
    return concatenate(columns, 1)


@aten("_pdist_forward.default")
def pdist(c: Context, x: Tensor, p: float = 2.0) -> Tensor:
    """The norms of x[i] - x[j] for all i < j, by i first."""
    count = x.shape[0]
    if not c.shape[0]:
        return c.full(0)
    shape = (*c.shape, count)
    row, pair = c.iota(1, shape), c.iota(0, shape)
    # pairs of row i start at i·n - i(i+1)/2
    i = (row * count - row * (row + 1) // 2 <= pair).cast(I64).sum((1,)) - 1
    # the last row has no pairs and starts behind all of them
    j = c.iota(0, c.shape) - (i * count - i * (i + 1) // 2) + i + 1
    wide = (*c.shape, x.shape[1])
    column = c.iota(1, wide)
    x = x.cast(c.computing)
    first, second = (x.gather([side.broadcast(wide, [0]), column]) for side in (i, j))
    return norm(first - second, p, (1,), False)
