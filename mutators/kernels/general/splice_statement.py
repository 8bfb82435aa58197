"""A statement of another program."""

from __future__ import annotations

import random as randomness
from collections.abc import Sequence

from misfold.compiler.loops.ir import Function
from misfold.mutators.kernels.grafting import grafted
from misfold.mutators.kernels.mutator import Mutator
from misfold.mutators.kernels.sites import inserted, pick, places, with_statements


class SpliceStatement(Mutator):
    """Takes a statement, often a whole nest, of a donor: before a statement or in its place."""

    name = "splice-statement"
    general = True

    def apply(self, function: Function, random: randomness.Random, donors: Sequence[Function] = ()) -> Function | None:
        donor = pick(random, donors)
        if donor is None:
            return None
        sources = [one for one in places(donor) if one.statement is not None]
        nests = [one for one in sources if len(one.path) == 1]
        source = pick(random, nests if random.random() < 0.5 else sources)
        place = pick(random, places(function))
        if source is None or place is None:
            return None
        block = grafted((source.statement,), function, place, random)
        if block is None:
            return None
        if random.random() < 0.3:
            return with_statements(function, place.path, block)
        return inserted(function, place.path, block)
