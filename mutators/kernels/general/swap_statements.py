"""Two statements change places."""

from __future__ import annotations

import random as randomness
from collections.abc import Sequence

from misfold.compiler.loops.ir import Function
from misfold.mutators.kernels.mutator import Mutator
from misfold.mutators.kernels.sites import pick, places, with_statements


class SwapStatements(Mutator):
    """Swaps two statements of one block, mostly neighbours."""

    name = "swap-statements"
    general = True

    def apply(self, function: Function, random: randomness.Random, donors: Sequence[Function] = ()) -> Function | None:
        found = [one for one in places(function) if one.statement is not None]
        first = pick(random, found)
        if first is None:
            return None
        same = [one for one in found if one.path[:-1] == first.path[:-1] and one.path != first.path]
        near = [one for one in same if abs(one.path[-1] - first.path[-1]) == 1]
        second = pick(random, near if random.random() < 0.7 else same)
        if second is None:
            return None
        function = with_statements(function, first.path, [second.statement])
        return with_statements(function, second.path, [first.statement])
