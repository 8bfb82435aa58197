"""z3 in a context of its own: what it finds does not depend on what the process asked of it before.

z3 orders terms by when they were made in their context. With the context that all of a process share, the same question
has another model, and takes another number of steps, after other questions.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


class Fresh:
    """A solver for formulas of the shared context, with a limit of ``steps`` of z3's own for each check."""

    def __init__(self, steps: int, formulas: Iterable[Any], logic: str | None = None):
        import z3

        self._context = z3.Context()
        self._solver = z3.Solver(ctx=self._context) if logic is None else z3.SolverFor(logic, ctx=self._context)
        self._solver.set("rlimit", steps)
        self._solver.add(*[item.translate(self._context) for item in formulas])

    def satisfiable(self, *formulas: Any) -> bool:
        """Whether there is a model in which these hold too; False where z3 gives up."""
        import z3

        return bool(self._solver.check(*[item.translate(self._context) for item in formulas]) == z3.sat)

    def model(self) -> Found:
        """The model of the last check that had one."""
        return Found(self._solver.model(), self._context)


class Found:
    """A model, for terms of the shared context."""

    def __init__(self, model: Any, context: Any):
        self._model, self._context = model, context

    def eval(self, term: Any) -> Any:
        """A term's value; of what the formulas leave open too."""
        return self._model.eval(term.translate(self._context), model_completion=True)
