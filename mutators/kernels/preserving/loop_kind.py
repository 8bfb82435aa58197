"""How the iterations of a loop run."""

from __future__ import annotations

import random as randomness
from collections.abc import Sequence
from dataclasses import replace

from misfold.compiler.loops.ir import For, Function, LoopKind
from misfold.mutators.kernels.concurrency import allowed
from misfold.mutators.kernels.mutator import Mutator
from misfold.mutators.kernels.sites import pick, places, with_statements


class KindOfLoop(Mutator):
    """Makes a loop serial, parallel, vectorised or unrolled, where that means the same by its dependences."""

    name = "loop-kind"
    preserves = True

    def apply(self, function: Function, random: randomness.Random, donors: Sequence[Function] = ()) -> Function | None:
        place = pick(random, [one for one in places(function) if isinstance(one.statement, For)])
        if place is None or any(one.kind == "vectorised" for one in place.loops):
            return None
        loop = place.statement
        every: tuple[LoopKind, ...] = ("serial", "parallel", "vectorised", "unrolled")
        kinds = [one for one in every if one != loop.kind]
        random.shuffle(kinds)
        for kind in kinds:
            if allowed(loop, kind, place.ranges):
                return with_statements(function, place.path, [replace(loop, kind=kind)])
        return None
