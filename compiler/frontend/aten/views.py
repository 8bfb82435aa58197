"""Operators that move elements: views and their functional relatives."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from misfold.compiler.dtypes import I64
from misfold.compiler.frontend.layout import dense_order
from misfold.compiler.frontend.registry import Context, aten, dimension
from misfold.compiler.frontend.tensor import Tensor, concatenate


@aten("view.default", "_unsafe_view.default", "reshape.default", "view_copy.default", "_reshape_copy.default")
@aten("unsqueeze.default", "unsqueeze_copy.default", "flatten.using_ints", "unflatten.int", "ravel.default")
@aten("squeeze.default", "squeeze.dim", "squeeze.dims", "squeeze_copy.default", "squeeze_copy.dim", "squeeze_copy.dims")
@aten("_reshape_alias.default", "reshape_as.default", "atleast_1d.default", "prims.view_of.default")
@aten("prims.squeeze.default")
def reshape(c: Context, x: Tensor, *_: object) -> Tensor:
    return x.reshape(*c.shape)


@aten("expand.default", "expand_copy.default", "broadcast_to.default", "expand_as.default")
def expand(c: Context, x: Tensor, *_: object, implicit: bool = False) -> Tensor:
    return x.broadcast(c.shape)


@aten("prims.broadcast_in_dim.default")
def broadcast_in_dim(c: Context, x: Tensor, shape: Sequence[int], dims: Sequence[int]) -> Tensor:
    return x.broadcast(shape, dims)


@aten("permute.default", "permute_copy.default")
def permute(c: Context, x: Tensor, dims: Sequence[int]) -> Tensor:
    return x.permute(*(dim % x.rank for dim in dims))


@aten("transpose.int", "transpose_copy.int", "swapaxes.default", "swapdims.default")
def transpose(c: Context, x: Tensor, a: int, b: int) -> Tensor:
    return x.transpose(a % x.rank, b % x.rank) if x.rank else x


@aten("t.default", "t_copy.default", "mT.default", "mH.default", "numpy_T.default", "adjoint.default")
def t(c: Context, x: Tensor) -> Tensor:
    if c.name == "numpy_T":
        return x.permute(*reversed(range(x.rank)))
    return x.transpose(-2 % x.rank, -1 % x.rank) if x.rank > 1 else x


@aten("movedim.intlist", "movedim.int", "moveaxis.intlist", "moveaxis.int")
def movedim(c: Context, x: Tensor, source: int | Sequence[int], destination: int | Sequence[int]) -> Tensor:
    sources = [source] if isinstance(source, int) else source
    targets = [destination] if isinstance(destination, int) else destination
    if not x.rank:
        return x
    placed = {target % x.rank: dim % x.rank for dim, target in zip(sources, targets)}
    rest = iter([dim for dim in range(x.rank) if dim not in placed.values()])
    return x.permute(*(placed[dim] if dim in placed else next(rest) for dim in range(x.rank)))


@aten("slice.Tensor", "slice_copy.Tensor")
def slice_(
    c: Context, x: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Tensor:
    dim = dimension(dim, x.rank)
    start, stop, step = slice(start, end, step).indices(x.shape[dim])
    return x.slice(dim, start, stop, step)


@aten("narrow.default", "narrow_copy.default")
def narrow(c: Context, x: Tensor, dim: int, start: int, length: int) -> Tensor:
    dim = dimension(dim, x.rank)
    start = start % x.shape[dim] if start < 0 else start
    return x.slice(dim, start, start + length)


@aten("select.int", "select_copy.int")
def select(c: Context, x: Tensor, dim: int, index: int) -> Tensor:
    dim = dimension(dim, x.rank)
    index %= x.shape[dim]
    return x.slice(dim, index, index + 1).reshape(*c.shape)


@aten("unbind.int", "unbind_copy.int")
def unbind(c: Context, x: Tensor, dim: int = 0) -> list[Tensor]:
    dim = dimension(dim, x.rank)
    shape = (*x.shape[:dim], *x.shape[dim + 1 :])
    return [x.slice(dim, index, index + 1).reshape(*shape) for index in range(x.shape[dim])]


@aten("split_with_sizes.default", "split_with_sizes_copy.default", "split.sizes")
def split_with_sizes(c: Context, x: Tensor, sizes: Sequence[int], dim: int = 0) -> list[Tensor]:
    dim, parts, start = dimension(dim, x.rank), [], 0
    for size in sizes:
        parts.append(x.slice(dim, start, start + size))
        start += size
    return parts


@aten("split.Tensor", "split_copy.Tensor", "chunk.default", "tensor_split.sections", "tensor_split.indices")
@aten("unsafe_split.Tensor", "unsafe_chunk.default", "unsafe_split_with_sizes.default")
def split(c: Context, x: Tensor, _: object, dim: int = 0) -> list[Tensor]:
    sizes = [result.shape[dim] for result in c.results]
    return split_with_sizes(c, x, sizes, dim)


@aten("cat.default", "concat.default", "concatenate.default")
def cat(c: Context, tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    # a tensor of shape [0] goes with any other
    parts = [tensor.cast(c.dtype) for tensor in tensors if tensor.shape != (0,)]
    return concatenate(parts, dimension(dim, len(c.shape))) if parts else c.full(0, dtype=c.dtype)


@aten("stack.default")
def stack(c: Context, tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    dim %= len(c.shape)
    return concatenate([tensor.cast(c.dtype).unsqueeze(dim) for tensor in tensors], dim)


@aten("flip.default", "prims.rev.default")
def flip(c: Context, x: Tensor, dims: Sequence[int]) -> Tensor:
    return x.reverse([dim % x.rank for dim in dims]) if x.rank else x


@aten("roll.default")
def roll(c: Context, x: Tensor, shifts: int | Sequence[int], dims: int | Sequence[int] = ()) -> Tensor:
    shifts = [shifts] if isinstance(shifts, int) else shifts
    dims = [dims] if isinstance(dims, int) else dims
    if not dims:
        return _rolled(x.reshape(x.elements), shifts[0], 0).reshape(*x.shape)
    for shift, dim in zip(shifts, dims):
        x = _rolled(x, shift, dim % x.rank)
    return x


def _rolled(x: Tensor, shift: int, dim: int) -> Tensor:
    size = x.shape[dim]
    cut = -shift % size if size else 0
    return concatenate([x.slice(dim, cut, size), x.slice(dim, 0, cut)], dim) if cut else x


@aten("rot90.default")
def rot90(c: Context, x: Tensor, k: int = 1, dims: Sequence[int] = (0, 1)) -> Tensor:
    a, b = (dim % x.rank for dim in dims)
    turns = k % 4
    if turns == 1:
        return x.reverse([b]).transpose(a, b)
    if turns == 2:
        return x.reverse([a, b])
    return x.transpose(a, b).reverse([b]) if turns == 3 else x


@aten("repeat.default", "tile.default")
def repeat(c: Context, x: Tensor, repeats: Sequence[int]) -> Tensor:
    repeats = [1] * (x.rank - len(repeats)) + list(repeats)
    sizes = [1] * (len(repeats) - x.rank) + list(x.shape)
    shape = [one for count, size in zip(repeats, sizes) for one in (count, size)]
    dims = [2 * dim + 1 for dim in range(len(sizes) - x.rank, len(sizes))]
    return x.broadcast(shape, dims).reshape(*c.shape)


@aten("diagonal.default", "diagonal_copy.default")
def diagonal(c: Context, x: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    dim1, dim2 = dim1 % x.rank, dim2 % x.rank
    kept = [dim for dim in range(x.rank) if dim not in (dim1, dim2)]
    if not prod(c.shape):
        return c.full(0, dtype=c.dtype)
    places = {dim: c.iota(position, c.shape) for position, dim in enumerate(kept)}
    step = c.iota(len(kept), c.shape)
    places[dim1], places[dim2] = step + max(-offset, 0), step + max(offset, 0)
    return x.gather([places[dim] for dim in range(x.rank)])


@aten("diagonal_scatter.default")
def diagonal_scatter(c: Context, x: Tensor, source: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    dim1, dim2 = dim1 % x.rank, dim2 % x.rank
    kept = [dim for dim in range(x.rank) if dim not in (dim1, dim2)]
    if not source.elements:
        return x
    places = {dim: c.iota(position, source.shape) for position, dim in enumerate(kept)}
    step = c.iota(len(kept), source.shape)
    places[dim1], places[dim2] = step + max(-offset, 0), step + max(offset, 0)
    return x.scatter("replace", source.cast(x.dtype), [places[dim] for dim in range(x.rank)])


@aten("select_scatter.default")
def select_scatter(c: Context, x: Tensor, source: Tensor, dim: int, index: int) -> Tensor:
    dim = dimension(dim, x.rank)
    index %= x.shape[dim]
    return _inserted(x, source.cast(x.dtype).unsqueeze(dim), dim, index, index + 1, 1)


@aten("slice_scatter.default")
def slice_scatter(
    c: Context,
    x: Tensor,
    source: Tensor,
    dim: int = 0,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
) -> Tensor:
    dim = dimension(dim, x.rank)
    start, stop, step = slice(start, end, step).indices(x.shape[dim])
    shape = list(x.shape)
    shape[dim] = len(range(start, stop, step))
    return _inserted(x, source.cast(x.dtype).broadcast(shape), dim, start, stop, step)


def _inserted(x: Tensor, source: Tensor, dim: int, start: int, stop: int, step: int) -> Tensor:
    """x with ``source`` at ``start, start + step, …`` below ``stop``."""
    if not source.elements:
        return x
    if step == 1:
        parts = [x.slice(dim, 0, start), source, x.slice(dim, stop, x.shape[dim])]
        return concatenate([part for part in parts if part.shape[dim]], dim)
    places = [x.iota(one, source.shape) for one in range(x.rank)]
    places[dim] = places[dim] * step + start
    return x.scatter("replace", source, places)


@aten("as_strided.default", "as_strided_copy.default")
def as_strided(
    c: Context, x: Tensor, size: Sequence[int], stride: Sequence[int], storage_offset: int | None = None
) -> Tensor:
    flat, position = _memory(c, x, size, stride, storage_offset)
    if not prod(size):
        return c.full(0, dtype=c.dtype)
    return flat.gather([position])


@aten("as_strided_scatter.default")
def as_strided_scatter(
    c: Context,
    x: Tensor,
    source: Tensor,
    size: Sequence[int],
    stride: Sequence[int],
    storage_offset: int | None = None,
) -> Tensor:
    flat, position = _memory(c, x, size, stride, storage_offset)
    if not prod(size):
        return x
    assert x.layout is not None
    order = dense_order(x.shape, x.layout[0])
    assert order is not None
    written = flat.scatter("replace", source.cast(x.dtype), [position])
    inverse = sorted(range(x.rank), key=lambda dim: order[dim])
    return written.reshape(*(x.shape[dim] for dim in order)).permute(*inverse)


def _memory(
    c: Context, x: Tensor, size: Sequence[int], stride: Sequence[int], storage_offset: int | None
) -> tuple[Tensor, Tensor]:
    """A tensor's elements as they lie in memory, and the positions there that sizes and strides name."""
    assert x.layout is not None, "the strides of arguments are known"
    strides, offset = x.layout
    order = dense_order(x.shape, strides)
    start = 0 if storage_offset is None else storage_offset - offset
    last = start + sum((extent - 1) * step for extent, step in zip(size, stride))
    if prod(size) and (order is None or start < 0 or last >= x.elements):
        raise c.unsupported("elements that lie outside of the tensor, or a tensor with gaps in memory")
    flat = x.permute(*order or range(x.rank)).reshape(x.elements)
    position = c.full(start, size, I64)
    for dim, step in enumerate(stride):
        if size[dim] > 1:
            position = position + c.iota(dim, size) * step
    return flat, position


