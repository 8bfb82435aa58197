"""From the rows of a partial operator to its shapes and constraints."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..rules.constraints import Constraint, holds
from ..rules.expressions import Expression, Sym, Undefined, evaluate
from ..rules.rule import INDEX, Case, shapes_of
from .hints import Hints
from .partials import Partial, Row, Shapes, columns
from .shapes import MAX_ROWS, Table, dimension, influence
from .validity import learn

# Numbers or ranks of outputs that differ between calls: more kinds than these have no readable condition.
_MAX_CASES = 6
# How often records that an expression gets wrong are added to those that it is searched with.
_REPAIRS = 3
# So many calls without empty tensors are enough to learn from them alone.
_PLAIN = 4
# Rows that are compared pair by pair.
_COMPARED = 300
_Key = tuple[int | None, ...]


@dataclass(frozen=True)
class Model:
    """What was learnt: ``cases`` is empty and ``reason`` says why if there is no rule for the shapes."""

    cases: tuple[Case, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    reason: str = ""
    #: invalid rows that no constraint refuses
    unexplained: int = 0


class NoRule(Exception):
    """No expression was found; the message says for what."""


class Learner:
    """Learns one partial operator again and again, as rows are added; what still holds is not searched for anew."""

    def __init__(self, partial: Partial, hints: Hints, seed: int):
        structure = partial.structure
        self.partial = partial
        self.model = Model(reason="not learnt")
        #: whether the model was supposed rather than learnt
        self.supposed = False
        self._hints = hints
        self._rng = np.random.default_rng(seed)
        self._symbols = structure.symbols
        self._floats = structure.floats
        self._is_dim = [name in structure.dimensions for name in structure.symbols]
        self._tensors = tuple(
            tuple(f"{hole.name}[{index}]" for index in range(hole.rank)) for hole in structure.tensors
        )
        self._known: dict[tuple[_Key, int, int], Expression] = {}
        self._failures: dict[tuple[_Key, int, int], int] = {}

    def suppose(self, cases: tuple[Case, ...], constraints: tuple[Constraint, ...]) -> None:
        """Take a model from elsewhere until ``learn`` is called."""
        self.model = Model(cases, constraints)
        self.supposed = True

    def learn(self, effort: int = 2) -> Model:
        """Learn from the rows that there are now. Raises nothing: a failure is the model's ``reason``."""
        valid = _distinct(self.partial.valid)
        # Operators treat empty tensors in ways of their own: what does not follow the rule there is left outside it.
        plain = [row for row in valid if not self._empty(row)]
        if len(plain) < min(_PLAIN, len(valid)):
            plain = valid
        try:
            if self.partial.dynamic:
                raise NoRule("shapes depend on the tensors' elements")
            cases = self._cases(plain, effort)
        except NoRule as error:
            self.model = Model(reason=str(error))
            return self.model
        inside = [row for row in valid if _follows(row, cases, self._symbols)]
        good = {row.values for row in inside}
        outside = [row for row in _distinct(self.partial.invalid) + valid if row.values not in good]
        rows = inside + outside
        values = columns(self._symbols, self._floats, rows)
        mask = np.arange(len(rows)) < len(inside)
        constraints, missed = learn(values, mask, self._symbols, self._tensors, _expressions(cases))
        self.model = Model(cases, constraints, unexplained=len(missed))
        return self.model

    def _empty(self, row: Row) -> bool:
        return any(value == 0 and flag for value, flag in zip(row.values, self._is_dim))

    def _cases(self, valid: Sequence[Row], effort: int) -> tuple[Case, ...]:
        groups: dict[_Key, list[Row]] = {}
        for row in valid:
            groups.setdefault(tuple(None if shape is None else len(shape) for shape in row.shapes), []).append(row)
        if len(groups) == 1:
            ((key, rows),) = groups.items()
            return (Case(self._shapes(key, rows, effort)),)
        if not self.partial.single and len({len(key) for key in groups}) > 1:
            ranks = {rank for key in groups for rank in key}
            if len(ranks) == 1 and None not in ranks:
                return (self._sequence(ranks.pop() or 0, valid, effort),)
        if len(groups) > _MAX_CASES:
            raise NoRule("the number or ranks of outputs vary")
        return self._conditional(groups, valid, effort)

    def _shapes(self, key: _Key, rows: Sequence[Row], effort: int) -> tuple[tuple[Expression, ...] | None, ...]:
        if len(key) > 12:
            raise NoRule("too many outputs")
        found: list[tuple[Expression, ...] | None] = []
        for position, rank in enumerate(key):
            if rank is None:
                found.append(None)
                continue
            dims = []
            for place in range(rank):
                goal = [_dim(row.shapes, position, place) for row in rows]
                dims.append(self._search((key, position, place), goal, rows, place - rank, effort))
            found.append(tuple(dims))
        return tuple(found)

    def _sequence(self, rank: int, rows: Sequence[Row], effort: int) -> Case:
        """A varying number of outputs of one rank: their number, and the shape of the i-th one."""
        count = self._search(((), -1, 0), [len(row.shapes) for row in rows], rows, -rank - 1, effort)
        each = [
            replace(row, values=(*row.values, index), shapes=(shape,))
            for row in rows
            for index, shape in enumerate(row.shapes)
        ]
        names = (*self._symbols, INDEX)
        dims = []
        for place in range(rank):
            goal = [_dim(row.shapes, 0, place) for row in each]
            dims.append(self._search(((), 0, place), goal, each, place - rank, effort, names))
        return Case((tuple(dims),), count=count)

    def _conditional(self, groups: dict[_Key, list[Row]], valid: Sequence[Row], effort: int) -> tuple[Case, ...]:
        """One case for each number and ranks of outputs, with the condition that tells it from the others."""
        values = columns(self._symbols, self._floats, valid)
        ordered = sorted(groups.items(), key=lambda item: len(item[1]))
        cases = []
        places = {id(row): index for index, row in enumerate(valid)}
        for key, rows in ordered[:-1]:
            mask = np.zeros(len(valid), dtype=bool)
            mask[[places[id(row)] for row in rows]] = True
            conditions, missed = learn(values, mask, self._symbols, self._tensors, ())
            if len(missed) or not conditions:
                raise NoRule("no condition tells the numbers or ranks of outputs apart")
            cases.append(Case(self._shapes(key, rows, effort), conditions))
        key, rows = ordered[-1]
        return (*cases, Case(self._shapes(key, rows, effort)))

    def _search(
        self,
        key: tuple[_Key, int, int],
        goal: list[int],
        rows: Sequence[Row],
        place: int,
        effort: int,
        names: tuple[str, ...] = (),
    ) -> Expression:
        names = names or self._symbols
        values = columns(names, self._floats, rows)
        target = np.array(goal, dtype=np.int64)
        known = self._known.get(key)
        if known is not None and bool((evaluate(known, values) == target).all()):
            return known
        if self._failures.get(key, 0) >= 2:
            # What was searched for in vain twice is not found with a few more records.
            raise NoRule(_place(key))
        few = {name: column[:_COMPARED] for name, column in values.items()}
        relevant = influence(few, target[:_COMPARED])
        chosen = np.arange(len(rows))
        if len(rows) > MAX_ROWS:
            chosen = np.sort(self._rng.permutation(len(rows))[: MAX_ROWS - 8])
        for _ in range(_REPAIRS):
            part = {name: column[chosen] for name, column in values.items()}
            table = Table(
                part,
                names,
                tuple(name for dims in self._tensors for name in dims),
                tuple(self._floats),
                len(chosen),
                self._tensors,
                self._rng,
                relevant,
                self._hints.budget,
            )
            found = dimension(target[chosen], table, self._hints, place, effort)
            if found is None:
                break
            wrong = np.flatnonzero(evaluate(found, values) != target)
            if len(wrong) == 0:
                self._known[key] = found
                self._hints.add(found)
                return found
            chosen = np.unique(np.concatenate([chosen, self._rng.permutation(wrong)[:12]]))
        self._failures[key] = self._failures.get(key, 0) + (effort > 1)
        raise NoRule(_place(key))

    def predict(self, rows: Sequence[Row]) -> np.ndarray:
        """Which of some rows the model calls valid."""
        values = columns(self._symbols, self._floats, rows)
        found = np.ones(len(rows), dtype=bool)
        for item in self.model.constraints:
            found &= np.broadcast_to(holds(item, values), found.shape)
        return found


