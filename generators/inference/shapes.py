"""One output dimension as an expression over the symbols: the cheapest search that could succeed comes first.

1. expressions that siblings of the partial operator have (``Hints``), with symbols moved to where they are here;
2. a constant, a symbol, sizes broadcast together, products of dimensions;
3. the bank of small terms: a term, or two of them added or subtracted, met in the middle through a linear hash;
4. goal-directed: a quotient of terms; ``min``/``max`` at the top, one side from the bank;
5. sums of monomials, divided (``linear``); ``min``/``max`` of such a quotient and a bounded other one;
6. floating-point scales, rounded down or up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from ..rules.expressions import Const, Expression, Op, Sym, evaluate, op, product, size
from .hints import Hints
from .linear import Budget, Monomials, divided, solve, tidy
from .terms import Bank, bank, cheapest, linear_hash
from .windows import window

# Records beyond these add time but hardly tell expressions apart; all are checked at the end.
MAX_ROWS = 72
# Candidates looked at one by one after a vectorised search.
_LOOKED_AT = 60


@dataclass
class Table:
    """The records of one partial operator as vectors. ``integers`` are the symbols that may be multiplied."""

    values: dict[str, np.ndarray]
    symbols: tuple[str, ...]
    dimensions: tuple[str, ...]
    floats: tuple[str, ...]
    rows: int
    # Names of the tensors' dimensions, by tensor.
    tensors: tuple[tuple[str, ...], ...]
    rng: np.random.Generator
    # Symbols that move the goal, or may: see ``influence``.
    relevant: frozenset[str] = frozenset()
    budget: Budget = field(default_factory=Budget)
    _bank: Bank | None = field(default=None, init=False)
    _monomials: dict[bool, Monomials] = field(default_factory=dict, init=False)
    _products: list[tuple[Expression, np.ndarray]] | None = field(default=None, init=False)

    @property
    def integers(self) -> tuple[str, ...]:
        return tuple(name for name in self.symbols if name not in self.floats)

    @property
    def bank(self) -> Bank:
        if self._bank is None:
            self._bank = bank(self._telling(self.integers, 26), self.values, self.rows)
        return self._bank

    def _telling(self, names: Sequence[str], limit: int) -> list[str]:
        """Symbols that differ between records, one of those that are always equal."""
        seen: dict[bytes, str] = {}
        for name in names:
            column = self.values[name]
            if name in self.relevant and (column != column[0]).any():
                seen.setdefault(column.tobytes(), name)
        return list(seen.values())[:limit]

    def monomials(self, products: bool) -> Monomials:
        """Sums' building blocks: the symbols, and if asked for their products."""
        if products not in self._monomials:
            names = self._telling(self.integers, 24)
            squares = names[:12] if products else []
            self._monomials[products] = Monomials(names, self.values, self.rows, squares)
        return self._monomials[products]

    def products(self) -> list[tuple[Expression, np.ndarray]]:
        """Products of runs of dimensions of a tensor and of all numbers of a list."""
        if self._products is None:
            self._products = []
            groups = [*self.tensors, tuple(name for name in self.integers if name not in self.dimensions)]
            for names in groups:
                for start in range(len(names)):
                    for end in range(start + 2, len(names) + 1):
                        run = names[start:end]
                        vector = np.prod([self.values[name] for name in run], axis=0)
                        self._products.append((product([Sym(name) for name in run]), vector))
        return self._products


def influence(values: dict[str, np.ndarray], goal: np.ndarray) -> frozenset[str]:
    """Symbols that the goal may depend on: all but those that were seen to change alone, several times, without it."""
    names = list(values)
    if not names:
        return frozenset()
    matrix = np.array([values[name] for name in names]).T
    differs = matrix[:, None, :] != matrix[None, :, :]
    alone = differs.sum(axis=2) == 1
    moved = (goal[:, None] != goal[None, :]) & alone
    idle = []
    for index, name in enumerate(names):
        mine = differs[:, :, index]
        # Every pair is counted twice.
        if (mine & alone).sum() >= 2 * _PAIRS and not (mine & moved).any():
            idle.append(name)
    return frozenset(names) - frozenset(idle)


# A quotient may not move with its dividend once or twice.
_PAIRS = 3


