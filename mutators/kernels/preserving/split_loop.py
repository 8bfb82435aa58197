"""Two loops, one after the other, for the iterations of one."""

from __future__ import annotations

import random as randomness
from collections.abc import Sequence
from dataclasses import replace

from misfold.compiler.loops.ir import Const, For, Function, index
from misfold.compiler.loops.verify import trip_count
from misfold.compiler.loops.visit import Names, renamed
from misfold.mutators.kernels.mutator import Mutator
from misfold.mutators.kernels.sites import pick, places, with_statements


class SplitLoop(Mutator):
    """Cuts the iterations of a loop with constant bounds in two: the first or the last one often stands alone."""

    name = "split-loop"
    preserves = True

    def apply(self, function: Function, random: randomness.Random, donors: Sequence[Function] = ()) -> Function | None:
        loops = [one for one in places(function) if isinstance(one.statement, For) and trip_count(one.statement)]
        place = pick(random, loops)
        if place is None:
            return None
        loop = place.statement
        count = trip_count(loop)
        assert isinstance(loop.start, Const) and count
        middle = int(loop.start.value) + loop.step * random.choice([0, 1, count - 1, count // 2])
        second = renamed((replace(loop, start=index(middle)),), Names(function))
        return with_statements(function, place.path, [replace(loop, stop=index(middle)), *second])
