"""An operator more."""

from __future__ import annotations

import random as randomness
from collections.abc import Sequence

from misfold.compiler.dtypes import BOOL
from misfold.compiler.loops.ir import Binary, Cast, Expr, Function, Select, Unary
from misfold.compiler.loops.operators import BINARY, UNARY
from misfold.mutators.kernels.fresh import Maker
from misfold.mutators.kernels.mutator import Mutator
from misfold.mutators.kernels.sites import pick, spots, with_expression


class InsertExpression(Mutator):
    """Puts an operator, a ``select`` or a pair of casts around an expression."""

    name = "insert-expression"
    general = True

    def apply(self, function: Function, random: randomness.Random, donors: Sequence[Function] = ()) -> Function | None:
        spot = pick(random, spots(function))
        if spot is None:
            return None
        old, dtype = spot.expression, spot.expression.dtype
        maker = Maker(function, random, spot.place)
        way = random.random()
        if way < 0.2:
            new: Expr = Unary(
                random.choice([one.name for one in UNARY.values() if dtype.kind in one.kinds] or ["not"]), old
            )
        elif way < 0.35:
            new = Select(maker.expression(BOOL, 1), *random.sample([old, maker.expression(dtype, 1)], 2))
        elif way < 0.45:
            between = random.choice(sorted({one.expression.dtype for one in spots(function)}, key=str))
            new = Cast(dtype, Cast(between, old))
        else:
            ops = [one.name for one in BINARY.values() if dtype.kind in one.kinds and one.compares == dtype.is_bool]
            ops = ops if not dtype.is_bool else ["and", "or", "xor", "eq", "ne"]
            new = Binary(random.choice(ops), *random.sample([old, maker.expression(dtype, 1)], 2))
        return with_expression(function, spot, new)
