"""Another attribute."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Any

from misfold.generators.building import Live
from misfold.programs.arguments import Argument, Symbol, map_leaves
from misfold.programs.case import Case
from misfold.programs.dtypes import DTYPES
from misfold.programs.graph import Node

from .mutator import Edit, GraphMutator
from .rebuilding import Rebuild
from .signatures import Signatures

_TRIED = 12


class ChangeAttribute(GraphMutator):
    """Changes one constant among the arguments of a call: a dimension, a size, a flag, a factor, a type."""

    name = "change-attribute"

    def edit(self, case: Case, random: Random, signatures: Signatures, donors: Sequence[Case] = ()) -> Edit | None:
        nodes = [index for index, node in enumerate(case.graph.nodes) if _constants(node)]
        if not nodes:
            return None

        def make(rebuild: Rebuild, node: Node) -> list[Live] | None:
            places = list(range(len(_constants(node))))
            for _ in range(_TRIED):
                changed = _with_constant(node, random.choice(places), random)
                mark = rebuild.builder.mark()
                made = rebuild.run(changed) if changed != node else None
                if made is not None and len(made) == len(node.outputs):
                    return made
                rebuild.builder.undo(mark)
            return None

        return Edit(random.choice(nodes), make)


def _is_constant(item: Argument) -> bool:
    return type(item) in (bool, int, float) or (isinstance(item, Symbol) and item.name[6:] in DTYPES)


def _constants(node: Node) -> list[Any]:
    found: list[Any] = []

    def leaf(item: Argument) -> Argument:
        if _is_constant(item):
            found.append(item)
        return item

    for item in (*node.args, *node.kwargs.values()):
        map_leaves(item, leaf)
    return found


def _with_constant(node: Node, place: int, random: Random) -> Node:
    count = iter(range(10_000))

    def leaf(item: Argument) -> Argument:
        return _other(item, random) if _is_constant(item) and next(count) == place else item

    args = tuple([map_leaves(item, leaf) for item in node.args])
    return replace(node, args=args, kwargs={key: map_leaves(item, leaf) for key, item in node.kwargs.items()})


def _other(item: Any, random: Random) -> Any:
    if type(item) is bool:
        return not item
    if type(item) is int:
        # Sizes stay small: what is called here is run.
        return random.choice([item + 1, item - 1, 0, 1, -1, 2, -item]) if abs(item) < 1000 else random.randint(-2, 9)
    if type(item) is float:
        return random.choice([item * 2, item / 2, -item, 0.0, 1.0, 0.5, item + 1.0])
    return Symbol(f"torch.{random.choice(sorted(DTYPES))}")
