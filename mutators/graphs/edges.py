"""Changing what a node takes."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from misfold.generators.building import Live
from misfold.programs.arguments import Argument, Ref, map_leaves
from misfold.programs.case import Case
from misfold.programs.graph import Node

from .mutator import Edit
from .rebuilding import Rebuild

#: Makes of a value one that can stand for it; None: it cannot.
Change = Callable[[Rebuild, Live], Live | None]


def edge_edit(case: Case, random: Random, change: Change) -> Edit | None:
    """At a random use of a value, what ``change`` makes of it is used instead."""
    nodes = [index for index, node in enumerate(case.graph.nodes) if node.uses]
    if not nodes:
        return None
    index = random.choice(nodes)
    node = case.graph.nodes[index]
    edge = random.randrange(sum(1 for _ in node.references()))

    def make(rebuild: Rebuild, node: Node) -> list[Live] | None:
        used = list(node.references())[edge]
        new = change(rebuild, rebuild.live[used.name])
        if new is None:
            return None
        count = iter(range(10_000))

        def leaf(item: Argument) -> Argument:
            if not isinstance(item, Ref):
                return item
            return Ref(new.name if next(count) == edge else rebuild.live[item.name].name)

        args = tuple([map_leaves(item, leaf) for item in node.args])
        kwargs = {key: map_leaves(item, leaf) for key, item in node.kwargs.items()}
        return rebuild.apply(node.op, args, kwargs)

    return Edit(index, make)
