"""What a comparison asks."""

from __future__ import annotations

import random as randomness
from collections.abc import Sequence

from misfold.compiler.loops.ir import Binary, Const, Expr, Function, Unary
from misfold.compiler.loops.operators import BINARY
from misfold.mutators.kernels.mutator import Mutator
from misfold.mutators.kernels.sites import pick, spots, with_expression

_COMPARISONS = tuple(one.name for one in BINARY.values() if one.compares)


class Comparison(Mutator):
    """Changes a comparison, moves its limit by one, mirrors or negates it."""

    name = "comparison"

    def apply(self, function: Function, random: randomness.Random, donors: Sequence[Function] = ()) -> Function | None:
        found = [one for one in spots(function) if isinstance(one.expression, Binary)]
        spot = pick(random, [one for one in found if one.expression.op in _COMPARISONS])
        if spot is None:
            return None
        op, left, right = spot.expression.op, spot.expression.left, spot.expression.right
        way = random.random()
        if way < 0.5:
            new: Expr = Binary(random.choice([one for one in _COMPARISONS if one != op]), left, right)
        elif way < 0.75 and isinstance(right, Const) and right.dtype.is_integer:
            value = int(right.value) + random.choice([-1, 1])
            new = Binary(op, left, Const(min(max(value, right.dtype.min), right.dtype.max), right.dtype))
        elif way < 0.85:
            new = Binary(op, right, left)
        else:
            new = Unary("not", spot.expression)
        return with_expression(function, spot, new)
