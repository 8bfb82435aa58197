"""Reductions along dimensions and over windows, and scans."""

from __future__ import annotations

from collections.abc import Sequence

from misfold.compiler.loops.ir import Buffer, Expr

from .attributes import integer, ints, text
from .fold import Cell, Finish, Indexed, Initial, Step, accumulator, as_type, fold, indexed, rows_of
from .nest import Nest
from .reader import Index


def reduce(nest: Nest) -> None:
    (x,) = nest.node.inputs
    op = text(nest.node, "op")
    dims = ints(nest.node, "dims")
    order = nest.order_of(x)
    kept = {dim: x.type.shape[dim] for dim in order if dim not in dims}
    dtype = x.type.dtype

    def step(at: Indexed, part: Indexed, cells: Sequence[Cell]) -> None:
        element = nest.read(x, indexed(at | part))
        nest.emitter.emit(cells[0].combined(op, element))

    def finish(at: Indexed, cells: Sequence[Cell]) -> None:
        nest.finish(indexed(at), [as_type(cells[0].value, dtype)])

    fold(
        nest,
        kept,
        rows_of(x.type.shape, order, dims),
        {dim: x.type.shape[dim] for dim in order if dim in dims},
        [accumulator(op, dtype)],
        step,
        finish,
        nest.home,
    )


def scan(nest: Nest) -> None:
    (x,) = nest.node.inputs
    op = text(nest.node, "op")
    dim = integer(nest.node, "dim")
    dtype = x.type.dtype

    def step(at: Indexed, part: Indexed, cells: Sequence[Cell]) -> None:
        place = indexed(at | part)
        nest.emitter.emit(cells[0].combined(op, nest.read(x, place)))
        nest.finish(place, [as_type(cells[0].value, dtype)])

    along(nest, dim, [accumulator(op, dtype)], step)


def along(nest: Nest, dim: int, initial: Sequence[Initial], step: Step, finish: Finish | None = None) -> None:
    """A fold along one dimension of the operator's only input."""
    (x,) = nest.node.inputs
    order = nest.order_of(x)
    kept = {other: x.type.shape[other] for other in order if other != dim}
    fold(nest, kept, rows_of(x.type.shape, order, [dim]), {dim: x.type.shape[dim]}, initial, step, finish)


def window(nest: Nest) -> None:
    """A reduction over windows, each of which lies within the input."""
    (x,) = nest.node.inputs
    op = text(nest.node, "op")
    dtype = x.type.dtype

    def step(at: Indexed, part: Indexed, cells: Sequence[Cell]) -> None:
        element = nest.read(x, positions(nest, at, part))
        nest.emitter.emit(cells[0].combined(op, element))

    def finish(at: Indexed, cells: Sequence[Cell]) -> None:
        nest.finish(indexed(at), [as_type(cells[0].value, dtype)])

    slide(nest, [accumulator(op, dtype)], step, finish, nest.home)


def slide(nest: Nest, initial: Sequence[Initial], step: Step, finish: Finish, home: Buffer | None = None) -> None:
    """A fold over windows along the trailing dimensions of the operator's only input."""
    (x,) = nest.node.inputs
    shape = nest.node.outputs[0].type.shape
    sizes = ints(nest.node, "sizes")
    first = x.type.rank - len(sizes)
    order = nest.order_of(x)
    innermost = order[-1]
    rows = [innermost] if shape[innermost] > 1 else []
    windows = {first + number: size for number, size in enumerate(sizes)}
    fold(nest, {dim: shape[dim] for dim in order}, rows, windows, initial, step, finish, home)


def positions(nest: Nest, at: Indexed, part: Indexed) -> Index:
    """Where in the input the elements of a window are."""
    strides, dilations = ints(nest.node, "strides"), ints(nest.node, "dilations")
    first = len(at) - len(strides)
    found = []
    for dim in range(len(at)):
        if dim < first:
            found.append(at[dim])
        else:
            found.append(window_position(nest, at[dim], part[dim], strides[dim - first], dilations[dim - first]))
    return tuple(found)


def window_position(nest: Nest, at: Expr, part: Expr, stride: int, dilation: int) -> Expr:
    indices = nest.indices
    return indices.add(indices.mul(at, stride), indices.mul(part, dilation))
