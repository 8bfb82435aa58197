"""Functions that compilers have their own code for."""

from __future__ import annotations

import random as randomness
from collections.abc import Sequence

from misfold.compiler.loops.ir import Binary, Expr, Function, Select, Unary
from misfold.compiler.loops.operators import UNARY
from misfold.mutators.kernels.fresh import Maker
from misfold.mutators.kernels.mutator import Mutator
from misfold.mutators.kernels.sites import pick, spots, with_expression


class Intrinsic(Mutator):
    """Puts ``min``, ``max``, ``select``, ``abs`` or, on floats, a mathematical function around an expression, or
    replaces such a function by another one."""

    name = "intrinsic"

    def apply(self, function: Function, random: randomness.Random, donors: Sequence[Function] = ()) -> Function | None:
        spot = pick(random, [one for one in spots(function) if not one.expression.dtype.is_bool])
        if spot is None:
            return None
        old, dtype = spot.expression, spot.expression.dtype
        maker = Maker(function, random, spot.place)
        functions = [one.name for one in UNARY.values() if dtype.kind in one.kinds]
        if isinstance(old, Unary) and random.random() < 0.7:
            return with_expression(function, spot, Unary(random.choice(functions), old.operand))
        other = maker.expression(dtype, 1)
        ways = ["unary", "extreme", "clamp", "select", *(["float"] if dtype.is_float else ["pow"])]
        match random.choice(ways):
            case "unary":
                new: Expr = Unary(random.choice(functions), old)
            case "extreme":
                new = Binary(random.choice(["min", "max"]), old, other)
            case "clamp":
                new = Binary("max", Binary("min", old, other), maker.expression(dtype, 0))
            case "select":
                new = Select(Binary(random.choice(["lt", "ge"]), old, other), old, other)
            case "float":
                op = random.choice(["pow", "atan2", "copysign", "div", "floordiv", "floormod", "truncmod"])
                new = Binary(op, old, other)
            case _:
                new = Binary("pow", old, other)
        return with_expression(function, spot, new)
