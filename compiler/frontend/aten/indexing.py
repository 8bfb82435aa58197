"""Reading at positions that are data."""

from __future__ import annotations

from collections.abc import Sequence

from misfold.compiler.dtypes import I64
from misfold.compiler.frontend.registry import Context, aten, dimension
from misfold.compiler.frontend.tensor import Tensor, joint_shape
from misfold.compiler.frontend.types import Number


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
    return gather(c, x, dim, index.wrapped(x.shape[dim]))  # type: ignore[return-value]


@aten("take.default")
def take(c: Context, x: Tensor, index: Tensor) -> Tensor:
    if not index.elements:
        return c.full(0, dtype=c.dtype)
    return x.reshape(x.elements).gather([index.wrapped(x.elements)])


@aten("index_select.default")
def index_select(c: Context, x: Tensor, dim: int, index: Tensor) -> Tensor:
    if not x.rank:
        return x
    dim %= x.rank
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
