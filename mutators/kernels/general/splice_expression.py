"""An expression of another program."""

from __future__ import annotations

import random as randomness
from collections.abc import Sequence

from misfold.compiler.loops.ir import Function, Let, Var
from misfold.mutators.kernels.grafting import grafted
from misfold.mutators.kernels.mutator import Mutator
from misfold.mutators.kernels.sites import pick, spots, with_expression


class SpliceExpression(Mutator):
    """Replaces an expression by one of its type out of a donor."""

    name = "splice-expression"
    general = True

    def apply(self, function: Function, random: randomness.Random, donors: Sequence[Function] = ()) -> Function | None:
        donor = pick(random, donors)
        spot = pick(random, spots(function))
        if donor is None or spot is None:
            return None
        fitting = [one.expression for one in spots(donor) if one.expression.dtype == spot.expression.dtype]
        expression = pick(random, fitting)
        if expression is None:
            return None
        block = grafted((Let(Var("grafted", expression.dtype), expression),), function, spot.place, random)
        if block is None:
            return None
        (binding,) = block
        assert isinstance(binding, Let)
        return with_expression(function, spot, binding.value)
