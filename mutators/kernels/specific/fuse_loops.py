"""One loop out of two."""

from __future__ import annotations

import random as randomness
from collections.abc import Sequence
from dataclasses import replace

from misfold.compiler.loops.ir import For, Function
from misfold.compiler.loops.visit import substitute_block
from misfold.mutators.kernels.mutator import Mutator
from misfold.mutators.kernels.sites import pick, places, with_statements


class FuseLoops(Mutator):
    """Puts the body of a loop at the end of that of the loop before it, whether that means the same or not."""

    name = "fuse-loops"

    def apply(self, function: Function, random: randomness.Random, donors: Sequence[Function] = ()) -> Function | None:
        loops = {one.path: one for one in places(function) if isinstance(one.statement, For)}
        pairs = [(one, loops.get((*path[:-1], path[-1] + 1))) for path, one in loops.items()]
        pair = pick(random, [(one, other) for one, other in pairs if other is not None])
        if pair is None:
            return None
        first, second = pair[0].statement, pair[1].statement
        body = (*first.body, *substitute_block(second.body, {second.var.name: first.var}))
        function = with_statements(function, pair[1].path, [])
        return with_statements(function, pair[0].path, [replace(first, body=body)])
