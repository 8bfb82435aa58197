"""An expression at one more place."""

from __future__ import annotations

import random as randomness
from collections.abc import Sequence

from misfold.compiler.loops.ir import Function
from misfold.mutators.kernels.mutator import Mutator
from misfold.mutators.kernels.sites import pick, spots, with_expression


class DuplicateExpression(Mutator):
    """Replaces an expression by a copy of another one of its type."""

    name = "duplicate-expression"
    general = True

    def apply(self, function: Function, random: randomness.Random, donors: Sequence[Function] = ()) -> Function | None:
        found = spots(function)
        target = pick(random, found)
        if target is None:
            return None
        others = [one for one in found if one.expression.dtype == target.expression.dtype]
        source = pick(random, [one for one in others if one.expression != target.expression])
        return with_expression(function, target, source.expression) if source is not None else None
