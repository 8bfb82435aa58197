"""One random change of a loop program."""

from __future__ import annotations

import random as randomness
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from misfold.compiler.loops.ir import Function

from .repair import is_small, repair, verifies
from .table import MUTATORS

#: So many mutators are tried before it is said that nothing can be changed.
_ATTEMPTS = 8


@dataclass(frozen=True)
class Mutated:
    """A changed function, and by what. ``preserves``: it computes what the original does, sums and products of floats
    aside, which may be reordered."""

    function: Function
    mutator: str
    preserves: bool


def mutate(
    function: Function,
    random: randomness.Random,
    donors: Sequence[Function] = (),
    only: Collection[str] | None = None,
) -> Mutated | None:
    """The function changed by one of the mutators, by one of ``only`` if that is given; None: none of those tried
    changed it.

    The result verifies. It is nearly always free of undefined behaviour, but only running it tells: where the
    original depends on its inputs, so may this.

    Raises:
        KeyError: there is no mutator of a name in ``only``.
    """
    names = [name for name in MUTATORS if only is None or name in only]
    for name in only or ():
        MUTATORS[name]
    for _ in range(_ATTEMPTS):
        if not names:
            return None
        found = applied(names[random.randrange(len(names))], function, random, donors)
        if found is not None:
            return found
    return None


def applied(
    name: str, function: Function, random: randomness.Random, donors: Sequence[Function] = ()
) -> Mutated | None:
    """The function changed by this mutator, and repaired; None: it cannot be, or is as before."""
    mutator = MUTATORS[name]
    changed = mutator.apply(function, random, donors)
    if changed is None:
        return None
    if mutator.preserves:
        # A repair could change what it computes.
        fine = is_small(changed) and verifies(changed)
        return Mutated(changed, name, True) if fine and changed != function else None
    repaired = repair(changed)
    return Mutated(repaired, name, False) if repaired is not None and repaired != function else None
