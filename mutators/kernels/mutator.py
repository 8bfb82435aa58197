"""What a mutator of loop programs is."""

from __future__ import annotations

import random as randomness
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from misfold.compiler.loops.ir import Function


class Mutator(ABC):
    """One kind of change. ``apply`` is deterministic in the state of ``random``.

    What a mutator that does not preserve returns may be undefined, or even fail to verify: ``repair`` comes after it.
    """

    #: kebab-case, unique.
    name: ClassVar[str]
    #: Whether it needs to know nothing of compilers but types.
    general: ClassVar[bool] = False
    #: Whether the result computes what the function does, sums and products of floats aside, which may be reordered.
    preserves: ClassVar[bool] = False

    @abstractmethod
    def apply(self, function: Function, random: randomness.Random, donors: Sequence[Function] = ()) -> Function | None:
        """The changed function; None where there is nothing that this mutator can change."""
