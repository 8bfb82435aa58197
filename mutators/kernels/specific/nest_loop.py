"""A loop around a statement."""

from __future__ import annotations

import random as randomness
from collections.abc import Sequence
from dataclasses import replace

from misfold.compiler.dtypes import INDEX
from misfold.compiler.loops.ir import Allocate, Const, For, Function, Let, LoopKind, Var, index
from misfold.compiler.loops.visit import Names
from misfold.mutators.kernels.mutator import Mutator
from misfold.mutators.kernels.sites import pick, places, spots, with_expression, with_statements


class NestLoop(Mutator):
    """Puts a loop around a statement, and often its variable in the place of an index or a constant inside."""

    name = "nest-loop"

    def apply(self, function: Function, random: randomness.Random, donors: Sequence[Function] = ()) -> Function | None:
        found = [one for one in places(function) if one.statement and not isinstance(one.statement, Let | Allocate)]
        place = pick(random, found)
        if place is None:
            return None
        var = Var(Names(function).fresh("v"))
        kind: LoopKind = random.choice(["serial", "serial", "parallel", "unrolled", "vectorised"])
        if any(one.kind == "vectorised" for one in place.loops):
            kind = "unrolled"
        size = random.choice([2, 4, 8]) if kind == "vectorised" else random.randint(1, 8)
        loop = For(var, index(0), index(size), (place.statement,), kind)
        function = with_statements(function, place.path, [loop])
        if random.random() < 0.7:
            inside = [one for one in spots(function) if one.place.path[: len(place.path) + 1] == (*place.path, 0)]
            leaves = [
                one for one in inside if isinstance(one.expression, Const | Var) and one.expression.dtype == INDEX
            ]
            spot = pick(random, [one for one in leaves if not isinstance(one.place.statement, For)])
            if spot is not None:
                function = with_expression(function, spot, var)
        return function if random.random() < 0.9 else with_statements(function, place.path, [replace(loop, step=2)])
