"""A new statement."""

from __future__ import annotations

import random as randomness
from collections.abc import Sequence

from misfold.compiler.loops.ir import For, Function, If, LoopKind, Statement, Var, index
from misfold.compiler.loops.visit import Names
from misfold.mutators.kernels.fresh import Maker
from misfold.mutators.kernels.mutator import Mutator
from misfold.mutators.kernels.sites import inserted, pick, places


class InsertStatement(Mutator):
    """Inserts a new store or reduction, bare, in an ``if`` or in a loop of its own."""

    name = "insert-statement"
    general = True

    def apply(self, function: Function, random: randomness.Random, donors: Sequence[Function] = ()) -> Function | None:
        place = pick(random, places(function))
        assert place is not None
        way = random.random()
        if way < 0.3:
            # The place inside of the new loop knows its variable.
            var = Var(Names(function).fresh("w"))
            kind: LoopKind = "unrolled" if any(one.kind == "vectorised" for one in place.loops) else "serial"
            around = For(var, index(random.randint(0, 2)), index(random.randint(1, 8)), (), kind)
            function = inserted(function, place.path, [around])
            path = (*place.path, 0, 0)
            place = next(one for one in places(function) if one.path == path)
        maker = Maker(function, random, place)
        new: Statement | None = maker.write()
        if new is None:
            return None
        if 0.3 <= way < 0.5:
            new = If(maker.condition(), (new,))
        return inserted(function, place.path, [new])
