"""Which operator comes next, and how it is called: the operators that options leave, each in its turn.

Operators drawn at random come again within few programs while others wait for long. Here the programs of a seed go
through all operators in rounds, each round in another order; program ``index`` begins where ``index - 1`` ends, unless
that needs unusually many turns. So a program still depends on its seed and index alone.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Collection, Iterator
from itertools import accumulate, count, islice
from math import ceil
from random import Random
from typing import NamedTuple
from zlib import crc32

from .options import Options
from .placing import Choice, Entry, Source
from .solving.source import RuleOperator, RuleSource
from .weighing import at as place_at
from .weighing import near, pick, weight_of

# How often another record of an operator is drawn when no value fits the first.
AGAIN = 3
# How often of these it is one near the first, most likely of the same element types.
NEAR = 3
# PyTorch's samples are fond of tensors without elements; a program in which everything is empty tests little.
EMPTY = 0.1
# Turns beyond the operators that a program can have. Some calls are refused; without spare turns, one program in five
# would make calls that the next one makes again.
SPARE = 0.3
# Orders of rounds that are kept: programs are asked for in order, or nearly so.
_KEPT = 4
_GOLDEN = (5**0.5 - 1) / 2


class Turn(NamedTuple):
    """An operator's turn: where among its records to look first (``Pool.choice``), and whether for values of even (0)
    or odd (1) rank. From round to round both differ, so that an operator is called in ways that it was not yet."""

    op: str
    at: float
    parity: int


class Turns:
    """The turns of one program, in order; some may be looked at before they come, and taken then."""

    def __init__(self, coming: Iterator[Turn]):
        self._coming = coming
        self._seen: deque[Turn] = deque()
        #: How often another turn was taken before the next one.
        self.waited = 0

    def next(self) -> Turn:
        """Take the next turn."""
        self.waited = 0
        return self._seen.popleft() if self._seen else next(self._coming)

    def ahead(self, most: int) -> list[Turn]:
        """The next turns, which stay."""
        self._seen.extend(islice(self._coming, max(most - len(self._seen), 0)))
        return list(islice(self._seen, most))

    def take(self, turn: Turn) -> None:
        """Take one of those that were looked at."""
        self.waited = 0 if turn == self._seen[0] else self.waited + 1
        self._seen.remove(turn)


class Pool:
    """The operators that one choice of options and ``only`` leaves, with their weights."""

    def __init__(
        self, source: Source, rules: RuleSource | None, options: Options, only: frozenset[str] | None, exact: bool
    ):
        self.options = options
        #: Operators named with their operands' element types are restricted to these; none: to nothing.
        self.calls = only or frozenset()
        admitted = None if only is None else {name.partition("(")[0] for name in only}
        names = [op for op in source.operators if options.admits(op) and (admitted is None or op in admitted)]
        self.allowed = frozenset(names)
        self._entries: dict[str, tuple[list[Entry], list[float]]] = {}
        self._ruled: dict[str, RuleOperator] = {}
        self._source, self._rules, self._exact = source, rules, exact
        alone = rules is not None and options.rules >= 1
        self.names = [op for op in names if options.weight(op) > 0 and (not alone or rules is None or op in rules)]
        self._weights = {op: options.weight(op) for op in self.names}
        self._uneven = len(set(self._weights.values())) > 1
        self._rounds: dict[tuple[int, int], list[str]] = {}
        #: How many turns lie between the first ones of two programs that follow each other.
        self.stride = options.max_nodes + ceil(options.max_nodes * SPARE)

    def turns(self, seed: int, index: int, attempt: int = 0) -> Iterator[Turn]:
        """The operators whose turn it is in a program, without end: as often as their weights say, evenly spread. A
        further ``attempt`` has other ones."""
        size = len(self.names)
        for turn in count(index * self.stride + attempt * size):
            number, place = divmod(turn, size)
            op = self._round(seed, number)[place]
            begin = crc32(f"{seed} {op}".encode())
            # Any multiples of the golden ratio, cut to their fractions, are evenly spread.
            yield Turn(op, (begin / 2**32 + number * _GOLDEN) % 1, (begin + number) % 2)

    def _round(self, seed: int, number: int) -> list[str]:
        """The order of a round: as many operators as there are, each once where all weigh the same."""
        found = self._rounds.get((seed, number))
        if found is None:
            random = Random(f"{seed}/round {number}")
            found = random.sample(self.names, len(self.names))
            if self._uneven:
                sums = list(accumulate([self._weights[op] for op in found]))
                step = sums[-1] / len(found)
                found = [found[bisect_left(sums, (place + 0.5) * step)] for place in range(len(found))]
                random.shuffle(found)
            while len(self._rounds) >= _KEPT:
                del self._rounds[next(iter(self._rounds))]
            self._rounds[seed, number] = found
        return found

    def choice(
        self, op: str, random: Random, kinds: Collection[tuple[str, int]] = (), at: float | None = None
    ) -> Choice | None:
        """A way to call an operator, by the weights of its element types; preferably one that ``kinds`` (as in
        ``placing.Entry.fits``) fit, since a program should be more than casts and loose ends. ``at``: the place among
        the records, or a rule's element types, from 0 to 1, where the choice begins; records of the same element types
        are neighbours."""
        share = self.options.rules
        if self._rules is not None and op in self._rules and random.random() < share:
            ruled = self._ruled.get(op)
            if ruled is None:
                ruled = self._ruled[op] = self._rules.operator(op, self.options.dtypes, self._calls_of(op), self._exact)
            made = ruled.choice(random, kinds, at)
            if made is not None or share >= 1:
                return made
        found = self._entries.get(op)
        if found is None:
            entries = [entry for entry in self._source.entries(op) if entry.exact or not self._exact]
            entries.sort(key=lambda entry: tuple(entry.dtypes))
            calls = self._calls_of(op)
            if calls:
                entries = [entry for entry in entries if f"{op}({entry.operands})" in calls]
            found = self._entries[op] = (entries, list(accumulate(map(self._weight, entries))))
        entries, sums = found
        if not entries or not sums[-1]:
            return None
        chosen = entries[pick(random, sums) if at is None else place_at(at, sums)]
        if kinds and not chosen.fits(kinds):
            for turn in range(AGAIN):
                other = entries[near(random, at if turn < NEAR else None, sums)]
                if other.fits(kinds):
                    return other
        return chosen

    def _calls_of(self, op: str) -> frozenset[str]:
        """The calls that the operator is restricted to; none: it is not."""
        return frozenset() if op in self.calls else self.calls

    def _weight(self, entry: Entry) -> float:
        # A record is as likely as its rarest element type.
        weight = min((self.options.dtypes.get(name, 0.0) for name in entry.dtypes), default=1.0)
        return weight * (EMPTY if entry.empty else weight_of(entry.single, entry.reduces))