@aten("unfold.default", "unfold_copy.default")
def unfold(c: Context, x: Tensor, dim: int, size: int, step: int) -> Tensor:
    if not x.rank:
        return x.reshape(*c.shape)
    dim %= x.rank
    if not prod(c.shape):
        return c.full(0, dtype=c.dtype)
    places = [c.iota(one, c.shape) for one in range(x.rank)]
    places[dim] = places[dim] * step + c.iota(x.rank, c.shape)
    return x.gather(places)


@aten("tril.default", "triu.default")
def triangle(c: Context, x: Tensor, diagonal: int = 0) -> Tensor:
    matrix = x.shape[-2:]
    row, column = c.iota(0, matrix), c.iota(1, matrix)
    kept = column - row <= diagonal if c.name == "tril" else column - row >= diagonal
    return kept.where(x, 0)


@aten("diag_embed.default")
def diag_embed(c: Context, x: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    rank, size = x.rank + 1, x.shape[-1] + abs(offset)
    dim1, dim2 = dim1 % rank, dim2 % rank
    # put the diagonal on the rows, stretch it over the columns, blank the rest
    low, high = max(-offset, 0), max(offset, 0)
    padded = x.pad([0] * (x.rank - 1) + [low], [0] * (x.rank - 1) + [high])
    shape = (*x.shape[:-1], size, size)
    wide = padded.broadcast(shape, [*range(x.rank - 1), x.rank - 1])
    kept = c.iota(x.rank, shape).equals(c.iota(x.rank - 1, shape) + offset)
    square = kept.where(wide, 0)
    places = {dim1: x.rank - 1, dim2: x.rank}
    rest = iter(range(x.rank - 1))
    return square.permute(*(places[dim] if dim in places else next(rest) for dim in range(rank)))


@aten("pixel_shuffle.default")
def pixel_shuffle(c: Context, x: Tensor, factor: int) -> Tensor:
    *batch, channels, height, width = x.shape
    b = len(batch)
    split = x.reshape(*batch, channels // factor**2, factor, factor, height, width)
    return split.permute(*range(b), b, b + 3, b + 1, b + 4, b + 2).reshape(*c.shape)


@aten("pixel_unshuffle.default")
def pixel_unshuffle(c: Context, x: Tensor, factor: int) -> Tensor:
    *batch, channels, height, width = x.shape
    b = len(batch)
    split = x.reshape(*batch, channels, height // factor, factor, width // factor, factor)
    return split.permute(*range(b), b, b + 2, b + 4, b + 1, b + 3).reshape(*c.shape)


@aten("channel_shuffle.default", "native_channel_shuffle.default")
def channel_shuffle(c: Context, x: Tensor, groups: int) -> Tensor:
    batch, channels, *rest = x.shape
    return x.reshape(batch, groups, channels // groups, *rest).transpose(1, 2).reshape(*c.shape)
