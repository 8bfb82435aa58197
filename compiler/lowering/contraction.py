"""Sums of products: matrix multiplication and convolution."""

from __future__ import annotations

from collections.abc import Sequence

from misfold.compiler.dtypes import DType
from misfold.compiler.loops.ir import Binary, Buffer, Expr, Load, Reduce, Store

from .attributes import integer, ints
from .fold import Cell, Indexed, accumulator, as_type, fold, indexed
from .nest import Nest
from .reductions import window_position

# A transposed operand is copied into rows if these are used for more rows of the output than this.
_WORTH_COPYING = 4


def dot(nest: Nest) -> None:
    """Row by row of the second operand, in nests that can be tiled: one that clears the output, one that accumulates.
    Where the second operand lies column by column, it is copied into rows first (packed: Goto and van de Geijn,
    "Anatomy of high-performance matrix multiplication", TOMS 2008), or sums are made one by one."""
    a, b = nest.node.inputs
    batch, rows, depth = a.type.shape
    columns = b.type.shape[2]
    dtype = a.type.dtype
    initial = accumulator("add", dtype)
    _, wide, zero = initial
    transposed = depth > 1 and columns > 1 and nest.order_of(b)[-1] == 1
    if columns == 1 or (transposed and rows <= _WORTH_COPYING):

        def step(at: Indexed, part: Indexed, cells: Sequence[Cell]) -> None:
            i, m, n = indexed(at)
            product = _product(nest.read(a, (i, m, part[3])), nest.read(b, (i, part[3], n)), wide)
            nest.emitter.emit(cells[0].combined("add", product))

        def finish(at: Indexed, cells: Sequence[Cell]) -> None:
            nest.finish(indexed(at), [as_type(cells[0].value, dtype)])

        fold(nest, {0: batch, 1: rows, 2: columns}, [], {3: depth}, [initial], step, finish)
        return
    packed: Buffer | None = None
    if transposed:
        packed = nest.emitter.allocate("packed", dtype, b.type.shape)
        with nest.over(b.type.shape) as place:
            nest.emitter.emit(Store(packed, place, nest.read(b, place)))
    memory = nest.clear(zero)
    with nest.over((batch, rows, columns, depth), (0, 1, 3, 2)) as (i, m, n, k):
        second = nest.read(b, (i, k, n)) if packed is None else Load(packed, (i, k, n))
        nest.emitter.emit(Reduce("add", memory, (i, m, n), _product(nest.read(a, (i, m, k)), second, wide)))
    nest.finish_all()


def _product(left: Expr, right: Expr, wide: DType) -> Expr:
    return Binary("mul", as_type(left, wide), as_type(right, wide))


def convolution(nest: Nest) -> None:
    """Direct. Where rows of the input lie in memory, rows of the output are accumulated, in a nest that can be tiled;
    where channels lie innermost, or only few products are summed, output elements are finished one after the other."""
    x, w = nest.node.inputs
    shape = nest.node.output.type.shape
    strides, dilations = ints(nest.node, "strides"), ints(nest.node, "dilations")
    groups = integer(nest.node, "groups")
    channels = w.type.shape[1]
    dtype = x.type.dtype
    initial = accumulator("add", dtype)
    _, wide, zero = initial
    spatial = range(2, x.type.rank)
    indices = nest.indices

    def product(at: Indexed, part: Indexed) -> Expr:
        group = indices.floordiv(at[1], shape[1] // groups)
        channel = indices.add(indices.mul(group, channels), part[1])
        place = [window_position(nest, at[dim], part[dim], strides[dim - 2], dilations[dim - 2]) for dim in spatial]
        weight = nest.read(w, (at[1], part[1], *[part[dim] for dim in spatial]))
        return _product(nest.read(x, (at[0], channel, *place)), weight, wide)

    def step(at: Indexed, part: Indexed, cells: Sequence[Cell]) -> None:
        nest.emitter.emit(cells[0].combined("add", product(at, part)))

    def finish(at: Indexed, cells: Sequence[Cell]) -> None:
        nest.finish(indexed(at), [as_type(cells[0].value, dtype)])

    kept = {dim: shape[dim] for dim in nest.order}
    taps = {dim: w.type.shape[dim] for dim in spatial}
    # Planes that are combined element by element can be walked through as one row.
    plane = all(size == 1 for size in (*taps.values(), *strides))
    rows = [dim for dim in spatial if shape[dim] > 1 and (plane or dim == spatial[-1])]
    innermost = nest.order_of(x)[-1]
    if not rows or (innermost == 1 and channels > 1):
        fold(nest, kept, [], {**taps, 1: channels}, [initial], step, finish)
    elif channels == 1:
        fold(nest, kept, rows, {1: channels, **taps}, [initial], step, finish, nest.home)
    else:
        memory = nest.clear(zero)
        emitter = nest.emitter
        with (
            emitter.loops({dim: size for dim, size in kept.items() if dim not in rows}) as outer,
            emitter.loops({1: channels, **taps}, "r") as part,
            emitter.loops({dim: shape[dim] for dim in rows}) as inner,
        ):
            emitter.emit(Reduce("add", memory, indexed(outer | inner), product(outer | inner, part)))
        nest.finish_all()
