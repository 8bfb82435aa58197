"""Two loops out of one."""

from __future__ import annotations

import random as randomness
from collections.abc import Sequence
from dataclasses import replace

from misfold.compiler.loops.ir import For, Function
from misfold.compiler.loops.visit import Names, renamed
from misfold.mutators.kernels.mutator import Mutator
from misfold.mutators.kernels.sites import pick, places, with_statements


class DistributeLoop(Mutator):
    """Cuts the body of a loop in two, each with a loop of its own, whether that means the same or not."""

    name = "distribute-loop"

    def apply(self, function: Function, random: randomness.Random, donors: Sequence[Function] = ()) -> Function | None:
        loops = [one for one in places(function) if isinstance(one.statement, For) and len(one.statement.body) > 1]
        place = pick(random, loops)
        if place is None:
            return None
        loop = place.statement
        cut = random.randrange(1, len(loop.body))
        second = renamed((replace(loop, body=loop.body[cut:]),), Names(function))
        return with_statements(function, place.path, [replace(loop, body=loop.body[:cut]), *second])
