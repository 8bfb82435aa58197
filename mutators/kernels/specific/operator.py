"""Another operator."""

from __future__ import annotations

import random as randomness
from collections.abc import Sequence

from misfold.compiler.loops.ir import Binary, Function
from misfold.compiler.loops.operators import BINARY
from misfold.mutators.kernels.mutator import Mutator
from misfold.mutators.kernels.sites import pick, spots, with_expression


class Operator(Mutator):
    """Replaces a binary operator by another one that takes and gives the same types."""

    name = "operator"

    def apply(self, function: Function, random: randomness.Random, donors: Sequence[Function] = ()) -> Function | None:
        spot = pick(random, [one for one in spots(function) if isinstance(one.expression, Binary)])
        if spot is None:
            return None
        old = spot.expression
        same = [
            one.name
            for one in BINARY.values()
            if one.name != old.op and old.left.dtype.kind in one.kinds and one.compares == BINARY[old.op].compares
        ]
        return with_expression(function, spot, Binary(random.choice(same), old.left, old.right))
