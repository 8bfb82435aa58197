"""Another expression in the place of one."""

from __future__ import annotations

import random as randomness
from collections.abc import Sequence

from misfold.compiler.loops.ir import Function
from misfold.mutators.kernels.fresh import Maker
from misfold.mutators.kernels.mutator import Mutator
from misfold.mutators.kernels.sites import pick, spots, with_expression


class ReplaceExpression(Mutator):
    """Replaces an expression by a new one of its type."""

    name = "replace-expression"
    general = True

    def apply(self, function: Function, random: randomness.Random, donors: Sequence[Function] = ()) -> Function | None:
        spot = pick(random, spots(function))
        if spot is None:
            return None
        return with_expression(function, spot, Maker(function, random, spot.place).expression(spot.expression.dtype))
