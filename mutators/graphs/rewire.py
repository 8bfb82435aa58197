"""Another value."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from misfold.generators.building import Live
from misfold.programs.case import Case

from .edges import edge_edit
from .mutator import Edit, GraphMutator
from .rebuilding import Rebuild
from .signatures import Signatures


class Rewire(GraphMutator):
    """Lets a node take another value of the same type, or one that an adapting call brings to it."""

    name = "rewire"

    def edit(self, case: Case, random: Random, signatures: Signatures, donors: Sequence[Case] = ()) -> Edit | None:
        def change(rebuild: Rebuild, live: Live) -> Live | None:
            others = rebuild.similar(live.type, but=[live.name])
            if others:
                return random.choice(others)
            usable = [one for one in rebuild.builder.usable() if one is not live]
            if not usable:
                return None
            recipe = live.recipe or {"draw": "normal"}
            return rebuild.fit(random.choice(usable), live.type, recipe)

        return edge_edit(case, random, change)
