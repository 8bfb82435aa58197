"""z3 for what sampling leaves: one rule's constraints under numbers that are fixed, and goals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..rules.expressions import Expression
from ..rules.rule import Rule
from .divisors import divisors
from .fresh import Fresh

# Counted in z3's own steps, not in time, so that the answer does not depend on the machine's load; some 20 ms.
STEPS = 60_000
# No symbol gets a number beyond this.
_LARGEST = 64


class Remaining:
    """A rule's constraints as z3 formulas, made when they are first needed."""

    def __init__(self, rule: Rule):
        self._rule = rule
        self._formulas: list[Any] | None = None
        self._variables: dict[str, Any] = {}

    def _prepare(self) -> list[Any]:
        if self._formulas is None:
            import z3

            from ..rules.smt import constraint_to_z3, to_z3, variables

            structure = self._rule.structure
            self._variables = variables(structure)
            self._formulas = [constraint_to_z3(item, self._variables) for item in self._rule.constraints]
            for name, variable in self._variables.items():
                low = 1 if name in structure.dimensions else -_LARGEST
                self._formulas += [variable >= low, variable <= _LARGEST]
            if len(self._rule.cases) == 1 and self._rule.cases[0].count is None:
                for shape in self._rule.cases[0].shapes:
                    self._formulas += [to_z3(dim, self._variables) >= 1 for dim in shape or ()]
            # Division is as ours only by positive numbers (``smt.to_z3``).
            self._formulas += [self._variables[name] >= 1 for name in divisors(self._rule) if name in self._variables]
            self._formulas = [item for item in self._formulas if not z3.is_true(z3.simplify(item))]
        return self._formulas

    def solve(
        self,
        fixed: Mapping[str, int | float],
        goals: Sequence[tuple[Expression, int]],
        near: Mapping[str, int | float],
    ) -> dict[str, int | float] | None:
        """Numbers for all symbols, as many as possible of ``near``'s among them; None if none were found.

        What is found depends on the arguments alone.
        """
        if not self._rule.constraints and not goals:
            return None  # nothing that sampling could have missed
        import z3

        from ..rules.smt import to_z3

        formulas = [*self._prepare()]
        formulas += [self._variables[name] == value for name, value in fixed.items()]
        formulas += [to_z3(goal, self._variables) == value for goal, value in goals]
        solver = Fresh(STEPS, formulas, None if self._rule.structure.floats else "QF_NIA")
        wishes = [(name, value) for name, value in near.items() if name not in fixed]
        kept: list[Any] = []
        if not solver.satisfiable():
            return None
        model = solver.model()
        for name, value in wishes[:4]:
            wish = self._variables[name] == value
            if solver.satisfiable(*kept, wish):
                kept.append(wish)
                model = solver.model()
        found: dict[str, int | float] = {}
        for name, variable in self._variables.items():
            value = model.eval(variable)
            if z3.is_int_value(value):
                found[name] = value.as_long()
            elif z3.is_rational_value(value):
                found[name] = float(value.as_fraction())
            else:
                return None
        return found
