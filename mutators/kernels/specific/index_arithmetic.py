"""Arithmetic of indices."""

from __future__ import annotations

import random as randomness
from collections.abc import Sequence

from misfold.compiler.loops.ir import Binary, Expr, Function, Load, Reduce, Store, Unary, index
from misfold.mutators.kernels.mutator import Mutator
from misfold.mutators.kernels.sites import pick, spots, with_expression

_DIVISIONS = ("floordiv", "truncdiv", "eucliddiv")
_REMAINDERS = ("floormod", "truncmod", "euclidmod")


class IndexArithmetic(Mutator):
    """Moves, scales, mirrors or wraps an index, or sends it through a chain of divisions and remainders that round
    down, to zero, or as Euclid's does."""

    name = "index-arithmetic"

    def apply(self, function: Function, random: randomness.Random, donors: Sequence[Function] = ()) -> Function | None:
        found = spots(function)
        loads = {(one.place.path, one.route) for one in found if isinstance(one.expression, Load)}
        writes = [one for one in found if isinstance(one.place.statement, Store | Reduce) and one.is_index]
        spot = pick(random, writes + [one for one in found if (one.place.path, one.route[:-1]) in loads])
        if spot is None:
            return None
        new: Expr = spot.expression
        for _ in range(random.choice([1, 1, 2, 3])):
            new = _step(new, random)
        return with_expression(function, spot, new)


def _step(old, random):
    amount = index(random.choice([1, 2, 3, 4, 5, 7, 8]))
    signed = index(random.choice([-4, -3, -2, 2, 3, 4]))
    way = random.choice(["offset", "scale", "mirror", "negate", "divide", "remainder", "chain", "shift", "mask"])
    match way:
        case "offset":
            return Binary(random.choice(["add", "sub"]), old, amount)
        case "scale":
            return Binary("mul", old, signed)
        case "mirror":
            return Binary("sub", amount, old)
        case "negate":
            return Unary("neg", old)
        case "divide":
            return Binary(random.choice(_DIVISIONS), old, random.choice([amount, signed]))
        case "remainder":
            return Binary(random.choice(_REMAINDERS), old, random.choice([amount, signed]))
        case "chain":
            # (old // a) * a + old % a, each rounded in some way.
            quotient = Binary(random.choice(_DIVISIONS), old, signed)
            return Binary("add", Binary("mul", quotient, signed), Binary(random.choice(_REMAINDERS), old, signed))
        case "shift":
            return Binary(random.choice(["shl", "shr"]), old, index(random.choice([1, 2, 63, 64])))
    return Binary(random.choice(["and", "or", "xor"]), old, amount)
