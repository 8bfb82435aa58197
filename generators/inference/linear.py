"""Sums of monomials, divided: exact integer programs over the records.

A dimension ``y = (Σ cᵢ·mᵢ) // d`` over monomials ``m`` of the symbols is a set of linear inequalities in the integers
``c``: ``0 <= Σ cᵢ·mᵢ - d·y <= d - 1`` in every record (with ``d = 1``: equalities). The smallest ``Σ |cᵢ|`` is found by
a mixed-integer program over a few records, to which records that the answer gets wrong are added until there is none.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

from ..rules.expressions import Const, Expression, Sym, op, total

# Coefficients of shape rules are small; more would only fit noise.
_MAX_COEFFICIENT = 8
# Records that the first program sees, and how often those it gets wrong are added.
_FIRST, _ROUNDS = 12, 5
# A program that branches more has too many monomials to find anything believable; the time is only a safeguard, for it
# would make results depend on the machine's load.
_NODES, _SECONDS = 30, 1.5
_MAX_MONOMIALS = 110


class Budget:
    """Processor time that one API's programs may take: what is not found by then is hardly a rule to be read."""

    def __init__(self, seconds: float = 8.0):
        self.left = seconds

    @contextmanager
    def spending(self) -> Iterator[None]:
        """Count the time that passes inside."""
        start = time.thread_time()
        try:
            yield
        finally:
            self.left -= time.thread_time() - start


class Monomials:
    """Monomials of degree one and two over some symbols, with their values in every record."""

    def __init__(self, symbols: Sequence[str], values: dict[str, np.ndarray], rows: int, squares: Sequence[str] = ()):
        self.terms: list[Expression] = [Const(1)]
        columns = [np.ones(rows, dtype=np.int64)]
        weights = [0.9]
        for name in symbols:
            self.terms.append(Sym(name))
            columns.append(values[name])
            weights.append(1.0)
        for index, one in enumerate(squares):
            for two in squares[index:]:
                self.terms.append(op("*", Sym(one), Sym(two)))
                columns.append(values[one] * values[two])
                weights.append(1.3)
        matrix = np.array(columns)
        # Monomials that are equal in all records cannot be told apart: the simplest stands for them.
        _, first = np.unique(matrix, axis=0, return_index=True)
        keep = np.sort(first)[:_MAX_MONOMIALS]
        self.terms = [self.terms[index] for index in keep]
        self.matrix = matrix[keep]
        self.weights = np.array(weights)[keep]


def solve(
    monomials: Monomials,
    low: np.ndarray,
    high: np.ndarray,
    rng: np.random.Generator,
    budget: Budget,
) -> tuple[Expression, np.ndarray] | None:
    """The cheapest integer combination with ``low <= Σ c·m <= high`` in every record, and its values; None if there is
    none, or the budget is spent."""
    rows, count = low.shape[0], len(monomials.terms)
    chosen = rng.permutation(rows)[:_FIRST]
    for _ in range(_ROUNDS):
        if budget.left <= 0:
            return None
        part = monomials.matrix[:, chosen].T.astype(float)
        # c = p - q with p, q >= 0 makes |c| linear.
        constraint = LinearConstraint(np.hstack([part, -part]), low[chosen], high[chosen])
        cost = np.concatenate([monomials.weights, monomials.weights * 1.01])
        with warnings.catch_warnings(), budget.spending():
            warnings.simplefilter("ignore")
            answer = milp(
                cost,
                constraints=constraint,
                integrality=np.ones(2 * count),
                bounds=Bounds(0, _MAX_COEFFICIENT),
                options={"node_limit": _NODES, "time_limit": _SECONDS},
            )
        if answer.x is None:
            return None
        found = np.rint(answer.x[:count] - answer.x[count:]).astype(np.int64)
        values = found @ monomials.matrix
        wrong = np.flatnonzero((values < low) | (values > high))
        if len(wrong) == 0:
            used = [(int(value), term) for value, term in zip(found, monomials.terms) if value]
            # As many coefficients as records would fit anything.
            if len(used) >= max(2, _distinct(monomials.matrix[np.flatnonzero(found)])):
                return None
            return total(used), values
        chosen = np.unique(np.concatenate([chosen, rng.permutation(wrong)[:8]]))
    return None


def _distinct(matrix: np.ndarray) -> int:
    return len(np.unique(matrix, axis=1).T) if matrix.size else 2


def divided(
    goal: np.ndarray,
    monomials: Monomials,
    divisors: Sequence[tuple[Expression, np.ndarray]],
    rng: np.random.Generator,
    budget: Budget,
) -> Expression | None:
    """``goal`` as a sum of monomials, rounded down after division by one of ``divisors`` (1: exactly)."""
    for divisor, values in divisors:
        if (values <= 0).any():
            continue
        found = solve(monomials, goal * values, goal * values + values - 1, rng, budget)
        if found is not None:
            return found[0] if divisor == Const(1) else tidy(found[0], divisor)
    return None


def tidy(numerator: Expression, divisor: Expression) -> Expression:
    """``(a + d)//d`` as ``a//d + 1`` and ``(a + d - 1)//d`` as ``ceildiv(a, d)``, where the sum says so."""
    terms = dict(_summands(numerator))
    outside = terms.pop(divisor, 0)
    if outside and Const(1) in terms and terms[Const(1)] == -1 and outside >= 1:
        rest = [(factor, term) for term, factor in terms.items() if term != Const(1)]
        if len(rest) == 1:
            return op("+", op("ceildiv", total(rest), divisor), outside - 1)
    rest = [(factor, term) for term, factor in terms.items()]
    if not rest:
        return Const(outside)
    return op("+", op("//", total(rest), divisor), outside)


def _summands(expression: Expression, sign: int = 1) -> list[tuple[Expression, int]]:
    """A sum's terms with their coefficients."""
    name = getattr(expression, "name", "")
    if name in ("+", "-"):
        left, right = expression.operands  # type: ignore[union-attr]
        return _summands(left, sign) + _summands(right, sign if name == "+" else -sign)
    if name == "*" and isinstance(expression.operands[0], Const):  # type: ignore[union-attr]
        factor, term = expression.operands  # type: ignore[union-attr]
        return [(term, sign * int(factor.value))]  # type: ignore[union-attr]
    if isinstance(expression, Const):
        return [(Const(1), sign * int(expression.value))]
    return [(expression, sign)]
