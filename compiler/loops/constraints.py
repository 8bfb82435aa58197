"""Integer constraints: is there a solution, and within what bounds?

Three steps, each for what the one before leaves open:

1. Bound propagation with the GCD test: intervals of variables are tightened until nothing changes. This subsumes
   Banerjee's inequalities (Allen & Kennedy, "Optimizing Compilers for Modern Architectures", chapter 3), and decides
   nearly all that subscripts of real programs ask.
2. A search for a solution that sets each variable to an end of its interval and propagates.
3. z3, with a limit on its resources, where it is installed. What the Omega test (Pugh, "The Omega test", 1991) is in
   other compilers.

Without an answer a system counts as satisfiable: that is the safe side for whoever asks whether two accesses collide.
"""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from math import gcd
from typing import Any

from .affine import Affine

#: Every variable of type INDEX is in here.
EVERYTHING = (-(1 << 63), (1 << 63) - 1)
# A form whose values are within this range is 0 modulo 2⁶⁴ only where it is 0; and a difference of two indices within
# it is what it seems.
_EXACT = 1 << 64
_ROUNDS = 6
# About 20 ms of z3's work.
_RESOURCES = 200_000

Interval = tuple[int, int]
Bounds = dict[str, Interval]
#: Terms, constant, and whether the sum is 0 (True) or at least 0 (False).
Constraint = tuple[tuple[tuple[str, int], ...], int, bool]


class System:
    """Variables with intervals, and affine constraints on them."""

    def __init__(self) -> None:
        self.bounds: Bounds = {}
        self.constraints: list[Constraint] = []
        self._solutions: dict[frozenset[tuple[str, Interval]], Bounds | None] = {}

    def range_of(self, form: Affine) -> Interval:
        """Smallest and largest value of a form; variables without an interval may be anything."""
        low = high = form.constant
        for name, coefficient in form.terms:
            a, b = self.bounds.get(name, EVERYTHING)
            low += coefficient * (a if coefficient > 0 else b)
            high += coefficient * (b if coefficient > 0 else a)
        return low, high

    def zero(self, form: Affine) -> None:
        """Demand that a form is 0 modulo 2⁶⁴. Dropped where its range is too large for integers to tell."""
        self._add(form, True)

    def not_negative(self, form: Affine) -> None:
        """Demand that a form is at least 0; dropped as in ``zero``."""
        self._add(form, False)

    def _add(self, form: Affine, equality: bool) -> None:
        low, high = self.range_of(form)
        if low > -_EXACT and high < _EXACT and (equality or low < 0):
            self.constraints.append((form.terms, form.constant, equality))

    def tightened(self, restrictions: Bounds) -> Bounds | None:
        """Intervals that hold every solution within the restrictions; None if there is certainly no solution."""
        bounds = dict(self.bounds)
        for name, (low, high) in restrictions.items():
            a, b = bounds.get(name, EVERYTHING)
            bounds[name] = (max(a, low), min(b, high))
        if any(low > high for low, high in bounds.values()):
            return None
        return bounds if _propagate(bounds, self.constraints) else None

    def solution(self, restrictions: Bounds) -> Bounds | None:
        """Intervals that hold every solution within the restrictions; None if there is none."""
        key = frozenset(restrictions.items())
        if key not in self._solutions:
            bounds = self.tightened(restrictions)
            if bounds is not None and not _search(bounds, self.constraints):
                bounds = bounds if _solve(*_key(bounds, self.constraints)) else None
            self._solutions[key] = bounds
        return self._solutions[key]


def _propagate(bounds: Bounds, constraints: list[Constraint]) -> bool:
    for terms, constant, equality in constraints:
        if equality:
            divisor, rest = 0, constant
            for name, coefficient in terms:
                low, high = bounds[name]
                if low == high:
                    rest += coefficient * low
                else:
                    divisor = gcd(divisor, coefficient)
            if rest % divisor if divisor else rest:
                return False
    for _ in range(_ROUNDS):
        changed = False
        for terms, constant, equality in constraints:
            low = high = constant
            for name, coefficient in terms:
                a, b = bounds[name]
                low += coefficient * (a if coefficient > 0 else b)
                high += coefficient * (b if coefficient > 0 else a)
            if high < 0 or (equality and low > 0):
                return False
            if low >= 0 and not equality:
                continue
            for name, coefficient in terms:
                a, b = bounds[name]
                # the others sum up to at most this, so the term is at least its negative
                least = -(high - coefficient * (b if coefficient > 0 else a))
                new_a, new_b = a, b
                if coefficient > 0:
                    new_a = max(a, -(-least // coefficient))
                else:
                    new_b = min(b, least // coefficient)
                if equality:
                    most = -(low - coefficient * (a if coefficient > 0 else b))
                    if coefficient > 0:
                        new_b = min(new_b, most // coefficient)
                    else:
                        new_a = max(new_a, -(-most // coefficient))
                if new_a > new_b:
                    return False
                if (new_a, new_b) != (a, b):
                    bounds[name] = (new_a, new_b)
                    changed = True
                    low += coefficient * ((new_a - a) if coefficient > 0 else (new_b - b))
                    high += coefficient * ((new_b - b) if coefficient > 0 else (new_a - a))
        if not changed:
            return True
    return True


def _search(bounds: Bounds, constraints: list[Constraint]) -> bool:
    """Whether a solution is found by fixing one variable after the other, at the end nearest to 0."""
    if not constraints:
        return True
    bounds = dict(bounds)
    involved = {name for terms, _, _ in constraints for name, _ in terms}
    for name in sorted(involved):
        low, high = bounds[name]
        if low == high:
            continue
        ends = (low, high) if abs(low) <= abs(high) else (high, low)
        for end in ends:
            attempt = dict(bounds)
            attempt[name] = (end, end)
            if _propagate(attempt, constraints):
                bounds = attempt
                break
        else:
            return False
    return all(
        (total == 0 if equality else total >= 0)
        for terms, constant, equality in constraints
        for total in (constant + sum(coefficient * bounds[name][0] for name, coefficient in terms),)
    )


def _key(bounds: Bounds, constraints: list[Constraint]) -> tuple[tuple[Interval, ...], tuple[Constraint, ...]]:
    """The same system with variables numbered in order of appearance, so that like questions are asked once."""
    numbers: dict[str, str] = {}
    renamed = []
    for terms, constant, equality in constraints:
        new = tuple([(numbers.setdefault(name, str(len(numbers))), coefficient) for name, coefficient in terms])
        renamed.append((new, constant, equality))
    return tuple(bounds[name] for name in numbers), tuple(renamed)


@lru_cache(maxsize=4096)
def _solve(intervals: tuple[Interval, ...], constraints: tuple[Constraint, ...]) -> bool:
    z3 = _z3()
    if z3 is None:
        return True
    variables = {str(number): z3.Int(f"x{number}") for number in range(len(intervals))}
    solver = z3.SolverFor("QF_LIA")
    solver.set("rlimit", _RESOURCES)
    for variable, (low, high) in zip(variables.values(), intervals):
        solver.add(variable >= low, variable <= high)
    for terms, constant, equality in constraints:
        total = constant + z3.Sum([coefficient * variables[name] for name, coefficient in terms])
        solver.add(total == 0 if equality else total >= 0)
    return bool(solver.check() != z3.unsat)


@lru_cache(maxsize=1)
def _z3() -> Any:
    try:
        return import_module("z3")
    except ImportError:
        return None
