"""Operators that tell where the smallest or largest element is: reductions and scans with two accumulators."""

from __future__ import annotations

from collections.abc import Sequence

from misfold.compiler.dtypes import I64
from misfold.compiler.loops.ir import Binary, Const, Expr, Load, Reduce, Select, Store, index
from misfold.compiler.loops.operators import identity

from .attributes import integer, ints, text
from .fold import Cell, Indexed, Initial, indexed, rows_of
from .indices import TRUE, ZERO, conjunction
from .nest import Nest
from .reductions import along, positions, slide


def argreduce(nest: Nest) -> None:
    """The first of equals, and the first NaN."""
    (x,) = nest.node.inputs
    if rows_of(x.type.shape, nest.order_of(x), [integer(nest.node, "dim")]) or nest.reader.producer(x) is not None:
        _in_one_go(nest)
    else:
        _best_and_then_its_place(nest)


def _in_one_go(nest: Nest) -> None:
    """An element takes over where it is better, and a NaN from numbers only."""
    (x,) = nest.node.inputs
    op, dim = _op(nest), integer(nest.node, "dim")

    def step(at: Indexed, part: Indexed, cells: Sequence[Cell]) -> None:
        element = nest.emitter.let("element", nest.read(x, indexed(at | part)))
        best = cells[0].value
        takes: Expr = Binary(_BETTER[op], element, best)
        if x.type.dtype.is_float:
            takes = Binary("or", takes, Binary("and", _is_nan(element), Binary("eq", best, best)))
        _take_over(nest, takes, cells, element, part[dim])

    along(nest, dim, _initial(nest, 0), step, lambda at, cells: nest.finish(indexed(at), [cells[1].value]))


def _best_and_then_its_place(nest: Nest) -> None:
    """Two reductions, neither of which minds the order: the best element, and the first index that has it. The best is
    NaN if there is a NaN, and then no other element is taken."""
    (x,) = nest.node.inputs
    op, dim = _op(nest), integer(nest.node, "dim")
    size = x.type.shape[dim]
    emitter = nest.emitter

    def step(at: Indexed, part: Indexed, cells: Sequence[Cell]) -> None:
        emitter.emit(Reduce(op, cells[0].buffer, cells[0].index, nest.read(x, indexed(at | part))))

    def finish(at: Indexed, cells: Sequence[Cell]) -> None:
        best = emitter.let("best", cells[0].value)
        place = emitter.allocate("place", I64, ())
        emitter.emit(Store(place, (), index(size - 1)))
        with emitter.loop(size, f"r{dim}") as r:
            element = emitter.let("element", nest.read(x, indexed(at | {dim: r})))
            is_best: Expr = Binary("eq", element, best)
            if x.type.dtype.is_float:
                is_best = Binary("or", is_best, _is_nan(element))
            emitter.emit(Reduce("min", place, (), Select(is_best, r, index(size - 1))))
        nest.finish(indexed(at), [Load(place, ())])

    along(nest, dim, _initial(nest, 0)[:1], step, finish)


def argscan(nest: Nest) -> None:
    """The latest of equals, and from the first NaN on the latest NaN."""
    (x,) = nest.node.inputs
    op, dim = _op(nest), integer(nest.node, "dim")

    def step(at: Indexed, part: Indexed, cells: Sequence[Cell]) -> None:
        place = indexed(at | part)
        element = nest.emitter.let("element", nest.read(x, place))
        takes: Expr = Binary(_AS_GOOD[op], element, cells[0].value)
        if x.type.dtype.is_float:
            takes = Binary("or", takes, _is_nan(element))
        _take_over(nest, takes, cells, element, part[dim])
        nest.finish(place, [cell.value for cell in cells])

    along(nest, dim, _initial(nest, 0), step)


def argwindow(nest: Nest) -> None:
    """The first of equals and the last NaN, among the elements that are not padding: the first of these is always
    taken, so that it stands even if nothing is better than what the search began with."""
    (x,) = nest.node.inputs
    op = _op(nest)
    extents, low = ints(nest.node, "extents"), ints(nest.node, "low")
    first = x.type.rank - len(extents)

    def step(at: Indexed, part: Indexed, cells: Sequence[Cell]) -> None:
        indices = nest.indices
        place = positions(nest, at, part)
        inside: list[Expr] = []
        flat: Expr = ZERO
        for position, extent, before in zip(place[first:], extents, low):
            inside += [indices.at_least(position, before), indices.below(position, before + extent)]
            flat = indices.add(indices.mul(flat, extent), indices.sub(position, before))
        element = nest.emitter.let("element", nest.read(x, place))
        takes: Expr = Binary("or", Binary(_BETTER[op], element, cells[0].value), Binary("lt", cells[1].value, ZERO))
        if x.type.dtype.is_float:
            takes = Binary("or", takes, _is_nan(element))
        _take_over(nest, conjunction([conjunction(inside), takes]), cells, element, flat)

    def finish(at: Indexed, cells: Sequence[Cell]) -> None:
        nest.finish(indexed(at), [cell.value for cell in cells])

    slide(nest, _initial(nest, -1), step, finish)


_BETTER = {"min": "lt", "max": "gt"}
_AS_GOOD = {"min": "le", "max": "ge"}


def _op(nest: Nest) -> str:
    return text(nest.node, "op")


def _initial(nest: Nest, place: int) -> list[Initial]:
    dtype = nest.node.inputs[0].type.dtype
    return [("best", dtype, Const(identity(_op(nest), dtype), dtype)), ("place", I64, index(place))]


def _is_nan(element: Expr) -> Expr:
    return Binary("ne", element, element)


def _take_over(nest: Nest, takes: Expr, cells: Sequence[Cell], element: Expr, place: Expr) -> None:
    """Without branches: the loop around may run in lockstep."""
    takes = nest.emitter.let("takes", takes)
    for cell, value in zip(cells, (element, place)):
        chosen = value if takes == TRUE else Select(takes, value, cell.value)
        nest.emitter.emit(Store(cell.buffer, cell.index, chosen))
