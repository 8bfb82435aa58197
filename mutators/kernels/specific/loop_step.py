"""The step of a loop."""

from __future__ import annotations

import random as randomness
from collections.abc import Sequence
from dataclasses import replace

from misfold.compiler.loops.ir import Const, For, Function, index
from misfold.mutators.kernels.mutator import Mutator
from misfold.mutators.kernels.sites import pick, places, with_statements


class LoopStep(Mutator):
    """Changes the step; where bounds are constants, often in a way that keeps the number of iterations."""

    name = "loop-step"

    def apply(self, function: Function, random: randomness.Random, donors: Sequence[Function] = ()) -> Function | None:
        place = pick(random, [one for one in places(function) if isinstance(one.statement, For)])
        if place is None:
            return None
        loop = place.statement
        step = random.choice([one for one in (1, 2, 3, 4, 5, 7, 8, 16) if one != loop.step])
        stop = loop.stop
        if isinstance(loop.start, Const) and isinstance(stop, Const) and random.random() < 0.5:
            start = int(loop.start.value)
            stop = index(start + len(range(start, int(stop.value), loop.step)) * step)
        return with_statements(function, place.path, [replace(loop, step=step, stop=stop)])
