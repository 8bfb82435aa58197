"""Iterations from the last to the first."""

from __future__ import annotations

import random as randomness
from collections.abc import Sequence
from dataclasses import replace

from misfold.compiler.loops.dependence import independent
from misfold.compiler.loops.ir import Binary, Const, For, Function, index
from misfold.compiler.loops.verify import trip_count
from misfold.compiler.loops.visit import substitute_block
from misfold.mutators.kernels.mutator import Mutator
from misfold.mutators.kernels.sites import places, with_statements


class ReverseLoop(Mutator):
    """Mirrors the variable of a loop whose iterations are independent."""

    name = "reverse-loop"
    preserves = True

    def apply(self, function: Function, random: randomness.Random, donors: Sequence[Function] = ()) -> Function | None:
        loops = [one for one in places(function) if isinstance(one.statement, For)]
        random.shuffle(loops)
        for place in loops[:6]:
            loop = place.statement
            count = trip_count(loop)
            if not count or count < 2 or not independent(loop, place.ranges):
                continue
            assert isinstance(loop.start, Const)
            first = int(loop.start.value)
            mirrored = Binary("sub", index(2 * first + (count - 1) * loop.step), loop.var)
            body = substitute_block(loop.body, {loop.var.name: mirrored})
            # Inner loops of kinds that want constant bounds do not mention the variable.
            return with_statements(function, place.path, [replace(loop, body=body)])
        return None
