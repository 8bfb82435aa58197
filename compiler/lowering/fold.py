"""The loops that reductions of all kinds share: elements of the output, and for each of them what it is made from.

Where the elements that are next to each other in memory belong to one output, the loops over them are innermost and
accumulate in a scalar. Where they belong to different outputs, whole rows are accumulated, so that the innermost loop
goes through memory in order in either case.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from misfold.compiler.dtypes import F32, DType
from misfold.compiler.loops.ir import Buffer, Cast, Const, Expr, Load, Reduce, Store
from misfold.compiler.loops.operators import identity

from .nest import Nest
from .reader import Index


class Cell:
    """Where one output element is accumulated."""

    def __init__(self, buffer: Buffer, index: Index):
        self.buffer = buffer
        self.index = index

    @property
    def value(self) -> Expr:
        return Load(self.buffer, self.index)

    def combined(self, op: str, element: Expr) -> Reduce:
        """The statement that combines an element with what is there."""
        return Reduce(op, self.buffer, self.index, as_type(element, self.buffer.dtype))


#: The index in each of some dimensions.
Indexed = dict[int, Expr]
#: Name, type and first value of an accumulator.
Initial = tuple[str, DType, Const]
#: Emits one step: what is at a kept and a reduced index is accumulated in the cells.
Step = Callable[[Indexed, Indexed, Sequence[Cell]], None]
#: Emits what is done with the finished cells of a kept index.
Finish = Callable[[Indexed, Sequence[Cell]], None]


def accumulator(op: str, dtype: DType) -> Initial:
    """Where elements are combined with an operator. Sums and products of f16 and bf16 are made in f32 and rounded once:
    with so few bits they would soon stop growing."""
    if dtype.is_float and op in ("add", "mul"):
        dtype = widened(dtype)
    return "acc", dtype, Const(identity(op, dtype), dtype)


def widened(dtype: DType) -> DType:
    """The type that sums of floats are made in."""
    return F32 if dtype.is_float and dtype.bits < 32 else dtype


def as_type(value: Expr, dtype: DType) -> Expr:
    return value if value.dtype == dtype else Cast(dtype, value)


def indexed(at: Indexed) -> Index:
    """The indices in the order of their dimensions."""
    return tuple([at[dim] for dim in sorted(at)])


def fold(
    nest: Nest,
    kept: Mapping[int, int],
    rows: Sequence[int],
    reduced: Mapping[int, int],
    initial: Sequence[Initial],
    step: Step,
    finish: Finish | None = None,
    home: Buffer | None = None,
) -> None:
    """Emit the loops.

    Args:
        kept: sizes of the dimensions that outputs are made for, outermost first.
        rows: those of them whose loops go inside of the reduced ones.
        reduced: sizes of the dimensions that are reduced, outermost first.
        initial: the accumulators.
        step: emits one step of the reduction.
        finish: emits what is to be done with each finished element.
        home: a buffer over ``kept`` that may be accumulated in, if there is but one accumulator, of its type and not
            scalar.
    """
    emitter = nest.emitter
    outer = {dim: size for dim, size in kept.items() if dim not in rows}
    inner = {dim: kept[dim] for dim in rows}
    with emitter.loops(outer) as at:
        if rows and home is not None and home.dtype == initial[0][1]:
            buffers = [home]
            shown = sorted(kept)
        else:
            buffers = [emitter.allocate(name, dtype, tuple(inner.values())) for name, dtype, _ in initial]
            shown = list(rows)

        def cells(kept_index: Indexed) -> list[Cell]:
            place = tuple([kept_index[dim] for dim in shown])
            return [Cell(buffer, place) for buffer in buffers]

        with emitter.loops(inner) as row:
            for cell, (_, _, value) in zip(cells(at | row), initial):
                emitter.emit(Store(cell.buffer, cell.index, value))
        with emitter.loops(reduced, "r") as part, emitter.loops(inner) as row:
            step(at | row, part, cells(at | row))
        if finish is not None:
            with emitter.loops(inner) as row:
                finish(at | row, cells(at | row))


def rows_of(shape: tuple[int, ...], order: Sequence[int], reduced: Sequence[int]) -> list[int]:
    """The dimensions, none of them reduced, that lie inside of all reduced ones in memory: its rows."""
    rows: list[int] = []
    for dim in reversed(order):
        if shape[dim] == 1:
            continue
        if dim in reduced:
            break
        rows.insert(0, dim)
    else:
        return []  # nothing is reduced
    return rows