def dimension(goal: np.ndarray, table: Table, hints: Hints, place: int, effort: int = 2) -> Expression | None:
    """The expression for one output dimension (number ``place`` from the end, so negative), or None.

    ``effort`` 0 stops behind the bank, 1 behind sums of symbols.
    """
    searches: list[Callable[[], Expression | None]] = [
        lambda: _simple(goal, table, place),
        lambda: hints.match(goal, table.values),
        lambda: cheapest(_banked(goal, table)),
    ]
    if table.floats:
        searches.append(lambda: _scaled(goal, table))
    if effort > 0:
        searches += [lambda: _product_terms(goal, table), lambda: _linear(goal, table, False)]
        searches.append(lambda: cheapest(_quotients(goal, table)))
        searches.append(lambda: cheapest(_inverse_quotients(goal, table)))
        # Windows come before sums of symbols: a sum fits by accident what a window explains.
        searches.insert(2, lambda: _window(goal, table))
    if effort > 1:
        searches += [lambda: _linear(goal, table, True), lambda: _bounded(goal, table)]
    for search in searches:
        found = search()
        if found is not None and agrees(found, goal, table):
            return found
    return None


def agrees(expression: Expression, goal: np.ndarray, table: Table) -> bool:
    """Whether the expression gives the goal in every record."""
    return bool(np.all(evaluate(expression, table.values) == goal))


def _simple(goal: np.ndarray, table: Table, place: int) -> Expression | None:
    same = [name for name in table.integers if (table.values[name] == goal).all()]
    aligned = [
        name for name in same if any(name in dims and dims.index(name) - len(dims) == place for dims in table.tensors)
    ]
    merged = _broadcast(goal, table, place)
    if aligned and merged is None:
        return Sym(aligned[0])
    if merged is not None and not any(_tells(name, table) for name in same):
        return merged
    dims = [name for name in same if name in table.dimensions]
    if dims or same:
        return Sym((dims or same)[0])
    if (goal == goal[0]).all():
        return Const(int(goal[0]))
    for expression, vector in table.products():
        if (vector == goal).all():
            return expression
    return None


def _tells(name: str, table: Table) -> bool:
    column = table.values[name]
    return bool((column != column[0]).any())


# No operator broadcasts more tensors than this; those that take more of them take lists, of which every subset would be
# tried.
_MERGED = 6


def _broadcast(goal: np.ndarray, table: Table, place: int) -> Expression | None:
    """Sizes at one place from the end of two or more tensors, broadcast, if no single one will do; the place may be off
    by one or two where a dimension is reduced or added."""
    for shift in (0, -1, 1, -2, 2):
        names = [dims[place + shift] for dims in table.tensors if len(dims) >= -(place + shift) > 0]
        # What is broadcast to the goal is 1 wherever it is not the goal.
        names = [name for name in names if ((table.values[name] == 1) | (table.values[name] == goal)).all()]
        if len(names) > _MERGED:
            continue
        for count in range(len(names), 1, -1):
            # All of them first: what no record tells from all is rarely meant.
            for chosen in combinations(names, count):
                if any(np.array_equal(table.values[name], goal) for name in chosen):
                    continue
                expression: Expression = Sym(chosen[0])
                for name in chosen[1:]:
                    expression = Op("broadcast", (expression, Sym(name)))
                if np.array_equal(evaluate(expression, table.values), goal):
                    return expression
    return None


def _banked(goal: np.ndarray, table: Table) -> Iterator[Expression]:
    """Terms that are the goal, and pairs whose sum or difference is, a constant more or less."""
    terms = table.bank
    goal_hash = (goal.astype(np.uint64) * terms.weights).sum(dtype=np.uint64)
    ones = terms.weights.sum(dtype=np.uint64)
    for shift in (0, 1, -1, 2):
        # Arrays wrap around modulo 2**64, as is wanted here.
        wanted = np.array([goal_hash]) - np.array([shift % 2**64], dtype=np.uint64) * ones
        place = int(terms.find(wanted)[0])
        if place >= 0:
            yield op("+", terms.term(place), shift)
            return
        for sign, name in ((1, "+"), (-1, "-")):
            # wanted = a + b, or a - b: look a = wanted - b or wanted + b up.
            needed = wanted - terms.hashes if sign > 0 else wanted + terms.hashes
            places = terms.find(needed)
            for index in np.flatnonzero(places >= 0)[:_LOOKED_AT]:
                left, right = terms.term(int(places[index])), terms.term(int(index))
                yield op("+", op(name, left, right), shift)


