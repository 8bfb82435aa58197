"""Writing at positions that are data."""

from __future__ import annotations

from misfold.compiler.loops.ir import Expr, Reduce, Store

from .attributes import text
from .elements import check_index
from .nest import Nest


def scatter(nest: Nest) -> None:
    """A copy, then the updates one after the other, in row-major order."""
    x, updates, *positions = nest.node.inputs
    op = text(nest.node, "op")
    emitter = nest.emitter
    memory = nest.memory(x.type.dtype)
    with nest.over(memory.shape, nest.order) as index:
        emitter.emit(Store(memory, index, nest.read(x, index)))
    with nest.over(updates.type.shape) as index:
        found: list[Expr] = []
        for dim, position in enumerate(positions):
            found.append(emitter.let(position.name, nest.read(position, index)))
            check_index(nest.reader, found[dim], dim, x.type.shape[dim])
        value = nest.read(updates, index)
        place = tuple(found)
        emitter.emit(Store(memory, place, value) if op == "replace" else Reduce(op, memory, place, value))
    nest.finish_all()
