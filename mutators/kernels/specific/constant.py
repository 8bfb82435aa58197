"""Constants on which compilers decide."""

from __future__ import annotations

import math
import random as randomness
from collections.abc import Sequence

from misfold.compiler.dtypes import DType
from misfold.compiler.loops.ir import Const, For, Function
from misfold.mutators.kernels.mutator import Mutator
from misfold.mutators.kernels.sites import pick, spots, with_expression


class Constant(Mutator):
    """Replaces a constant by one that is special in its type, or by a neighbour."""

    name = "constant"

    def apply(self, function: Function, random: randomness.Random, donors: Sequence[Function] = ()) -> Function | None:
        found = [one for one in spots(function) if isinstance(one.expression, Const)]
        # Bounds of loops have a mutator of their own.
        spot = pick(random, [one for one in found if not isinstance(one.place.statement, For)])
        if spot is None:
            return None
        old = spot.expression
        values = [one for one in interesting(old) if repr(one) != repr(old.value)]
        return with_expression(function, spot, Const(random.choice(values), old.dtype)) if values else None


def interesting(old: Const) -> list[int | float | bool]:
    """Values worth trying instead of a constant."""
    dtype: DType = old.dtype
    if dtype.is_bool:
        return [not old.value]
    if dtype.is_float:
        # All are exact in every type of floats.
        small: list[int | float | bool] = [0.0, -0.0, 1.0, -1.0, 0.5, 2.0, -2.0, 3.0, 0.25, 8.0, 64.0]
        return [*small, 2.0**-14, dtype.max, dtype.min, math.inf, -math.inf]
    low, high = int(dtype.min), int(dtype.max)
    value = int(old.value)
    bits = dtype.bits
    wanted = [value - 1, value + 1, -value, 0, 1, 2, 3, 7, 8, -1, bits - 1, bits, low, low + 1, high, high - 1]
    wanted += [1 << bits // 2, (1 << bits // 2) - 1, 1 << bits - 2]
    return [one for one in dict.fromkeys(wanted) if low <= one <= high]
