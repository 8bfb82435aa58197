"""A variable for an expression."""

from __future__ import annotations

import random as randomness
from collections.abc import Sequence

from misfold.compiler.loops.ir import For, Function, Let, Var
from misfold.compiler.loops.visit import Names
from misfold.mutators.kernels.mutator import Mutator
from misfold.mutators.kernels.sites import pick, spots, statement_with, with_statements


class BindExpression(Mutator):
    """Computes part of a statement in a ``let`` before it."""

    name = "bind-expression"
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
        var = Var(Names(function).fresh("t"), spot.expression.dtype)
        statement = statement_with(spot.place.statement, spot.route, var)
        return with_statements(function, spot.place.path, [Let(var, spot.expression), statement])
