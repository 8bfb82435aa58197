"""A local buffer for an expression."""

from __future__ import annotations

import random as randomness
from collections.abc import Sequence

from misfold.compiler.loops.ir import Allocate, Buffer, For, Function, Load, Statement, Store, index
from misfold.compiler.loops.visit import Names
from misfold.mutators.kernels.mutator import Mutator
from misfold.mutators.kernels.sites import pick, spots, statement_with, with_statements


class StoreExpression(Mutator):
    """Computes part of a statement before it and keeps it in an element of a new local buffer."""

    name = "store-expression"
    preserves = True

    def apply(self, function: Function, random: randomness.Random, donors: Sequence[Function] = ()) -> Function | None:
        found = [
            spot
            for spot in spots(function)
            if not (isinstance(spot.place.statement, For) and spot.place.statement.kind in ("vectorised", "unrolled"))
        ]
        spot = pick(random, found)
        if spot is None:
            return None
        shape = tuple([random.randint(1, 4) for _ in range(random.choice([0, 0, 1, 2]))])
        buffer = Buffer(Names(function).fresh("b"), spot.expression.dtype, shape)
        indices = tuple([index(random.randrange(size)) for size in shape])
        statement = statement_with(spot.place.statement, spot.route, Load(buffer, indices))
        new: list[Statement] = [Allocate(buffer), Store(buffer, indices, spot.expression), statement]
        return with_statements(function, spot.place.path, new)
