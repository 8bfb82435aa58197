"""Two expressions change places."""

from __future__ import annotations

import random as randomness
from collections.abc import Sequence

from misfold.compiler.loops.ir import Function
from misfold.mutators.kernels.mutator import Mutator
from misfold.mutators.kernels.sites import pick, spots, with_expression


class SwapExpressions(Mutator):
    """Swaps two different expressions of one type, neither of them part of the other."""

    name = "swap-expressions"
    general = True

    def apply(self, function: Function, random: randomness.Random, donors: Sequence[Function] = ()) -> Function | None:
        found = spots(function)
        first = pick(random, found)
        if first is None:
            return None

        def apart(other):
            if other.place.path == first.place.path:
                shorter = min(len(other.route), len(first.route))
                return other.route[:shorter] != first.route[:shorter]
            # Paths of statements inside of one another stay what they are, for expressions alone are replaced.
            return True

        others = [one for one in found if one.expression.dtype == first.expression.dtype and apart(one)]
        second = pick(random, [one for one in others if one.expression != first.expression])
        if second is None:
            return None
        function = with_expression(function, first, second.expression)
        again = next(one for one in spots(function) if (one.place.path, one.route) == (second.place.path, second.route))
        return with_expression(function, again, first.expression)
