"""Arithmetic on integers and bools that changes nothing."""

from __future__ import annotations

import random as randomness
from collections.abc import Sequence

from misfold.compiler.dtypes import BOOL
from misfold.compiler.loops.ir import Binary, Cast, Const, Expr, For, Function, Select, Unary
from misfold.mutators.kernels.fresh import Maker, one, zero
from misfold.mutators.kernels.mutator import Mutator
from misfold.mutators.kernels.sites import pick, spots, with_expression


class NeutralArithmetic(Mutator):
    """x becomes x + 0, x · 1, (x + c) − c, ¬¬x, select(c, x, x) and the like: integers wrap around, so all are exact.
    Of floats it only takes those that are exact for NaN, infinities and zeros."""

    name = "neutral-arithmetic"
    preserves = True

    def apply(self, function: Function, random: randomness.Random, donors: Sequence[Function] = ()) -> Function | None:
        # Bounds of vectorised and unrolled loops must stay constants.
        found = [
            spot
            for spot in spots(function)
            if not (isinstance(spot.place.statement, For) and spot.place.statement.kind in ("vectorised", "unrolled"))
        ]
        spot = pick(random, found)
        if spot is None:
            return None
        x, dtype = spot.expression, spot.expression.dtype
        maker = Maker(function, random, spot.place)
        if random.random() < 0.15:
            return with_expression(function, spot, Select(Const(random.random() < 0.5, BOOL), x, x))
        if dtype.is_float:
            exact: list[Expr] = [
                Binary("mul", x, one(dtype)),
                Unary("neg", Unary("neg", x)),
                Binary("div", x, one(dtype)),
            ]
            return with_expression(function, spot, random.choice([*exact, Binary("sub", x, zero(dtype))]))
        literal = maker.expression(dtype, 0) if dtype.is_bool else Const(random.randint(0, 9), dtype)
        forms: list[Expr] = [
            Unary("not", Unary("not", x)),
            Binary("xor", Binary("xor", x, literal), literal),
            Binary("or", x, zero(dtype)),
            Binary("and", x, x),
        ]
        if dtype.is_integer:
            forms += [
                Binary("add", x, zero(dtype)),
                Binary("mul", x, one(dtype)),
                Binary("sub", Binary("add", x, literal), literal),
                Binary("add", Binary("sub", x, literal), literal),
                Binary(random.choice(["floordiv", "truncdiv", "eucliddiv"]), x, one(dtype)),
                Unary("neg", Unary("neg", x)),
                Binary(random.choice(["min", "max"]), x, x),
                Binary(random.choice(["shl", "shr"]), x, zero(dtype)),
            ]
        else:
            forms.append(Binary("ne", x, Const(False, BOOL)))
            forms.append(Cast(BOOL, x))
        return with_expression(function, spot, random.choice(forms))
