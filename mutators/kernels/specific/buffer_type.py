"""The type of a buffer."""

from __future__ import annotations

import random as randomness
from collections.abc import Sequence

from misfold.compiler.dtypes import ALL
from misfold.compiler.loops.ir import Allocate, Function
from misfold.mutators.kernels.buffers import with_buffer
from misfold.mutators.kernels.mutator import Mutator
from misfold.mutators.kernels.sites import pick, places


class BufferType(Mutator):
    """Gives a local or parameter buffer another element type; casts are put around its uses."""

    name = "buffer-type"

    def apply(self, function: Function, random: randomness.Random, donors: Sequence[Function] = ()) -> Function | None:
        local = [one.statement.buffer for one in places(function) if isinstance(one.statement, Allocate)]
        buffer = pick(random, [*local, *(parameter.buffer for parameter in function.parameters)])
        if buffer is None:
            return None
        return with_buffer(function, buffer, dtype=random.choice([one for one in ALL if one != buffer.dtype]))
