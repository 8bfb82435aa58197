"""Sums of products: matrix multiplication and convolution."""

from __future__ import annotations

from collections.abc import Sequence

from misfold.compiler.loops.ir import Binary, Const, Reduce, Store
from misfold.compiler.loops.operators import identity

from .attributes import integer, ints
from .fold import Cell, Indexed, fold, indexed
from .indices import outer_to_inner
from .nest import Nest
from .reductions import window_position


def dot(nest: Nest) -> None:
    """Row by row of the second operand, in nests that can be tiled: one that clears the output, one that accumulates.
    Where the second operand lies column by column, sums are made one by one."""
    a, b = nest.node.inputs
    batch, rows, depth = a.type.shape
    columns = b.type.shape[2]
    dtype = a.type.dtype
    zero = Const(identity("add", dtype), dtype)
    by_column = columns == 1 or (depth > 1 and outer_to_inner(b.type.shape, b.type.strides)[-1] == 1)
    if by_column:

        def step(at: Indexed, part: Indexed, cells: Sequence[Cell]) -> None:
            i, m, n = indexed(at)
            product = Binary("mul", nest.read(a, (i, m, part[3])), nest.read(b, (i, part[3], n)))
            nest.emitter.emit(Reduce("add", cells[0].buffer, cells[0].index, product))

        def finish(at: Indexed, cells: Sequence[Cell]) -> None:
            nest.finish(indexed(at), [cells[0].value])

        fold(nest, {0: batch, 1: rows, 2: columns}, [], {3: depth}, [("acc", dtype, zero)], step, finish)
        return
    memory = nest.memory()
    with nest.over(memory.shape, nest.order) as index:
        nest.emitter.emit(Store(memory, index, zero))
    with nest.over((batch, rows, columns, depth), (0, 1, 3, 2)) as (i, m, n, k):
        product = Binary("mul", nest.read(a, (i, m, k)), nest.read(b, (i, k, n)))
        nest.emitter.emit(Reduce("add", memory, (i, m, n), product))
    nest.finish_all()


def convolution(nest: Nest) -> None:
    """Direct: row by row of the output, or where channels lie innermost in memory, sums over channels one by one."""
    x, w = nest.node.inputs
    shape = nest.node.output.type.shape
    strides, dilations = ints(nest.node, "strides"), ints(nest.node, "dilations")
    groups = integer(nest.node, "groups")
    channels = w.type.shape[1]
    dtype = x.type.dtype
    spatial = range(2, x.type.rank)
    indices = nest.indices

    def step(at: Indexed, part: Indexed, cells: Sequence[Cell]) -> None:
        group = indices.floordiv(at[1], shape[1] // groups) if groups > 1 else indices.floordiv(at[1], shape[1])
        channel = indices.add(indices.mul(group, channels), part[1])
        place = [window_position(nest, at[dim], part[dim], strides[dim - 2], dilations[dim - 2]) for dim in spatial]
        weight = nest.read(w, (at[1], part[1], *[part[dim] for dim in spatial]))
        product = Binary("mul", nest.read(x, (at[0], channel, *place)), weight)
        nest.emitter.emit(Reduce("add", cells[0].buffer, cells[0].index, product))

    def finish(at: Indexed, cells: Sequence[Cell]) -> None:
        nest.finish(indexed(at), [cells[0].value])

    order = nest.order
    taps = {dim: w.type.shape[dim] for dim in spatial}
    if outer_to_inner(x.type.shape, x.type.strides)[-1] == 1 and channels > 1:
        rows, reduced = [], {**taps, 1: channels}
    else:
        # Planes that are combined element by element can be walked through as one row.
        plane = all(size == 1 for size in (*taps.values(), *strides))
        rows = [dim for dim in spatial if shape[dim] > 1 and (plane or dim == spatial[-1])]
        reduced = {1: channels, **taps}
    zero = Const(identity("add", dtype), dtype)
    fold(nest, {dim: shape[dim] for dim in order}, rows, reduced, [("acc", dtype, zero)], step, finish, nest.home)
