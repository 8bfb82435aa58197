"""An operator less."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from misfold.generators.building import Live
from misfold.programs.case import Case
from misfold.programs.graph import Node

from .mutator import Edit, GraphMutator
from .rebuilding import Rebuild
from .signatures import Signatures


class DeleteNode(GraphMutator):
    """Takes a call out: values of the same types that are there, or new inputs, stand for what it gave."""

    name = "delete-node"

    def edit(self, case: Case, random: Random, signatures: Signatures, donors: Sequence[Case] = ()) -> Edit | None:
        if len(case.graph.nodes) < 2:
            return None

        def make(rebuild: Rebuild, node: Node) -> list[Live] | None:
            found = []
            for value in node.outputs:
                same = rebuild.similar(value.known)
                one = random.choice(same) if same and random.random() < 0.7 else rebuild.fresh(value.known)
                if one is None:
                    return None
                found.append(one)
            return found

        return Edit(random.randrange(len(case.graph.nodes)), make)
