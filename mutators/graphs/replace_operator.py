"""Another operator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random

from misfold.generators.building import Live
from misfold.programs.case import Case
from misfold.programs.graph import Node

from .mutator import Edit, GraphMutator
from .rebuilding import Rebuild
from .signatures import Signatures

_TRIED = 24


class ReplaceOperator(GraphMutator):
    """Calls, with the same arguments, another operator that gives the same types."""

    name = "replace-operator"

    def edit(self, case: Case, random: Random, signatures: Signatures, donors: Sequence[Case] = ()) -> Edit | None:
        index = random.randrange(len(case.graph.nodes))
        others = signatures.like(case.graph.nodes[index])

        def make(rebuild: Rebuild, node: Node) -> list[Live] | None:
            wanted = [(value.known.dtype, value.known.shape) for value in node.outputs]
            for op in random.sample(others, min(_TRIED, len(others))):
                mark = rebuild.builder.mark()
                made = rebuild.run(replace(node, op=op))
                if made is not None and [(one.type.dtype, one.type.shape) for one in made] == wanted:
                    return made
                rebuild.builder.undo(mark)
            return None

        return Edit(index, make) if others else None
