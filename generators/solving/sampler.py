"""Numbers for one rule's symbols: equalities are propagated, the rest is drawn and checked as soon as it can be.

Symbols get their numbers one by one. A symbol that is the last one without a number in an equality is solved for; the
others take the first of a few candidates (the number where an inequality turns, sizes by preference, numbers by bins,
those of a known call) under which every constraint that can be evaluated by then holds. Where outputs are to have
given sizes, what this does not find is left to z3 (``remaining``). It is not asked about sizes of inputs alone: of a
thousand such questions it answered six that drawing had not, in the time of forty programs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import Any

from ..inputs import Mode
from ..options import Options
from ..rules.constraints import Comparison
from ..rules.expressions import Const, Expression, Sym
from ..rules.rule import Rule
from .numbers import Check, Side, compiled_check
from .remaining import Remaining
from .sizes import draw_float, draw_integer, draw_size

# Draws before z3 is asked, which takes as long as a hundred of them; most rules need one or two.
_DRAWS = 12
# Sizes that are looked at where a goal is no linear function of them.
_SCANNED = 40
# Sizes that fit only by being larger than what compilers care about make slow cases.
LARGEST = 128

Numbers = dict[str, int | float]
_Slots = list[Any]


class Sampler:
    """Draws numbers for one rule. ``known`` are numbers of calls that run, by symbol."""

    def __init__(self, rule: Rule, known: Sequence[Mapping[str, int | float]]):
        structure = rule.structure
        self.names = rule.symbols
        self.rule = rule
        self._places = {name: index for index, name in enumerate(self.names)}
        self._known = [[row[name] for name in self.names] for row in known]
        self._is_float = [name in structure.floats for name in self.names]
        self._ranks = [0] * len(self.names)
        for hole in structure.tensors:
            for axis in range(hole.rank):
                self._ranks[self._places[f"{hole.name}[{axis}]"]] = hole.rank
        self._seen = [sorted({row[index] for row in self._known}) for index in range(len(self.names))]
        checks = [compiled_check(item, self._places) for item in rule.constraints]
        #: Whether the checks say all that the rule does; where there are cases, it is asked itself.
        self._complete = len(rule.cases) == 1 and rule.cases[0].count is None
        if self._complete:
            # Outputs must not have negative sizes.
            # One object stands for all expressions of the same text, and hashing one takes long.
            dims = {id(dim): dim for shape in rule.cases[0].shapes for dim in shape or ()}
            checks += [
                compiled_check(Comparison(">=", dim, Const(0)), self._places)
                for dim in dims.values()
                if not (isinstance(dim, Sym) and dim.name in structure.dimensions)
            ]
        self._checks = checks
        self._of = [[check for check in checks if place in check.places] for place in range(len(self.names))]
        numbers = [place for place, rank in enumerate(self._ranks) if not rank]
        self._order = (*numbers, *(place for place, rank in enumerate(self._ranks) if rank))
        turn = {place: index for index, place in enumerate(self._order)}
        #: For each symbol the checks of which it is the last, in a draw with nothing given.
        self._last = [
            [check for check in self._of[place] if all(turn[other] <= turn[place] for other in check.places)]
            for place in range(len(self.names))
        ]
        self._remaining = Remaining(rule)

    def draw(
        self,
        random: Random,
        options: Options,
        mode: Mode,
        fixed: Mapping[str, int | float] | None = None,
        goals: Sequence[tuple[Expression, int]] = (),
    ) -> Numbers | None:
        """Numbers that the rule calls valid, among them those of ``fixed``, under which the expressions of ``goals``
        have their values; None if none were found."""
        wanted = [compiled_check(Comparison("==", goal, Const(value)), self._places) for goal, value in goals]
        given: _Slots = [None] * len(self.names)
        for name, value in (fixed or {}).items():
            given[self._places[name]] = value
        if not all(check.holds(given) for check in (*self._checks, *wanted) if _decided(check, given)):
            return None  # nor is there anything to be solved
        for _ in range(_DRAWS):
            slots = self._attempt(random, options, mode, given, wanted, not fixed)
            if slots is not None:
                found = dict(zip(self.names, slots))
                if self._complete or self.rule.valid(found):
                    return found
        base = dict(zip(self.names, random.choice(self._known))) if self._known else {}
        if goals:
            solved = self._remaining.solve(fixed or {}, goals, base)
            return solved if solved is not None and self.rule.valid(solved) else None
        return None if fixed else base or None

    def _attempt(
        self, random: Random, options: Options, mode: Mode, given: _Slots, wanted: list[Check], free: bool
    ) -> _Slots | None:
        slots = list(given)
        base = random.choice(self._known) if self._known else None
        # Sizes that a goal is about come from the goal, behind the numbers.
        for place in self._order:
            if slots[place] is not None:
                continue
            if free:
                ready = self._last[place]
            else:
                ready = [check for check in self._of[place] if _decided(check, slots, place)]
            if wanted:
                ready = [
                    *ready,
                    *(check for check in wanted if place in check.places and _decided(check, slots, place)),
                ]
            rank = self._ranks[place]
            for value in self._candidates(place, slots, base, random, options, mode, ready, bool(wanted)):
                if rank and not 0 <= value <= LARGEST:
                    continue
                slots[place] = value
                if all(check.holds(slots) for check in ready):
                    break
            else:
                return None
        return slots

    def _candidates(
        self,
        place: int,
        slots: _Slots,
        base: list[Any] | None,
        random: Random,
        options: Options,
        mode: Mode,
        ready: list[Check],
        wanted: bool,
    ) -> Iterator[Any]:
        """Numbers to try for a symbol, in this order; ``ready``: what it is the last symbol of."""
        equal: list[Side] = []
        other: list[Side] = []
        for check in ready:
            for side in check.sides:
                if place in side.places:
                    (equal if side.name == "==" else other).append(side)
        roots = [root for side in equal if (root := side.root(slots, place)) is not None]
        if len(roots) > 1 and len(ready) == 1:
            random.shuffle(roots)
        yield from roots
        rank = self._ranks[place]
        seen = self._seen[place]
        own = base[place] if base is not None else None
        if rank:
            yield draw_size(random, options, rank, mode.zero and 0 in seen)
            yield draw_size(random, options, rank)
            if own is not None:
                yield own
        elif own is None:
            yield from (1, 0, 2)
        else:
            if random.random() >= 0.4:
                if self._is_float[place]:
                    yield draw_float(random, seen)
                else:
                    yield draw_integer(random, [int(value) for value in seen])
            yield own
        for side in other:
            root = side.root(slots, place)
            if root is not None:
                yield from (root, root + 1, root - 1)
        if wanted and rank:
            yield from range(1, _SCANNED)

    def shapes(self, numbers: Mapping[str, int | float]) -> tuple[tuple[int, ...] | None, ...]:
        """Shapes of the outputs; errors as ``Rule.output_shapes``."""
        return self.rule.output_shapes(numbers)


def _decided(check: Check, slots: _Slots, last: int | None = None) -> bool:
    """Whether all of a check's symbols have numbers, but for that at the place ``last``."""
    return all(slots[place] is not None or place == last for place in check.places)
