"""What is returned."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from misfold.programs.case import Case

from .mutator import Edit, GraphMutator
from .rebuilding import Rebuild
from .signatures import Signatures


class ChangeReturns(GraphMutator):
    """Returns a value in between too: it can no longer be fused away."""

    name = "change-returns"

    def edit(self, case: Case, random: Random, signatures: Signatures, donors: Sequence[Case] = ()) -> Edit | None:
        produced = [value.name for node in case.graph.nodes for value in node.outputs]
        names = [name for name in produced if name not in case.graph.returns]
        if not names:
            return None
        name = random.choice(names)

        def finish(rebuild: Rebuild) -> bool:
            rebuild.more.append(rebuild.live[name])
            return not rebuild.live[name].dead

        return Edit(finish=finish)
