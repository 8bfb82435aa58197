"""The passes of the project's own compiler as mutators: each with random parameters."""

from __future__ import annotations

import random as randomness
from collections.abc import Sequence
from dataclasses import fields

from misfold.compiler.errors import CompilerError
from misfold.compiler.loops.ir import Function
from misfold.compiler.passes.base import LoopPass, registry
from misfold.mutators.kernels.mutator import Mutator


class PassMutator(Mutator):
    """Runs a pass on loops with parameters chosen at random."""

    preserves = True

    def __init__(self, kind: type[LoopPass]):
        self.kind = kind
        self.name = kind.name  # type: ignore[misc]

    def apply(self, function: Function, random: randomness.Random, donors: Sequence[Function] = ()) -> Function | None:
        parameters = {one.name: random.choice(one.metadata["values"]) for one in fields(self.kind)}
        try:
            result = self.kind(**parameters).run(function)
        except CompilerError:
            # A pass that fails is a finding for who runs the compiler, but no program.
            return None
        return result if result is not function else None


def pass_mutators() -> list[PassMutator]:
    """One per pass on loops."""
    return [PassMutator(kind) for _, kind in sorted(registry().items()) if issubclass(kind, LoopPass)]
