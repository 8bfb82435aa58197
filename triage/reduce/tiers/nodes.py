"""Fewer nodes: a window of them, without some of them, or with one of its operands in a node's place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from misfold.programs.case import Case
from misfold.targets.outcome import TensorValue

from ..cuts import keep_nodes
from ..surgery import attempt, without_node

Capture = Callable[[Case], Mapping[str, TensorValue]]


def window(capture: Capture) -> Callable[[Case], Iterator[Case]]:
    """The last 1, 2, 4, … nodes; values made before become inputs that hold what they were."""

    def candidates(case: Case) -> Iterator[Case]:
        count = len(case.graph.nodes)
        if count < 2:
            return
        captured = capture(case)
        sizes = [1 << power for power in range(count.bit_length()) if 1 << power < count]
        for size in sizes:
            yield from attempt(keep_nodes, case, range(count - size, count), captured)

    return candidates


def without_some(capture: Capture) -> Callable[[Case], Iterator[Case]]:
    """A run of nodes replaced by inputs that hold what they computed, half of all at first, then fewer at a time."""

    def candidates(case: Case) -> Iterator[Case]:
        count = len(case.graph.nodes)
        if count < 2:
            return
        captured = capture(case)
        size = count // 2
        while size:
            for start in range(count - size, -1, -size):
                kept = [index for index in range(count) if not start <= index < start + size]
                yield from attempt(keep_nodes, case, kept, captured)
            size //= 2

    return candidates


def bypassed(case: Case) -> Iterator[Case]:
    """A node left out, and one of its tensor operands used in its place."""
    for index in range(len(case.graph.nodes) - 1, -1, -1):
        node = case.graph.nodes[index]
        if not node.unpack and len(case.graph.nodes) > 1:
            for name in node.uses:
                yield from attempt(without_node, case, index, name)
