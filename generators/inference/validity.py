"""Validity as a conjunction of comparisons, learnt from valid and invalid calls.

Every comparison of two terms that holds in all valid calls is a candidate; the fewest and simplest that together refuse
all invalid calls are taken greedily (set cover). What no comparison refuses is left to disjunctions of two. Terms are
the symbols, the output's dimensions and what they are made of, products of dimensions and of lists, and small sums.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from itertools import combinations
from typing import Any

import numpy as np

from ..rules.constraints import AnyOf, Comparison, Constraint, holds
from ..rules.expressions import Const, Expression, Op, Sym, children, evaluate, op, product, size, total

# Vectors of calls that the search looks at; what it finds is checked against all.
_MAX_ROWS = 160
_MAX_TERMS = 64
# Of the comparisons that hold in some valid calls, how many are paired to disjunctions.
_MAX_HALVES = 120
# A comparison's price in calls refused: simple ones win over complex ones that refuse a few more.
_PRICE = 0.26
# Bounds that numbers have, besides those that the calls show.
_NICE = (0, 1, 2, -1)


@dataclass
class _Atoms:
    """Candidates, one a row: which terms are compared how, and where that holds, in valid calls and in invalid ones.

    ``right`` is the position of a term, or -1 if the left one is compared with the number in ``bounds``.
    """

    names: np.ndarray
    left: np.ndarray
    right: np.ndarray
    bounds: np.ndarray
    prices: np.ndarray
    valid: np.ndarray
    invalid: np.ndarray

    def where(self, keep: np.ndarray) -> _Atoms:
        """Some of them."""
        return _Atoms(*(getattr(self, item.name)[keep] for item in fields(self)))

    def __len__(self) -> int:
        return len(self.prices)


_MODULO = "%"


def _comparison(atoms: _Atoms, index: int, terms: Sequence[Expression]) -> Comparison:
    name, left, right = str(atoms.names[index]), terms[atoms.left[index]], int(atoms.right[index])
    if name == _MODULO:
        return Comparison("==", Op("%", (left, terms[right])), Const(0))
    return Comparison(name, left, terms[right] if right >= 0 else _number(float(atoms.bounds[index])))


def learn(
    values: dict[str, np.ndarray],
    is_valid: np.ndarray,
    symbols: Sequence[str],
    tensors: Sequence[Sequence[str]],
    outputs: Iterable[Expression],
) -> tuple[tuple[Constraint, ...], np.ndarray]:
    """Constraints that hold in all valid calls, and the positions of invalid calls that none of them refuses.

    ``values`` has a vector for every symbol, ``is_valid`` says which rows ran; ``tensors`` are the names of each
    tensor's dimensions.
    """
    good, bad = np.flatnonzero(is_valid), np.flatnonzero(~is_valid)
    if len(bad) == 0 or len(good) == 0:
        return (), bad
    if len(good) > _MAX_ROWS:
        good = good[np.linspace(0, len(good) - 1, _MAX_ROWS).astype(int)]
    if len(bad) > _MAX_ROWS:
        bad = bad[np.linspace(0, len(bad) - 1, _MAX_ROWS).astype(int)]
    terms = _terms(symbols, tensors, outputs, values)
    matrix = np.array([np.asarray(evaluate(term, values), dtype=float) * np.ones(len(is_valid)) for term in terms])
    dims = {name for names in tensors for name in names}
    atoms = _atoms(terms, matrix[:, good], matrix[:, bad], dims)
    chosen: list[Constraint] = []
    left = np.ones(len(bad), dtype=bool)
    always = atoms.where(np.all(atoms.valid, axis=1))
    fits, refuses, prices = _broadcasts(tensors, values, good, bad)
    picked = _cover(
        left,
        np.concatenate([~always.invalid, refuses]) if fits else ~always.invalid,
        np.concatenate([always.prices, prices]) if fits else always.prices,
    )
    for index in picked:
        chosen.append(_comparison(always, index, terms) if index < len(always) else fits[index - len(always)])
    if left.any():
        pairs, refuses, prices = _halves(atoms, left, terms)
        chosen += [pairs[index] for index in _cover(left, refuses, prices)]
    chosen = [item for item in chosen if _always(item, values, is_valid)]
    return tuple(chosen), bad[left]


def _always(constraint: Constraint, values: dict[str, np.ndarray], is_valid: np.ndarray) -> bool:
    found = holds(constraint, values)
    return bool(np.broadcast_to(found, is_valid.shape)[is_valid].all())


def _terms(
    symbols: Sequence[str],
    tensors: Sequence[Sequence[str]],
    outputs: Iterable[Expression],
    values: dict[str, np.ndarray],
) -> list[Expression]:
    """What is compared, the likeliest first."""
    found: dict[Expression, None] = dict.fromkeys(Sym(name) for name in symbols)

    def parts(expression: Expression) -> None:
        if isinstance(expression, Op) and expression.name != "/":
            found.setdefault(expression)
        for item in children(expression):
            parts(item)

    for expression in outputs:
        parts(expression)
    dims = {name for names in tensors for name in names}
    numbers = [name for name in symbols if name not in dims and values[name].dtype == np.int64]
    for names in tensors:
        if len(names) > 1:
            found.setdefault(product([Sym(name) for name in names]))
    lists: dict[str, list[str]] = {}
    for name in numbers:
        if name.endswith("]"):
            lists.setdefault(name.rpartition("[")[0], []).append(name)
    for names in lists.values():
        if len(names) > 1:
            found.setdefault(product([Sym(name) for name in names]))
            found.setdefault(total([(1, Sym(name)) for name in names]))
    for name in numbers[:6]:
        found.setdefault(op("*", 2, Sym(name)))
    for one, two in combinations(numbers[:5], 2):
        found.setdefault(op("+", Sym(one), Sym(two)))
        found.setdefault(op("*", Sym(one), Sym(two)))
    for name in numbers[:3]:
        for dim in sorted(dims)[:6]:
            found.setdefault(op("+", Sym(dim), Sym(name)))
            found.setdefault(op("*", Sym(dim), Sym(name)))
    return list(found)[:_MAX_TERMS]


def _atoms(terms: Sequence[Expression], good: np.ndarray, bad: np.ndarray, dims: set[str]) -> _Atoms:
    """All comparisons of terms with bounds and with each other that refuse something and hold somewhere."""
    blocks: list[_Atoms] = []
    # A product of all sizes is one thing, the number of elements.
    # The product of two numbers says at once what belongs into two constraints, and more than that.
    numbers = {term.name for term in terms if isinstance(term, Sym)} - dims
    sizes = np.array(
        [2.0 if _is_product(term) else size(term) + (3.0 if _is_pair(term, numbers) else 0.0) for term in terms]
    )
    everything = np.arange(len(terms))

    def add(
        name: str,
        left: np.ndarray,
        right: np.ndarray,
        bounds: np.ndarray,
        prices: np.ndarray,
        fits: np.ndarray,
        also: np.ndarray,
    ) -> None:
        keep: np.ndarray = np.any(fits, axis=1) & ~np.all(also, axis=1)
        names = np.full(len(left), name, dtype="U2")
        blocks.append(_Atoms(names, left, right, bounds, prices, fits, also).where(keep))

    none = np.full(len(terms), -1)
    low, high = good.min(axis=1), good.max(axis=1)
    bounded: tuple[tuple[str, Any, np.ndarray | None, float, float], ...] = (
        (">=", np.greater_equal, low, 1.0, 2.5),
        ("<=", np.less_equal, high, 1.5, 3.0),
        ("==", np.equal, low, 1.8, 2.5),
        ("!=", np.not_equal, None, 2.0, 2.0),
    )
    for name, test, ends, nice, odd in bounded:
        nice_ones = _NICE if name in (">=", "<=") else (0, 1, 2, 3, 4)
        bounds = [np.full(len(terms), float(value)) for value in nice_ones]
        for bound in bounds if ends is None else [*bounds, ends]:
            column = bound[:, None]
            prices = sizes + np.where(np.isin(bound, _NICE), nice, odd)
            add(name, everything, none, bound, prices, test(good, column), test(bad, column))
    one, two = np.triu_indices(len(terms), 1)
    keep = sizes[one] + sizes[two] <= 11
    one, two = one[keep], two[keep]
    owner = [term.name.rpartition("[")[0] if isinstance(term, Sym) and term.name in dims else "" for term in terms]
    # Two sizes of one tensor rarely bound each other, except that matrices may have to be square.
    within = np.array([bool(owner[i]) and owner[i] == owner[j] for i, j in zip(one, two)], dtype=bool)
    prices = sizes[one] + sizes[two] + 1
    nothing = np.zeros(len(one))
    a, b, c, d = good[one], good[two], bad[one], bad[two]
    compared: tuple[tuple[str, Any, np.ndarray], ...] = (
        ("==", np.equal, np.zeros(len(one))),
        *((name, test, np.where(within, 4.0, 1.0)) for name, test in _ORDERS),
        ("!=", np.not_equal, np.where(within, 5.0, 2.0)),
    )
    for name, test, extra in compared:
        add(name, one, two, nothing, prices + extra, test(a, b), test(c, d))
    small = sizes[one] + sizes[two] <= 4
    for first, second in ((one[small], two[small]), (two[small], one[small])):
        add(
            _MODULO,
            first,
            second,
            nothing[small],
            prices[small] + 2,
            _divides(good, first, second),
            _divides(bad, first, second),
        )
    return _Atoms(*(np.concatenate([getattr(block, item.name) for block in blocks]) for item in fields(_Atoms)))


def _is_product(term: Expression) -> bool:
    if isinstance(term, Op) and term.name == "*":
        return all(isinstance(item, Sym) or _is_product(item) for item in term.operands) and size(term) > 3
    return False


def _is_pair(term: Expression, numbers: set[str]) -> bool:
    if not (isinstance(term, Op) and term.name in ("*", "+")):
        return False
    return all(isinstance(item, Sym) and item.name in numbers for item in term.operands)


_ORDERS = (("<=", np.less_equal), (">=", np.greater_equal), ("<", np.less), (">", np.greater))


def _divides(matrix: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    divisor = matrix[second]
    return (divisor != 0) & (np.mod(matrix[first], np.where(divisor == 0, 1, divisor)) == 0)


def _number(value: float) -> Const:
    return Const(int(value)) if float(value).is_integer() else Const(float(value))


# Dimensions of a tensor that are looked at for broadcasting.
_BROADCAST = 5


def _broadcasts(
    tensors: Sequence[Sequence[str]], values: dict[str, np.ndarray], good: np.ndarray, bad: np.ndarray
) -> tuple[list[Constraint], np.ndarray, np.ndarray]:
    """Two tensors' sizes fit if they are equal or one of them is 1; also one way round: those
    that hold in all valid calls, what they refuse, and their prices."""
    constraints: list[Constraint] = []
    refuses, prices = [], []
    for one, two in combinations(range(len(tensors)), 2):
        for left in tensors[one][-_BROADCAST:]:
            for right in tensors[two][-_BROADCAST:]:
                # Places counted from the end; einsum matches others as well.
                aligned = tensors[one].index(left) - len(tensors[one]) == tensors[two].index(right) - len(tensors[two])
                a, b = values[left], values[right]
                equal = Comparison("==", Sym(left), Sym(right))
                first, second = (Comparison("==", Sym(name), Const(1)) for name in (left, right))
                for options, fits, price in (
                    ((equal, first, second), (a == b) | (a == 1) | (b == 1), 3.0),
                    ((equal, first), (a == b) | (a == 1), 3.5),
                    ((equal, second), (a == b) | (b == 1), 3.5),
                ):
                    if fits[good].all():
                        constraints.append(AnyOf(options))
                        refuses.append(~fits[bad])
                        prices.append(price if aligned else price + 2)
    return constraints, np.array(refuses).reshape(len(refuses), len(bad)), np.array(prices)


def _cover(left: np.ndarray, refuses: np.ndarray, prices: np.ndarray) -> list[int]:
    """Greedily take what refuses most of what is left for its price; ``left`` is changed."""
    found: list[int] = []
    if len(prices) == 0:
        return found
    # Equal gains: what refuses more altogether is the more general explanation.
    general = 1e-6 * refuses.sum(axis=1) - 1.001 * _PRICE * prices
    while left.any():
        gains = refuses[:, left].sum(axis=1)
        best = int(np.argmax(np.where(gains > 0, gains + general, -np.inf)))
        if gains[best] == 0:
            break
        found.append(best)
        left &= ~refuses[best]
    return found


def _halves(
    atoms: _Atoms, left: np.ndarray, terms: Sequence[Expression]
) -> tuple[list[Constraint], np.ndarray, np.ndarray]:
    """Disjunctions of two comparisons of which each holds in some valid calls and both together in all."""
    always = atoms.valid.all(axis=1)
    refuses = (~atoms.invalid[:, left]).sum(axis=1)
    keep = ~always & (atoms.valid.mean(axis=1) >= 0.08) & (refuses > 0) & (atoms.prices <= 7)
    places = np.flatnonzero(keep)
    places = places[np.argsort(-(refuses[places] - _PRICE * atoms.prices[places]), kind="stable")][:_MAX_HALVES]
    half = atoms.where(places)
    one, two = np.triu_indices(len(half), 1)
    both = np.array([], dtype=bool)
    if len(one):
        both = (half.valid[one] | half.valid[two]).all(axis=1)
    one, two = one[both], two[both]
    refused = ~(half.invalid[one] | half.invalid[two])
    some = refused[:, left].any(axis=1) if len(one) else np.array([], dtype=bool)
    one, two, refused = one[some], two[some], refused[some]
    constraints: list[Constraint] = [
        AnyOf((_comparison(half, int(i), terms), _comparison(half, int(j), terms))) for i, j in zip(one, two)
    ]
    return constraints, refused.reshape(len(one), len(left)), half.prices[one] + half.prices[two] + 1.0
