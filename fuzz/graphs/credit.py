"""Which cases to thank for new coverage, where several were compiled as one."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence

from misfold.generators.support import operand_classes
from misfold.programs.graph import Graph

#: So many members of a batch are thanked at most: what a batch of fifteen is the first to reach is due to a few.
MOST = 3


def features(graph: Graph) -> frozenset[Hashable]:
    """What compilers tell programs apart by, cheaply: calls with the element types of their operands, and which
    operator takes what which other one gives."""
    found: set[Hashable] = set()
    for node in graph.nodes:
        found.add((node.op, operand_classes(graph, node)))
        for name in node.uses:
            place = graph.producers.get(name)
            if place is not None:
                found.add((graph.nodes[place].op, "into", node.op))
    return frozenset(found)


class Credit:
    """Thanks the members of a batch that have features which no program before had for the same target.

    To compile each member again by itself would be exact, and cost as much as the batch saves.
    """

    def __init__(self) -> None:
        self._seen: dict[str, dict[Hashable, int]] = {}

    def thanked(self, target: str, graphs: Sequence[Graph]) -> list[int]:
        """Places of the members to be thanked, at least one."""
        if len(graphs) == 1:
            return [0]
        seen = self._seen.get(target, {})
        new = [sum(feature not in seen for feature in features(graph)) for graph in graphs]
        best = sorted(range(len(graphs)), key=lambda place: -new[place])[:MOST]
        novel = [place for place in best if new[place]]
        if novel:
            return sorted(novel)
        # Nothing in it is new by itself: the one whose features are rarest.
        return [max(range(len(graphs)), key=lambda place: _rarity(features(graphs[place]), seen))]

    def saw(self, target: str, graphs: Iterable[Graph]) -> None:
        """Remember what programs have been run."""
        seen = self._seen.setdefault(target, {})
        for graph in graphs:
            for feature in features(graph):
                seen[feature] = seen.get(feature, 0) + 1


def _rarity(found: Iterable[Hashable], seen: dict[Hashable, int]) -> float:
    return max((1.0 / seen.get(feature, 1) for feature in found), default=0.0)
