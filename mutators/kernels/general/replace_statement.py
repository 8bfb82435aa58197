"""Another statement in the place of one."""

from __future__ import annotations

import random as randomness
from collections.abc import Sequence

from misfold.compiler.loops.ir import Function
from misfold.mutators.kernels.fresh import Maker
from misfold.mutators.kernels.mutator import Mutator
from misfold.mutators.kernels.sites import pick, places, with_statements


class ReplaceStatement(Mutator):
    """Replaces a statement by a new store or reduction."""

    name = "replace-statement"
    general = True

    def apply(self, function: Function, random: randomness.Random, donors: Sequence[Function] = ()) -> Function | None:
        place = pick(random, [one for one in places(function) if one.statement is not None])
        new = Maker(function, random, place).write() if place is not None else None
        return with_statements(function, place.path, [new]) if place is not None and new is not None else None
