"""When two accesses touch one element, as a system of constraints.

Its variables are those of the loops around the source, by their names; for loops around both accesses the distances
to the sink's iteration; and the variables of the sink's own loops.
"""

from __future__ import annotations

from collections.abc import Sequence

from .accesses import Access, Accesses
from .affine import Affine, Domain, Quotient
from .constraints import EVERYTHING, System
from .ir import Var


def distance_of(name: str) -> str:
    """The variable for the distance in a loop."""
    return "Δ" + name


def collision(a: Access, b: Access, shared: list[Domain], accesses: Accesses, crowded: bool) -> System:
    """The system for two accesses. Copies of one statement ask for the same again and again."""
    key: list[object] = [id(a.loops), id(b.loops)]
    if not crowded:
        for i, j in zip(a.indices, b.indices):
            key.append((i.terms, j.terms, i.constant - j.constant) if i is not None and j is not None else None)
    found = accesses.systems.get(tuple(key))
    if found is None:
        found = accesses.systems[tuple(key)] = _Collision(a, b, shared, accesses, crowded).system
    return found


class _Collision:
    """The system that says when two accesses touch one element: both in their loops, and all indices equal."""

    def __init__(self, a: Access, b: Access, shared: Sequence[Domain], accesses: Accesses, crowded: bool):
        self.system = System()
        self.scope = accesses.scope
        self.quotients = accesses.forms.quotients
        self.shared = {one.name for one in shared}
        self.own = {one.name for one in (*a.loops, *b.loops)}
        self.later: dict[str, Affine] = {}
        for one in shared:
            self._loop(one)
            self._distance(one)
        for side in (a.loops, b.loops):
            for one in side[len(shared) :]:
                self._loop(one)
                self._inside(one, sink=side is b.loops)
        if crowded:
            return
        for i, j in zip(a.indices, b.indices):
            if i is not None and j is not None:
                self.system.zero(self._source(i) - self._sink(j))
        used = {name for terms, _, _ in self.system.constraints for name, _ in terms}
        for one in reversed(shared):
            varying = any(form.terms for form in (*one.lower, *one.upper))
            if one.name in used or varying or one.step > 1:
                self._inside(one, sink=False)
                self._inside(one, sink=True)
                used.update(name for form in (*one.lower, *one.upper) for name in form.variables)

    def _source(self, form: Affine) -> Affine:
        """A form as the source sees it."""
        for name in form.variables:
            self._meet(name)
        return form

    def _sink(self, form: Affine) -> Affine:
        """A form as the sink sees it: variables of shared loops are further by their distances."""
        for name in form.variables:
            self._meet(name)
        return form.replaced(self.later) if self.later else form

    def _meet(self, name: str) -> None:
        """A variable appears: bound it."""
        if name in self.system.bounds:
            return
        quotient = self.quotients.get(name)
        if quotient is not None:
            self._quotient(quotient)
        elif name not in self.own:
            self.system.bounds[name] = EVERYTHING
            if self.scope is not None:
                known = self.scope.interval(Var(name))
                self.system.bounds[name] = (known.low, known.high)

    def _quotient(self, quotient: Quotient) -> None:
        dividend, divisor = self._source(quotient.dividend), quotient.divisor
        low, high = self.system.range_of(dividend)
        if EVERYTHING[0] <= low and high <= EVERYTHING[1]:
            self.system.bounds[quotient.name] = (low // divisor, high // divisor)
        else:
            self.system.bounds[quotient.name] = EVERYTHING
        names = self._variables(quotient)
        quotient_form = Affine.variable(quotient.name)
        if names & self.own and names & self.own <= self.shared:
            a, b = self.system.bounds[quotient.name]
            self.system.bounds[distance_of(quotient.name)] = (a - b, b - a)
            self.later[quotient.name] = Affine(((quotient.name, 1), (distance_of(quotient.name), 1)))
            self._band(dividend - quotient_form * divisor, divisor)
            moved = dividend.replaced(self.later) - self.later[quotient.name] * divisor
            self._band(moved, divisor)
            change = moved - (dividend - quotient_form * divisor)
            self.system.not_negative(change + (divisor - 1))
            self.system.not_negative(-change + (divisor - 1))
        elif names & self.own:
            # The other access does not know this quotient: it is the sink's if the sink's own loops are in it. Both
            # readings are the same where no shared loop is.
            if not names & self.shared:
                self._band(dividend - quotient_form * divisor, divisor)

    def _variables(self, quotient: Quotient) -> set[str]:
        found = set()
        for name in quotient.dividend.variables:
            inner = self.quotients.get(name)
            found |= self._variables(inner) if inner is not None else {name}
        return found

    def _band(self, rest: Affine, divisor: int) -> None:
        self.system.not_negative(rest)
        self.system.not_negative(-rest + (divisor - 1))

    def _loop(self, one: Domain) -> None:
        low, high = EVERYTHING
        for form in one.lower:
            a, b = self.system.range_of(self._source(form))
            if EVERYTHING[0] <= a and b <= EVERYTHING[1]:
                low = max(low, a)
        for form in one.upper:
            a, b = self.system.range_of(self._source(form))
            if EVERYTHING[0] <= a and b <= EVERYTHING[1]:
                high = min(high, b - 1)
        self.system.bounds[one.name] = (low, high)

    def _distance(self, one: Domain) -> None:
        """The distance in a shared loop: of two values, both within the loop's width from its start."""
        low, high = self.system.bounds[one.name]
        name = distance_of(one.name)
        reach = max(high - low, -1)
        if one.width == 0:
            reach = -1
        self.later[one.name] = Affine(((one.name, 1), (name, 1)))
        self.system.bounds[name] = (-reach, reach)
        for lower in one.lower:
            for upper in one.upper:
                if (upper - lower).is_constant:
                    room = (upper - lower).constant - 1
                    if not any(name in self.shared or name in self.quotients for name in lower.variables):
                        reach = min(reach, room)
                        self.system.bounds[name] = (-reach, reach)
                    else:
                        change = Affine.variable(name) - (self._sink(lower) - lower)
                        self.system.not_negative(change + room)
                        self.system.not_negative(-change + room)
        if one.step > 1 and one.base is not None:
            change = Affine.variable(name) - (self._sink(one.base) - one.base)
            self._multiple(change, one.step, name + "/")

    def _inside(self, one: Domain, sink: bool) -> None:
        """The variable is within its bounds, in the iteration of the source or the sink."""
        see = self._sink if sink else self._source
        value = see(Affine.variable(one.name))
        for form in one.lower:
            self.system.not_negative(value - see(form))
        for form in one.upper:
            self.system.not_negative(see(form) - value - 1)
        if one.step > 1 and one.base is not None:
            self._multiple(value - see(one.base), one.step, f"{one.name}/{'sink' if sink else 'source'}")

    def _multiple(self, form: Affine, step: int, counter: str) -> None:
        low, high = self.system.range_of(form)
        if low < EVERYTHING[0] or high > EVERYTHING[1]:
            return
        self.system.bounds[counter] = (-(-low // step), high // step)
        self.system.zero(form - Affine(((counter, step),)))
