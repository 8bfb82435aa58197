"""Conditions around statements."""

from __future__ import annotations

import random as randomness
from collections.abc import Sequence

from misfold.compiler.loops.ir import Allocate, Function, If, Let
from misfold.mutators.kernels.fresh import Maker
from misfold.mutators.kernels.mutator import Mutator
from misfold.mutators.kernels.sites import pick, places, with_statements


class Guard(Mutator):
    """Puts a statement into an ``if``, on either side, or swaps the sides of one that is there."""

    name = "guard"

    def apply(self, function: Function, random: randomness.Random, donors: Sequence[Function] = ()) -> Function | None:
        found = [one for one in places(function) if one.statement and not isinstance(one.statement, Let | Allocate)]
        place = pick(random, found)
        if place is None:
            return None
        statement = place.statement
        if isinstance(statement, If) and random.random() < 0.5:
            new = If(statement.condition, statement.other, statement.then)
        else:
            maker = Maker(function, random, place)
            condition = maker.condition()
            if random.random() < 0.8:
                new = If(condition, (statement,))
            else:
                other = maker.write()
                new = If(condition, (other,) if other is not None else (), (statement,))
        return with_statements(function, place.path, [new])
