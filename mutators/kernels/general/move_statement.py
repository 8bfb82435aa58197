"""A statement at another place."""

from __future__ import annotations

import random as randomness
from collections.abc import Sequence

from misfold.compiler.dtypes import BOOL
from misfold.compiler.loops.ir import Const, For, Function, If, Let
from misfold.mutators.kernels.mutator import Mutator
from misfold.mutators.kernels.sites import inserted, pick, places, with_statements


class MoveStatement(Mutator):
    """Moves a statement out of its loop or branch, or into another one."""

    name = "move-statement"
    general = True

    def apply(self, function: Function, random: randomness.Random, donors: Sequence[Function] = ()) -> Function | None:
        found = places(function)
        source = pick(
            random, [one for one in found if one.statement is not None and not isinstance(one.statement, Let)]
        )
        if source is None:
            return None
        target = pick(random, [one for one in found if one.path[: len(source.path)] != source.path])
        if target is None:
            return None
        # What stays in its place keeps the paths of the others as they are.
        left = If(Const(False, BOOL), ()) if isinstance(source.statement, For) else None
        if target.path > source.path:
            function = inserted(function, target.path, [source.statement])
            return with_statements(function, source.path, [left] if left else [])
        function = with_statements(function, source.path, [left] if left else [])
        return inserted(function, target.path, [source.statement])
