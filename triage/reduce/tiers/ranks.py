"""Fewer dimensions: one dropped from all inputs that have it, with the arguments that count dimensions moved along."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from misfold.programs.arguments import Argument
from misfold.programs.case import Case
from misfold.programs.graph import Node
from misfold.programs.types import TensorType

from ..surgery import attempt, mapped, with_types


def fewer_dimensions(case: Case) -> Iterator[Case]:
    """The first or last dimension dropped: of all inputs of the highest rank, of all that have one, of one input."""
    ranks = [value.known.rank for value in case.graph.inputs]
    if not ranks or not max(ranks):
        return
    groups = [
        [value for value in case.graph.inputs if value.known.rank == max(ranks)],
        [value for value in case.graph.inputs if value.known.rank],
        *([value] for value in case.graph.inputs if value.known.rank),
    ]
    for group in groups:
        for first in (True, False):
            types = {value.name: _less(value.known, first) for value in group}
            for change in _moves(first):
                yield from attempt(with_types, case, types, change)


def _less(kind: TensorType, first: bool) -> TensorType:
    return TensorType.of(kind.dtype, kind.shape[1:] if first else kind.shape[:-1])


def _moves(first: bool) -> Iterator[Callable[[Node], Node]]:
    yield lambda node: node

    def forward(item: Argument) -> Argument:
        return item - 1 if type(item) is int and item > 0 else item

    def backward(item: Argument) -> Argument:
        return item + 1 if type(item) is int and item < -1 else item

    def shorter(item: Argument) -> Argument:
        if isinstance(item, list | tuple) and len(item) > 1 and all(type(one) is int for one in item):
            return item[1:] if first else item[:-1]
        return item

    moved = forward if first else backward
    yield lambda node: mapped(node, moved)
    yield lambda node: Node(
        node.op,
        tuple(map(shorter, node.args)),
        {key: shorter(item) for key, item in node.kwargs.items()},
        node.outputs,
        node.unpack,
    )
