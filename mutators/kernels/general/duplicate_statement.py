"""A statement once more."""

from __future__ import annotations

import random as randomness
from collections.abc import Sequence

from misfold.compiler.loops.ir import Function
from misfold.compiler.loops.visit import Names, renamed
from misfold.mutators.kernels.mutator import Mutator
from misfold.mutators.kernels.sites import inserted, pick, places


class DuplicateStatement(Mutator):
    """Copies a statement, with names of its own, to the place before it or to any other."""

    name = "duplicate-statement"
    general = True

    def apply(self, function: Function, random: randomness.Random, donors: Sequence[Function] = ()) -> Function | None:
        found = places(function)
        source = pick(random, [one for one in found if one.statement is not None])
        if source is None:
            return None
        target = source if random.random() < 0.4 else random.choice(found)
        return inserted(function, target.path, renamed((source.statement,), Names(function)))
