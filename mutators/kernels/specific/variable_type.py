"""The type of a variable."""

from __future__ import annotations

import random as randomness
from collections.abc import Sequence

from misfold.compiler.dtypes import ALL
from misfold.compiler.loops.ir import Cast, Function, Let, Var
from misfold.mutators.kernels.mutator import Mutator
from misfold.mutators.kernels.sites import pick, places, with_statements


class VariableType(Mutator):
    """Gives a ``let`` variable another type; casts are put around its value and its uses."""

    name = "variable-type"

    def apply(self, function: Function, random: randomness.Random, donors: Sequence[Function] = ()) -> Function | None:
        place = pick(random, [one for one in places(function) if isinstance(one.statement, Let)])
        if place is None:
            return None
        var, value = place.statement.var, place.statement.value
        dtype = random.choice([one for one in ALL if one != var.dtype])
        return with_statements(function, place.path, [Let(Var(var.name, dtype), Cast(dtype, value))])
