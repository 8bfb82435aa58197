"""Operands the other way round."""

from __future__ import annotations

import random as randomness
from collections.abc import Sequence

from misfold.compiler.loops.ir import Binary, Function
from misfold.compiler.loops.operators import BINARY
from misfold.mutators.kernels.mutator import Mutator
from misfold.mutators.kernels.sites import pick, spots, with_expression

_MIRRORED = {"lt": "gt", "gt": "lt", "le": "ge", "ge": "le"}


class Commute(Mutator):
    """Swaps the operands of an operator that commutes, or of a comparison, which is mirrored."""

    name = "commute"
    preserves = True

    def apply(self, function: Function, random: randomness.Random, donors: Sequence[Function] = ()) -> Function | None:
        found = [
            spot
            for spot in spots(function)
            if isinstance(spot.expression, Binary)
            and (BINARY[spot.expression.op].commutes or spot.expression.op in _MIRRORED)
            and spot.expression.left != spot.expression.right
            # Of two zeros a min of floats may give either, and which is up to the order.
            and not (spot.expression.op in ("min", "max") and spot.expression.dtype.is_float)
        ]
        spot = pick(random, found)
        if spot is None:
            return None
        old = spot.expression
        return with_expression(function, spot, Binary(_MIRRORED.get(old.op, old.op), old.right, old.left))
