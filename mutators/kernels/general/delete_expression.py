"""An operator less."""

from __future__ import annotations

import random as randomness
from collections.abc import Sequence

from misfold.compiler.loops.ir import Function
from misfold.compiler.loops.visit import nodes
from misfold.mutators.kernels.mutator import Mutator
from misfold.mutators.kernels.sites import pick, spots, with_expression


class DeleteExpression(Mutator):
    """Replaces an expression by one of its type below it."""

    name = "delete-expression"
    general = True

    def apply(self, function: Function, random: randomness.Random, donors: Sequence[Function] = ()) -> Function | None:
        choices = []
        for spot in spots(function):
            below = [one for one in list(nodes(spot.expression))[1:] if one.dtype == spot.expression.dtype]
            choices += [(spot, below)] if below else []
        chosen = pick(random, choices)
        return with_expression(function, chosen[0], random.choice(chosen[1])) if chosen is not None else None
