"""Which way a division rounds."""

from __future__ import annotations

import random as randomness
from collections.abc import Sequence

from misfold.compiler.loops.ir import Binary, Function
from misfold.mutators.kernels.mutator import Mutator
from misfold.mutators.kernels.sites import pick, spots, with_expression

_FAMILIES = (("floordiv", "truncdiv", "eucliddiv"), ("floormod", "truncmod", "euclidmod"))


class Rounding(Mutator):
    """Makes an integer division round down, to zero, or as Euclid's does; or a quotient a remainder."""

    name = "rounding"

    def apply(self, function: Function, random: randomness.Random, donors: Sequence[Function] = ()) -> Function | None:
        names = [name for family in _FAMILIES for name in family]
        found = [one for one in spots(function) if isinstance(one.expression, Binary) and one.expression.op in names]
        spot = pick(random, [one for one in found if one.expression.dtype.is_integer])
        if spot is None:
            return None
        old = spot.expression
        family = next(one for one in _FAMILIES if old.op in one)
        others = [name for name in (family if random.random() < 0.8 else names) if name != old.op]
        return with_expression(function, spot, Binary(random.choice(others), old.left, old.right))
