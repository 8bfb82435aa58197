"""An ``if`` that is always taken."""

from __future__ import annotations

import random as randomness
from collections.abc import Sequence

from misfold.compiler.dtypes import BOOL
from misfold.compiler.loops.ir import Allocate, Binary, Const, Expr, Function, If, Let, Unary, index
from misfold.mutators.kernels.fresh import Maker
from misfold.mutators.kernels.mutator import Mutator
from misfold.mutators.kernels.sites import pick, places, with_statements


class TrueBranch(Mutator):
    """Puts a statement into an ``if`` whose condition always holds, be that plain or not; the other side may have code
    that never runs."""

    name = "true-branch"
    preserves = True

    def apply(self, function: Function, random: randomness.Random, donors: Sequence[Function] = ()) -> Function | None:
        found = [one for one in places(function) if one.statement and not isinstance(one.statement, Let | Allocate)]
        place = pick(random, found)
        if place is None:
            return None
        conditions: list[Expr] = [Const(True, BOOL)]
        for var in place.variables:
            if not var.dtype.is_float and not var.dtype.is_bool:
                odd = Binary("or", var, Const(1, var.dtype))
                conditions += [Binary("eq", var, var), Binary("ne", odd, Const(0, var.dtype))]
        for loop in place.loops:
            if isinstance(loop.start, Const):
                conditions.append(Binary("ge", loop.var, loop.start))
            if isinstance(loop.stop, Const):
                conditions.append(Binary("lt", loop.var, index(int(loop.stop.value))))
        condition = random.choice(conditions)
        dead = Maker(function, random, place).write() if random.random() < 0.3 else None
        inside, outside = (place.statement,), (dead,) if dead is not None else ()
        new = If(condition, inside, outside)
        if random.random() < 0.3:
            new = If(Unary("not", condition), outside, inside)
        return with_statements(function, place.path, [new])