def _product_terms(goal: np.ndarray, table: Table) -> Expression | None:
    """Products of dimensions over other such products, times a term."""
    found = table.products()
    nonzero = (goal != 0).any()
    for expression, vector in found:
        for name in table.integers:
            column = table.values[name]
            if nonzero and (vector * column == goal).all():
                return op("*", expression, Sym(name))
            if (column > 0).all() and (vector // column == goal).all():
                return op("//", expression, Sym(name))
        for other, divisor in found:
            if divisor is not vector and (divisor > 0).all() and (vector // divisor == goal).all():
                return op("//", expression, other)
    return None


def _divisors(table: Table) -> list[tuple[Expression, np.ndarray]]:
    """What dimensions are divided by: integer arguments, small constants, dimensions; and products of two arguments."""
    numbers = [name for name in table.integers if name not in table.dimensions]
    found: list[tuple[Expression, np.ndarray]] = []
    numbers = [name for name in numbers if name in table.relevant]
    names = [name for name in numbers if (table.values[name] > 0).all() and _tells(name, table)]
    found += [(Sym(name), table.values[name]) for name in names]
    found += [(Const(2), np.full(table.rows, 2))]
    dims = [
        name
        for name in table.dimensions
        if name in table.relevant and (table.values[name] > 0).all() and _tells(name, table)
    ]
    return found + [(Sym(name), table.values[name]) for name in dims[:6]]


def _linear(goal: np.ndarray, table: Table, products: bool) -> Expression | None:
    one = (Const(1), np.ones(table.rows, dtype=np.int64))
    divisors = [one, *_divisors(table)] if len(np.unique(goal)) > 2 else [one]
    return divided(goal, table.monomials(products), divisors, table.rng, table.budget)


def _quotients(goal: np.ndarray, table: Table) -> Iterator[Expression]:
    """``term // divisor`` and ``ceildiv``, a constant more or less, and remainders."""
    terms = table.bank
    for shift in (0, 1, -1):
        wanted = goal - shift
        for divisor, values in _divisors(table):
            low = wanted * values
            inside = terms.matrix - low
            down = np.flatnonzero(((inside >= 0) & (inside < values)).all(axis=1))
            up = np.flatnonzero(((inside <= 0) & (inside > -values)).all(axis=1))
            for index in down[:8]:
                yield op("+", op("//", terms.term(int(index)), divisor), shift)
            for index in up[:8]:
                yield op("+", op("ceildiv", terms.term(int(index)), divisor), shift)


def _window(goal: np.ndarray, table: Table) -> Expression | None:
    lengths = [name for name in table.dimensions if name in table.relevant and _tells(name, table)]
    numbers = [name for name in table.integers if name not in table.dimensions and name in table.relevant]
    if not lengths or len(lengths) + len(numbers) > 12 or len(np.unique(goal)) < 3:
        return None
    return window(goal, table.values, lengths[:6], numbers[:9], lengths[:6])


def _inverse_quotients(goal: np.ndarray, table: Table) -> Iterator[Expression]:
    """``symbol // term`` and ``ceildiv(symbol, term)``."""
    terms = table.bank
    positive = np.flatnonzero((terms.matrix > 0).all(axis=1))
    divisors = terms.matrix[positive]
    for name in table.integers:
        if not _tells(name, table):
            continue
        inside = table.values[name] - divisors * goal
        for kind, fits in (
            ("//", (inside >= 0) & (inside < divisors)),
            ("ceildiv", (inside <= 0) & (inside > -divisors)),
        ):
            for index in np.flatnonzero(fits.all(axis=1))[:4]:
                yield op(kind, Sym(name), terms.term(int(positive[index])))


def _bounded(goal: np.ndarray, table: Table) -> Expression | None:
    """``min`` and ``max`` at the top: one side is a term or a quotient of the bank that bounds the goal and meets it in
    some records, the other one is found from the records where it does not."""
    terms = table.bank
    sides: list[tuple[Expression, np.ndarray]] = []
    matrix = terms.matrix
    for upper, name in ((True, "min"), (False, "max")):
        blocks = [(None, matrix)] + [
            ((kind, divisor), op_values)
            for divisor, values in _divisors(table)[:4]
            for kind, op_values in (("//", matrix // values), ("ceildiv", -(-matrix // values)))
        ]
        found: list[tuple[int, Expression, np.ndarray]] = []
        for how, block in blocks:
            bounds = (block >= goal if upper else block <= goal).all(axis=1)
            meets = (block == goal).sum(axis=1)
            places = np.flatnonzero(bounds & (meets >= max(2, table.rows // 10)))
            best = places[np.argsort(-meets[places], kind="stable")][:24]
            for index in best:
                term = terms.term(int(index))
                side = term if how is None else op(how[0], term, how[1])
                found.append((int(meets[index]), side, block[index]))
        found.sort(key=lambda item: (-item[0], size(item[1])))
        sides = [(side, vector) for _, side, vector in found[:40]]
        for place, (one, left) in enumerate(sides):
            for two, right in sides[place + 1 :]:
                if ((np.minimum if upper else np.maximum)(left, right) == goal).all():
                    return op(name, one, two)
        for one, left in sides[:10]:
            for rest in _summed(goal, left != goal, terms):
                if agrees(op(name, rest, one), goal, table):
                    return op(name, rest, one)
        for one, left in sides[:2]:
            other = _other_side(goal, left != goal, upper, table)
            if other is not None:
                return op(name, other, one)
    return None


def _summed(goal: np.ndarray, strict: np.ndarray, terms: Bank) -> Iterator[Expression]:
    """Sums and differences of two terms that are the goal in the records of ``strict``."""
    if strict.sum() < 3 or len(np.unique(goal[strict])) < 2:
        return
    part = Bank(
        terms.matrix[:, strict],
        linear_hash(terms.matrix[:, strict], terms.weights[strict]),
        terms.weights[strict],
        terms.makers,
        terms.atoms,
    )
    wanted = linear_hash(goal[strict][None, :], part.weights)
    for name, needed in (("+", wanted - part.hashes), ("-", wanted + part.hashes)):
        places = part.find(needed)
        for index in np.flatnonzero(places >= 0)[:12]:
            yield op(name, part.term(int(places[index])), part.term(int(index)))


def _other_side(goal: np.ndarray, strict: np.ndarray, upper: bool, table: Table) -> Expression | None:
    """A sum of monomials over a divisor that is the goal in the records of ``strict`` and beyond it elsewhere."""
    if strict.sum() < 4 or len(np.unique(goal[strict])) < 2:
        return None
    one = (Const(1), np.ones(table.rows, dtype=np.int64))
    for products in (False, True):
        monomials = table.monomials(products)
        for divisor, values in [one, *_divisors(table)[:2]]:
            low, high = goal * values, goal * values + values - 1
            wide_low = np.where(strict | upper, low, -np.inf)
            wide_high = np.where(strict | (not upper), high, np.inf)
            found = solve(monomials, wide_low, wide_high, table.rng, table.budget)
            if found is not None:
                return found[0] if divisor == Const(1) else tidy(found[0], divisor)
    return None


def _scaled(goal: np.ndarray, table: Table) -> Expression | None:
    """What a floating-point scale makes of a size or of a difference of numbers, rounded down or up."""
    numbers = [name for name in (*table.integers, *table.floats) if name not in table.dimensions]
    sources: list[tuple[Expression, np.ndarray]] = [(Sym(name), table.values[name]) for name in table.symbols]
    sources += [
        (op("-", Sym(one), Sym(two)), table.values[one] - table.values[two])
        for one in numbers
        for two in numbers
        if one != two
    ]
    for source, vector in sources:
        for name in (name for name in numbers if name in table.floats or source not in (Sym(name),)):
            factor = table.values[name]
            for sign in ("*", "/"):
                if sign == "/" and (factor == 0).any():
                    continue
                exact = vector * factor if sign == "*" else vector / factor
                for rounding, rounded in (("floor", np.floor(exact)), ("ceil", np.ceil(exact))):
                    for shift in (0, 1):
                        if (rounded + shift == goal).all():
                            return op("+", Op(rounding, (Op(sign, (source, Sym(name))),)), shift)
    return None
