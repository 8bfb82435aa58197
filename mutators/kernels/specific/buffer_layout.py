"""How a parameter lies in memory."""

from __future__ import annotations

import random as randomness
from collections.abc import Sequence

from misfold.compiler.loops.ir import Function
from misfold.mutators.kernels.buffers import with_buffer
from misfold.mutators.kernels.mutator import Mutator
from misfold.mutators.kernels.sites import pick


class BufferLayout(Mutator):
    """Permutes and pads the strides of a parameter; an input may become an expanded one."""

    name = "buffer-layout"

    def apply(self, function: Function, random: randomness.Random, donors: Sequence[Function] = ()) -> Function | None:
        parameter = pick(random, [one for one in function.parameters if one.buffer.rank])
        if parameter is None:
            return None
        buffer = parameter.buffer
        strides = [0] * buffer.rank
        reach = 1
        for dimension in random.sample(range(buffer.rank), buffer.rank):
            strides[dimension] = reach
            reach = reach * max(buffer.shape[dimension], 1) + random.choice([0, 0, 1, 3])
        if parameter.role == "in" and random.random() < 0.2:
            strides[random.randrange(buffer.rank)] = 0
        return with_buffer(function, buffer, strides=None if random.random() < 0.1 else tuple(strides))
