"""Smaller dimensions, equal ones together.

Which dimensions belong together, and which integer arguments speak of them, is not known here: dimensions of one size
are changed together with the integers of that size and its multiples in the arguments, then without those, then one
input at a time; eager says which of these still is a program.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from misfold.programs.arguments import Argument
from misfold.programs.case import Case
from misfold.programs.graph import Node
from misfold.programs.types import TensorType

from ..surgery import attempt, mapped, with_types


def smaller_dims(case: Case) -> Iterator[Case]:
    """Each size of a dimension made 1, 2, 3, half, or one less."""
    sizes = sorted({dim for value in case.graph.inputs for dim in value.known.shape if dim > 1}, reverse=True)
    for size in sizes:
        for new in dict.fromkeys((1, 2, 3, size // 2, size - 1)):
            if 0 < new < size:
                yield from _resized(case, size, new)


def empty_or_single(case: Case) -> Iterator[Case]:
    """All dimensions of all inputs 1."""
    types = {value.name: _with_shape(value.known, (1,) * value.known.rank) for value in case.graph.inputs}
    yield from attempt(with_types, case, types)


def _resized(case: Case, size: int, new: int) -> Iterator[Case]:
    def scaled(item: Argument) -> Argument:
        if isinstance(item, bool) or not isinstance(item, int) or item < size or item % size:
            return item
        return item // size * new

    def exact(item: Argument) -> Argument:
        return new if type(item) is int and item == size else item

    types = {
        value.name: _with_shape(value.known, tuple(new if dim == size else dim for dim in value.known.shape))
        for value in case.graph.inputs
        if size in value.known.shape
    }
    changes: list[Callable[[Node], Node]] = [
        lambda node: node, lambda node: mapped(node, exact), lambda node: mapped(node, scaled),
    ]  # fmt: skip
    for change in changes:
        yield from attempt(with_types, case, types, change)
    if len(types) > 1 or any(kind.shape.count(new) > 1 for kind in types.values()):
        for value in case.graph.inputs:
            for axis, dim in enumerate(value.known.shape):
                if dim == size:
                    shape = (*value.known.shape[:axis], new, *value.known.shape[axis + 1 :])
                    one = {value.name: _with_shape(value.known, shape)}
                    yield from attempt(with_types, case, one)


def _with_shape(kind: TensorType, shape: tuple[int, ...]) -> TensorType:
    if kind.strides is None:
        return TensorType.of(kind.dtype, shape)
    # The same order of dimensions in memory, and expanded ones stay expanded.
    order = sorted(range(kind.rank), key=lambda axis: kind.strides[axis] if kind.strides else 0)
    strides, step = [0] * kind.rank, 1
    for axis in order:
        if kind.strides[axis] == 0:
            continue
        strides[axis] = max(step, 1)
        step *= max(shape[axis], 1)
    return TensorType.of(kind.dtype, shape, tuple(strides))
