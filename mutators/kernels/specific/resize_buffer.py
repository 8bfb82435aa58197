"""The shape of a buffer."""

from __future__ import annotations

import random as randomness
from collections.abc import Sequence

from misfold.compiler.loops.ir import Allocate, Function
from misfold.mutators.kernels.buffers import with_buffer
from misfold.mutators.kernels.mutator import Mutator
from misfold.mutators.kernels.sites import pick, places


class ResizeBuffer(Mutator):
    """Makes a dimension of a local or parameter buffer longer or shorter, rarely empty, or drops or adds one."""

    name = "resize-buffer"

    def apply(self, function: Function, random: randomness.Random, donors: Sequence[Function] = ()) -> Function | None:
        local = [one.statement.buffer for one in places(function) if isinstance(one.statement, Allocate)]
        buffer = pick(random, [*local, *(parameter.buffer for parameter in function.parameters)])
        if buffer is None:
            return None
        shape = list(buffer.shape)
        way = random.random()
        if not shape or (way < 0.1 and len(shape) < 4):
            shape.insert(random.randint(0, len(shape)), random.randint(1, 5))
        elif way < 0.2:
            shape.pop(random.randrange(len(shape)))
        else:
            which = random.randrange(len(shape))
            size = shape[which]
            wanted = [size + 1, size - 1, size * 2, size // 2, 1, 4, 8, 17, 0 if random.random() < 0.1 else 3]
            shape[which] = random.choice([one for one in wanted if 0 < one <= 64 or one == 0 != size])
        return with_buffer(function, buffer, shape=tuple(shape), strides=None)