def _follows(row: Row, cases: tuple[Case, ...], symbols: Sequence[str]) -> bool:
    """Whether a row's shapes are those of the cases."""
    try:
        return shapes_of(cases, dict(zip(symbols, row.values))) == row.shapes
    except Undefined:
        return False


def random_for(seed: int, text: str) -> random.Random:
    """A generator of random numbers that depends on the seed and a text alone."""
    return random.Random(f"{seed} {text}")


def _distinct(rows: Sequence[Row]) -> list[Row]:
    return list({row.values: row for row in rows}.values())


def _dim(shapes: Shapes, position: int, place: int) -> int:
    shape = shapes[position]
    assert shape is not None
    return shape[place]


def _place(key: tuple[_Key, int, int]) -> str:
    kind, position, place = key
    if position < 0:
        return "no expression for the number of outputs"
    where = "" if len(kind) < 2 else f" of output {position}"
    return f"no expression for dimension {place}{where}"


def _expressions(cases: Sequence[Case]) -> list[Expression]:
    found: dict[Expression, None] = {}
    for case in cases:
        if case.count is not None:
            found.setdefault(case.count)
            continue
        for shape in case.shapes:
            for item in shape or ():
                if not isinstance(item, Sym):
                    found.setdefault(item)
    return list(found)
