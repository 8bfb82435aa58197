"""Numbers for one rule's symbols: equalities are propagated, the rest is drawn and checked as soon as it can be.

Symbols get their numbers one by one. A symbol that is the last one without a number in an equality is solved for; the
others take the first of a few candidates (the number where an inequality turns, sizes by preference, numbers by bins,
those of a known call) under which every constraint that can be evaluated by then holds. What this does not find is
left to z3 (``remaining``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from ..inputs import Mode
from ..options import Options
from ..rules.constraints import Comparison
from ..rules.expressions import Const, Expression, Sym
from ..rules.rule import Rule
from .numbers import Check, compiled_check
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
        if len(rule.cases) == 1 and rule.cases[0].count is None:
            # Outputs must not have negative sizes; where there are cases, the rule itself is asked at the end.
            checks += [
                compiled_check(Comparison(">=", dim, Const(0)), self._places)
                for shape in rule.cases[0].shapes
                for dim in dict.fromkeys(shape or ())
                if not isinstance(dim, Sym | Const)
            ]
        self._checks = checks
        self._of = [[check for check in checks if place in check.places] for place in range(len(self.names))]
        numbers = [place for place, rank in enumerate(self._ranks) if not rank]
        self._order = (*numbers, *(place for place, rank in enumerate(self._ranks) if rank))
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
            slots = self._attempt(random, options, mode, given, wanted)
            if slots is not None:
                found = dict(zip(self.names, slots))
                if self.rule.valid(found):
                    return found
        if not (fixed or goals):
            return dict(zip(self.names, random.choice(self._known))) if self._known else None
        base = dict(zip(self.names, random.choice(self._known))) if self._known else {}
        solved = self._remaining.solve(fixed or {}, goals, base)
        return solved if solved is not None and self.rule.valid(solved) else None

    def _attempt(
        self, random: Random, options: Options, mode: Mode, given: _Slots, wanted: list[Check]
    ) -> _Slots | None:
        slots = list(given)
        base = random.choice(self._known) if self._known else None
        # Sizes that a goal is about come from the goal, behind the numbers.
        for place in self._order:
            if slots[place] is None and not self._fill(place, slots, base, random, options, mode, wanted):
                return None
        if wanted and not all(check.holds(slots) for check in wanted):
            return None
        return slots

    def _fill(
        self,
        place: int,
        slots: _Slots,
        base: list[Any] | None,
        random: Random,
        options: Options,
        mode: Mode,
        wanted: list[Check],
    ) -> bool:
        """Give a symbol a number, if one of the candidates does."""
        checks = self._of[place]
        if wanted:
            checks = [*checks, *(check for check in wanted if place in check.places)]
        ready = [check for check in checks if all(slots[other] is not None or other == place for other in check.places)]
        candidates: list[Any] = []
        turns: list[int] = []
        for check in ready:
            for side in check.sides:
                root = side.root(slots, place) if place in side.places else None
                if root is None:
                    continue
                if side.name == "==":
                    candidates.append(root)
                else:
                    turns += (root, root + 1, root - 1)
        if len(candidates) > 1 and len(ready) == 1:
            random.shuffle(candidates)
        drawn = self._drawn(place, base, random, options, mode)
        rank = self._ranks[place]
        for value in (*candidates, *drawn, *turns, *(range(1, _SCANNED) if wanted and rank else ())):
            if rank and not 0 <= value <= LARGEST:
                continue
            slots[place] = value
            if all(check.holds(slots) for check in ready):
                return True
        slots[place] = None
        return False

    def _drawn(
        self, place: int, base: list[Any] | None, random: Random, options: Options, mode: Mode
    ) -> tuple[int | float, ...]:
        seen = self._seen[place]
        rank = self._ranks[place]
        if rank:
            zero = mode.zero and 0 in seen
            first = draw_size(random, options, rank, zero)
            return (first, draw_size(random, options, rank), *(() if base is None else (base[place],)))
        if not seen:
            return (1, 0, 2)
        own = base[place] if base is not None else seen[0]
        if random.random() < 0.4:
            return (own,)
        if self._is_float[place]:
            return (draw_float(random, seen), own)
        return (draw_integer(random, [int(value) for value in seen]), own)

    def shapes(self, numbers: Mapping[str, int | float]) -> tuple[tuple[int, ...] | None, ...]:
        """Shapes of the outputs; errors as ``Rule.output_shapes``."""
        return self.rule.output_shapes(numbers)


def _decided(check: Check, slots: _Slots) -> bool:
    return all(slots[place] is not None for place in check.places)
