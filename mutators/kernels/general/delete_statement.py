"""One statement less."""

from __future__ import annotations

import random as randomness
from collections.abc import Sequence

from misfold.compiler.loops.ir import Function
from misfold.compiler.loops.visit import blocks_of
from misfold.mutators.kernels.mutator import Mutator
from misfold.mutators.kernels.sites import pick, places, with_statements


class DeleteStatement(Mutator):
    """Deletes a statement; of a loop or an ``if`` now and then only what is around its block."""

    name = "delete-statement"
    general = True

    def apply(self, function: Function, random: randomness.Random, donors: Sequence[Function] = ()) -> Function | None:
        place = pick(random, [one for one in places(function) if one.statement is not None])
        if place is None:
            return None
        blocks = [block for block in blocks_of(place.statement) if block]
        kept = random.choice(blocks) if blocks and random.random() < 0.4 else ()
        return with_statements(function, place.path, kept)
