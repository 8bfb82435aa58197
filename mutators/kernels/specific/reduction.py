"""How a value gets into an element."""

from __future__ import annotations

import random as randomness
from collections.abc import Sequence

from misfold.compiler.loops.ir import Function, Reduce, Store
from misfold.compiler.loops.operators import BINARY, REDUCTIONS
from misfold.mutators.kernels.mutator import Mutator
from misfold.mutators.kernels.sites import pick, places, with_statements


class Reduction(Mutator):
    """Makes a store a reduction, a reduction a store, or changes what a reduction combines with."""

    name = "reduction"

    def apply(self, function: Function, random: randomness.Random, donors: Sequence[Function] = ()) -> Function | None:
        place = pick(random, [one for one in places(function) if isinstance(one.statement, Store | Reduce)])
        if place is None:
            return None
        old = place.statement
        ops = [op for op in REDUCTIONS if old.buffer.dtype.kind in BINARY[op].kinds and op != getattr(old, "op", None)]
        if isinstance(old, Reduce) and random.random() < 0.4:
            return with_statements(function, place.path, [Store(old.buffer, old.indices, old.value)])
        return with_statements(function, place.path, [Reduce(random.choice(ops), old.buffer, old.indices, old.value)])
