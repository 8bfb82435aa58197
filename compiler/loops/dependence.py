"""Dependences: which accesses to one element must stay in order.

Between two accesses that share loops, a dependence is *carried* by the outermost loop in whose iteration they differ,
or loop-independent (Allen & Kennedy, "Optimizing Compilers for Modern Architectures", chapter 2). For each pair of
accesses to a buffer that is written, and for each loop that may carry a dependence, a system of constraints is asked
for a solution. Its variables are the iteration of the source, ``i``, and the *distance* to that of the sink, ``Δi``,
so that subscripts with the same coefficients, by far the most, leave equations in distances alone. Distances are
differences of the loop variables' values, not numbers of iterations: a loop with step 4 has distances 4, 8, ….

What is assumed where something is not known:

* an index without an affine form may be anything, so every iteration may meet every other;
* conditions of ``if`` may be true;
* a local buffer is private to the iteration that allocates it;
* two ``reduce`` of one operation on one buffer may change places: dependences between them are of kind
  ``reduction``, for the passes to know that there is something, and left out otherwise. (For floats too: the language
  leaves the order open.)

A dependence that is reported may not exist; one that exists is reported.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import gcd
from typing import Literal

from .accesses import GOING_ON, Access, Accesses
from .affine import LARGEST, Affine, Domain, Quotient
from .constraints import EVERYTHING, Bounds, Interval, System
from .ir import For, Var
from .ranges import Ranges
from .visit import substitute_block

Kind = Literal["flow", "anti", "output", "reduction"]
#: How the sink's iteration lies to the source's: "<" is later, "*" anything. As in the literature, it is read
#: "source < sink".
Direction = Literal["<", "=", ">", "<=", ">=", "<>", "*"]

_FAR = 1 << 64
_SIGNS: dict[str, Interval] = {"<": (1, _FAR), "=": (0, 0), ">": (-_FAR, -1), "<=": (0, _FAR), ">=": (-_FAR, 0)}
_SIGNS["*"] = (-_FAR, _FAR)
#: With more pairs of accesses to one buffer than this, indices are not looked at: each may touch what any other does.
MAX_PAIRS = 40_000


@dataclass(frozen=True, slots=True, eq=False)
class Dependence:
    """``source`` runs before ``sink``, and they may touch one element.

    ``loops`` are those around both, from the root inward. ``level`` is the number of the one that carries the
    dependence; ``len(loops)`` if none does.
    """

    source: Access
    sink: Access
    kind: Kind
    loops: tuple[str, ...]
    level: int
    _system: System
    _restrictions: Bounds
    _bounds: Bounds
    _flipped: bool

    @property
    def carrier(self) -> str | None:
        """The variable of the loop that carries the dependence."""
        return self.loops[self.level] if self.level < len(self.loops) else None

    def interval(self, loop: str) -> Interval:
        """Smallest and largest distance that is possible in a loop."""
        low, high = self._bounds[_distance(loop)]
        return (-high, -low) if self._flipped else (low, high)

    @property
    def distance(self) -> tuple[int | None, ...]:
        """The distance in each loop; None: not constant."""
        intervals = [self.interval(loop) for loop in self.loops]
        return tuple([low if low == high else None for low, high in intervals])

    @property
    def directions(self) -> tuple[Direction, ...]:
        """The direction in each loop, as far as intervals tell. ``may`` knows more."""
        return tuple([_direction(*self.interval(loop)) for loop in self.loops])

    def may(self, directions: Mapping[str, Direction | Interval]) -> bool:
        """Whether the dependence exists with these directions, or distances between two bounds, at once.

        Loops that do not surround both accesses are passed over.
        """
        restrictions = dict(self._restrictions)
        for loop, wanted in directions.items():
            if loop not in self.loops:
                continue
            low, high = _SIGNS[wanted] if isinstance(wanted, str) else wanted
            if self._flipped:
                low, high = -high, -low
            a, b = restrictions.get(_distance(loop), (-_FAR, _FAR))
            if max(a, low) > min(b, high):
                return False
            restrictions[_distance(loop)] = (max(a, low), min(b, high))
        return self._system.solution(restrictions) is not None


def dependences(loop: For, scope: Ranges | None = None) -> list[Dependence]:
    """All dependences among the accesses in a loop, with the loop itself as the first of the common loops.

    Time is quadratic in the number of accesses to one buffer.
    """
    return list(each_dependence(loop, scope))


def each_dependence(loop: For, scope: Ranges | None = None) -> Iterator[Dependence]:
    """``dependences`` one by one, for those who stop at the first that matters."""
    return _all(Accesses((loop,), scope), None)


def carried(loop: For, scope: Ranges | None = None, reductions: bool = True) -> Iterator[Dependence]:
    """The dependences that the loop itself carries; with ``reductions`` false without those of that kind."""
    for dependence in _all(Accesses((loop,), scope), 1):
        if dependence.level == 0 and (reductions or dependence.kind != "reduction"):
            yield dependence


def independent(loop: For, scope: Ranges | None = None, reductions: bool = True) -> bool:
    """Whether iterations of the loop may run in any order, or at the same time.

    With ``reductions`` false, several iterations may still reduce into one element.
    """
    return next(carried(loop, scope, reductions), None) is None


def across(first: For, second: For, scope: Ranges | None = None) -> Iterator[Dependence]:
    """Dependences that the loop which fusion would make of two adjacent loops carries, between the two parts.

    Two loops with the same bounds and step. A dependence whose source comes from the second loop is one that runs the
    other way now: it forbids the fusion. Both have kinds as seen in the fused loop.
    """
    body = (*first.body, *substitute_block(second.body, {second.var.name: first.var}))
    fused = For(Var(first.var.name), first.start, first.stop, body, "serial", first.step)
    boundary = (0, len(first.body))
    for dependence in _all(Accesses((fused,), scope), 1, boundary):
        if dependence.level == 0:
            yield dependence


def _all(accesses: Accesses, levels: int | None, boundary: tuple[int, ...] | None = None) -> Iterator[Dependence]:
    """Dependences carried by the outermost ``levels`` loops or by none, or by any if None; with a boundary only
    between the accesses before it and those after it."""
    for found in accesses.by_buffer().values():
        crowded = len(found) ** 2 > MAX_PAIRS
        for number, one in enumerate(found):
            for other in found[number:]:
                if one.kind == "read" == other.kind or (one.buffer is GOING_ON and one.kind == other.kind):
                    continue  # asserts may change places
                if boundary and not one.path < boundary <= other.path:
                    continue
                yield from _between(one, other, accesses, levels, crowded)


def _between(a: Access, b: Access, accesses: Accesses, levels: int | None, crowded: bool) -> Iterator[Dependence]:
    """Dependences in both directions between two accesses to a buffer; ``a`` comes first in the text."""
    if not crowded and _apart(a, b, accesses.forms.quotients):
        return
    shared = []
    for one, other in zip(a.loops, b.loops):
        if one.name != other.name:
            break
        shared.append(one)
    loops = tuple([one.name for one in shared])
    system = _system(a, b, shared, accesses, crowded)
    restrictions: Bounds = {_distance(loop): (0, 0) for loop in loops[: a.private]}
    bounds = system.tightened(restrictions)
    if bounds is None:
        return
    for level in range(len(loops) if levels is None else min(levels, len(loops))):
        low, high = bounds[_distance(loops[level])]
        for flipped in (False,) if a is b else (False, True):
            if (low if flipped else -high) < 0:
                wanted = {**restrictions, _distance(loops[level]): _SIGNS[">" if flipped else "<"]}
                tight = system.solution(wanted)
                if tight is not None:
                    source, sink = (b, a) if flipped else (a, b)
                    kind = _kind(source, sink)
                    yield Dependence(source, sink, kind, loops, level, system, wanted, tight, flipped)
        if not low <= 0 <= high:
            return
        restrictions[_distance(loops[level])] = (0, 0)
    if levels is None and a.path != b.path:
        tight = system.solution(restrictions)
        if tight is not None:
            yield Dependence(a, b, _kind(a, b), loops, len(loops), system, restrictions, tight, False)


def _system(a: Access, b: Access, shared: list[Domain], accesses: Accesses, crowded: bool) -> System:
    """The system for two accesses. Copies of one statement ask for the same again and again."""
    key: list[object] = [id(a.loops), id(b.loops)]
    if not crowded:
        for i, j in zip(a.indices, b.indices):
            key.append((i.terms, j.terms, i.constant - j.constant) if i is not None and j is not None else None)
    found = accesses.systems.get(tuple(key))
    if found is None:
        found = accesses.systems[tuple(key)] = _Pair(a, b, shared, accesses, crowded).system
    return found


def _apart(a: Access, b: Access, quotients: Mapping[str, Quotient]) -> bool:
    """Whether some index can never be the same, by the cheapest of tests: two forms with the same terms differ by a
    constant that the steps of their loops cannot make up for."""
    for i, j in zip(a.indices, b.indices):
        if i is None or j is None or i.constant == j.constant or i.terms != j.terms:
            continue
        divisor = 0
        for name, coefficient in i.terms:
            for one in a.loops:
                if one.name == name:
                    regular = one.base is not None and one.base.is_constant and (one.width or LARGEST) < LARGEST
                    divisor = gcd(divisor, coefficient * one.step if regular else 1)
                    break
            else:
                divisor = 1 if name in quotients else divisor
        if divisor == 0 or (i.constant - j.constant) % divisor:
            return True
    return False


def _kind(source: Access, sink: Access) -> Kind:
    if source.kind == sink.kind == "reduce" and source.op == sink.op:
        return "reduction"
    if source.kind == "read":
        return "anti"
    return "flow" if sink.kind in ("read", "reduce") else "output"


def _direction(low: int, high: int) -> Direction:
    if low > 0:
        return "<"
    if high < 0:
        return ">"
    if low == high:
        return "="
    return "<=" if low == 0 else ">=" if high == 0 else "*"


def _distance(name: str) -> str:
    return "Δ" + name


class _Pair:
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
            self.system.bounds[_distance(quotient.name)] = (a - b, b - a)
            self.later[quotient.name] = Affine(((quotient.name, 1), (_distance(quotient.name), 1)))
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
        name = _distance(one.name)
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
