"""Where a loop begins and ends."""

from __future__ import annotations

import random as randomness
from collections.abc import Sequence
from dataclasses import replace

from misfold.compiler.dtypes import INDEX
from misfold.compiler.loops.ir import Binary, Const, For, Function, index
from misfold.mutators.kernels.fresh import Maker
from misfold.mutators.kernels.mutator import Mutator
from misfold.mutators.kernels.sites import pick, places, with_statements


class LoopBounds(Mutator):
    """Moves start or stop or both by a little, makes the loop empty or of one iteration, or bounds it by an outer
    variable or by data."""

    name = "loop-bounds"

    def apply(self, function: Function, random: randomness.Random, donors: Sequence[Function] = ()) -> Function | None:
        place = pick(random, [one for one in places(function) if isinstance(one.statement, For)])
        if place is None:
            return None
        loop = place.statement
        amount = random.choice([-2, -1, 1, 2, 3])
        outer = [one.var for one in place.loops]
        ways = ["start", "stop", "offset", "empty", "single", "tail"]
        if loop.kind in ("serial", "parallel"):
            ways += ["data"] + ["triangle", "triangle", "shifted"] * bool(outer)
        match random.choice(ways):
            case "start":
                loop = replace(loop, start=_moved(loop.start, amount))
            case "stop":
                loop = replace(loop, stop=_moved(loop.stop, amount))
            case "offset":
                loop = replace(loop, start=_moved(loop.start, amount), stop=_moved(loop.stop, amount))
            case "empty":
                loop = replace(loop, stop=_moved(loop.start, random.choice([0, 0, -1])))
            case "single":
                loop = replace(loop, stop=_moved(loop.start, 1))
            case "tail" if isinstance(loop.stop, Const):
                loop = replace(loop, stop=index(int(loop.stop.value) // 4 * 4 + random.choice([-1, 0, 1, 3])))
            case "triangle":
                var = random.choice(outer)
                loop = replace(loop, start=var) if random.random() < 0.5 else replace(loop, stop=_moved(var, 1))
            case "shifted":
                var = random.choice(outer)
                loop = replace(loop, start=_sum(loop.start, var), stop=_sum(loop.stop, var))
            case _:
                size = index(random.randint(1, 8))
                stop = Binary("floormod", Maker(function, random, place).expression(INDEX, 1), size)
                loop = replace(loop, stop=stop) if loop.kind == "serial" else replace(loop, stop=size)
        return with_statements(function, place.path, [loop])


def _moved(bound, amount):
    if isinstance(bound, Const):
        return index(int(bound.value) + amount)
    return Binary("add", bound, index(amount)) if amount else bound


def _sum(bound, var):
    return var if isinstance(bound, Const) and bound.value == 0 else Binary("add", bound, var)
