"""Constraints that the others imply are dropped: z3 finds no values that fulfil the others and break them."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import z3

from ..rules.constraints import Constraint, constraint_size, constraint_symbols
from ..rules.smt import constraint_to_z3, variables
from ..rules.structure import Structure
from .learning import Model

# Non-linear constraints may be undecidable; what z3 does not decide in this time stays.
_MILLISECONDS = 40


def without_implied(model: Model, structure: Structure) -> Model:
    """The model with fewer constraints that mean the same, the most complex ones dropped first."""
    return replace(model, constraints=irredundant(model.constraints, structure))


@lru_cache(maxsize=1)
def _solver() -> z3.Solver:
    solver = z3.Solver()
    solver.set("timeout", _MILLISECONDS)
    solver.set("random_seed", 0)
    return solver


def irredundant(constraints: tuple[Constraint, ...], structure: Structure) -> tuple[Constraint, ...]:
    """Constraints without those that others imply, for sizes that are not negative."""
    symbols = variables(structure)
    kept = list(constraints)
    for item in sorted(constraints, key=constraint_size, reverse=True):
        names = constraint_symbols(item)
        others = [other for other in kept if other is not item and constraint_symbols(other) & names]
        if not others:
            continue
        solver = _solver()
        solver.push()
        for name in structure.dimensions:
            if any(name in constraint_symbols(other) for other in (item, *others)):
                solver.add(symbols[name] >= 0)
        for other in others:
            solver.add(constraint_to_z3(other, symbols))
        solver.add(z3.Not(constraint_to_z3(item, symbols)))
        implied = solver.check() == z3.unsat
        solver.pop()
        if implied:
            kept.remove(item)
    return tuple(kept)
