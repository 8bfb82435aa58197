"""One buffer in the place of another."""

from __future__ import annotations

import random as randomness
from collections.abc import Sequence
from dataclasses import replace

from misfold.compiler.loops.ir import Buffer, Function, Load, Reduce, Store
from misfold.compiler.loops.visit import Block, all_expressions, replace_buffers, statements
from misfold.mutators.kernels.mutator import Mutator
from misfold.mutators.kernels.sites import pick, places, with_statements


class ReuseBuffer(Mutator):
    """In one statement, or in all of a loop, uses another buffer for one: accesses meet that never met."""

    name = "reuse-buffer"

    def apply(self, function: Function, random: randomness.Random, donors: Sequence[Function] = ()) -> Function | None:
        choices = []
        for place in places(function):
            if place.statement is not None:
                for old in _used((place.statement,)):
                    others = [one for one in place.buffers if one.rank == old.rank and one != old]
                    if old in place.buffers and others:
                        choices.append((place, old, [one for one in others if one.dtype == old.dtype] or others))
        chosen = pick(random, choices)
        if chosen is None:
            return None
        place, old, others = chosen
        new, block = random.choice(others), (place.statement,)
        # Under its new name it keeps its old type for now: what must be cast is cast by the repair.
        return with_statements(function, place.path, replace_buffers(block, {old.name: replace(old, name=new.name)}))


def _used(block: Block) -> list[Buffer]:
    found = {one.buffer.name: one.buffer for one in statements(block) if isinstance(one, Store | Reduce)}
    found |= {one.buffer.name: one.buffer for one in all_expressions(block) if isinstance(one, Load)}
    return [found[name] for name in sorted(found)]
