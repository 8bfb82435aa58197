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
from .affine import LARGEST, Domain, Quotient
from .collisions import collision, distance_of
from .constraints import Bounds, Interval, System
from .ir import Assert, For
from .ranges import Ranges
from .visit import statements, substitute_block, with_body

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
        low, high = self._bounds[distance_of(loop)]
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
            a, b = restrictions.get(distance_of(loop), (-_FAR, _FAR))
            if max(a, low) > min(b, high):
                return False
            restrictions[distance_of(loop)] = (max(a, low), min(b, high))
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


class Fused:
    """The loop that fusion makes of neighbours with the same bounds and step, one after the other.

    It knows the accesses so far, so that each further loop costs only its own.
    """

    def __init__(self, first: For, scope: Ranges | None = None):
        self.loop = first
        self._scope = scope
        self._accesses = Accesses((first,), scope)
        self._buckets = _buckets(self._accesses.found)
        #: The loop that ``across`` was last asked about, and the accesses of its new part.
        self._asked: tuple[For, list[Access]] | None = None

    def with_body_of(self, second: For) -> For:
        """The loop with the statements of another one at its end."""
        body = substitute_block(second.body, {second.var.name: self.loop.var})
        return with_body(self.loop, (*self.loop.body, *body))

    def append(self, fused: For) -> None:
        """Go on with a loop that ``with_body_of`` gave."""
        if self._asked is not None and self._asked[0] is fused:
            new = self._asked[1]
            self._accesses.found += new
            for name, some in _buckets(new).items():
                self._buckets.setdefault(name, []).extend(some)
        else:
            self._accesses = Accesses((fused,), self._scope)
            self._buckets = _buckets(self._accesses.found)
        self.loop = fused

    def across(self, fused: For) -> Iterator[Dependence]:
        """Dependences that a loop that ``with_body_of`` gave carries between its old part and its new one.

        A dependence whose source is in the new part is one that ran the other way: it forbids the fusion, if it is not
        a reduction.
        """
        place = len(self.loop.body)
        new_body = fused.body[place:]
        if self._accesses.asserted or any(isinstance(one, Assert) for one in statements(new_body)):
            accesses = Accesses((fused,), self._scope)
            old = _buckets([one for one in accesses.found if one.path < (0, place)])
            new = _buckets([one for one in accesses.found if one.path >= (0, place)])
        else:
            accesses, old = self._accesses, self._buckets
            count = len(accesses.found)
            self._asked = fused, accesses.append(new_body, place)
            del accesses.found[count:]
            new = _buckets(self._asked[1])
        for name, later in new.items():
            earlier = old.get(name, [])
            crowded = len(earlier) * len(later) > MAX_PAIRS
            for one in earlier:
                for other in later:
                    if not _harmless(one, other):
                        for dependence in _between(one, other, accesses, 1, crowded):
                            if dependence.level == 0:
                                yield dependence


def _buckets(found: Sequence[Access]) -> dict[str, list[Access]]:
    """Accesses by their buffers' names."""
    buckets: dict[str, list[Access]] = {}
    for access in found:
        buckets.setdefault(access.buffer.name, []).append(access)
    return buckets


def _harmless(one: Access, other: Access) -> bool:
    """Whether two accesses may always change places: reads, and asserts."""
    return one.kind == "read" == other.kind or (one.buffer is GOING_ON and one.kind == other.kind)


def _all(accesses: Accesses, levels: int | None) -> Iterator[Dependence]:
    """Dependences carried by the outermost ``levels`` loops; if None, by any or by none."""
    for found in _buckets(accesses.found).values():
        if all(one.kind == "read" for one in found):
            continue
        crowded = len(found) ** 2 > MAX_PAIRS
        for number, one in enumerate(found):
            for other in found[number:]:
                if not _harmless(one, other):
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
    if (a is b or levels is not None) and not crowded and _pinned(a, b, shared, accesses.forms.quotients):
        return
    loops = tuple([one.name for one in shared])
    system = collision(a, b, shared, accesses, crowded)
    restrictions: Bounds = {distance_of(loop): (0, 0) for loop in loops[: a.private]}
    bounds = system.tightened(restrictions)
    if bounds is None:
        return
    for level in range(len(loops) if levels is None else min(levels, len(loops))):
        low, high = bounds[distance_of(loops[level])]
        for flipped in (False,) if a is b else (False, True):
            if (low if flipped else -high) < 0:
                wanted = {**restrictions, distance_of(loops[level]): _SIGNS[">" if flipped else "<"]}
                tight = system.solution(wanted)
                if tight is not None:
                    source, sink = (b, a) if flipped else (a, b)
                    kind = _kind(source, sink)
                    yield Dependence(source, sink, kind, loops, level, system, wanted, tight, flipped)
        if not low <= 0 <= high:
            return
        restrictions[distance_of(loops[level])] = (0, 0)
    if levels is None and a.path != b.path:
        tight = system.solution(restrictions)
        if tight is not None:
            yield Dependence(a, b, _kind(a, b), loops, len(loops), system, restrictions, tight, False)


def _pinned(a: Access, b: Access, shared: Sequence[Domain], quotients: Mapping[str, Quotient]) -> bool:
    """Whether equal indices certainly mean the same iteration of all shared loops, as x[i, j] and x[i, j + 0] do."""
    own = {one.name for one in (*a.loops, *b.loops)}
    pinned = set()
    for i, j in zip(a.indices, b.indices):
        if i is not None and i == j:
            varying = [term for term in i.terms if term[0] in own or term[0] in quotients]
            if len(varying) == 1 and abs(varying[0][1]) == 1:
                pinned.add(varying[0][0])
    return all(one.name in pinned for one in shared)


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
