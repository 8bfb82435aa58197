"""Sliding windows as primitives: how many places a window has, and the inverse of that.

For a window of size ``k`` with dilation ``d`` on ``L`` elements padded by ``p`` at both ends, moving by ``s``:

    places      (L + 2p - d(k - 1) - 1) // s + 1
    ceil mode   min(ceildiv(L + 2p - d(k - 1) - 1, s) + 1, ceildiv(L + p, s))     no window starts beyond the padding
    inverse     (L - 1)s - 2p + d(k - 1) + o + 1

Source: V. Dumoulin, F. Visin, "A guide to convolution arithmetic for deep learning", 2016 (arXiv:1603.07285), and
torch's documentation of pooling. Which symbol plays which part is searched for; a part may be missing (0 or 1).
Products of two such numbers are recognised as well: a window that moves in two directions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product

import numpy as np

from ..rules.expressions import Const, Expression, Sym, op, size, symbols
from .terms import hash_weights, linear_hash

# Combinations of symbols in the five parts; more are cut off.
_MAX_COMBINATIONS = 40_000


def window(
    goal: np.ndarray,
    values: dict[str, np.ndarray],
    lengths: Sequence[str],
    numbers: Sequence[str],
    sizes: Sequence[str],
) -> Expression | None:
    """The goal as a number of places, in one of the three forms, or as a product of two such numbers.

    ``lengths`` may be ``L``, ``sizes`` and ``numbers`` may be ``k``, ``numbers`` the rest.
    """
    rows = len(goal)
    parts: list[list[Expression]] = [
        list(map(Sym, lengths)),
        [*map(Sym, dict.fromkeys((*numbers, *sizes))), Const(1)],
        [Const(0), *map(Sym, numbers)],
        [Const(1), *map(Sym, numbers)],
        [Const(1), *map(Sym, numbers)],
    ]
    combinations = [list(range(len(part))) for part in parts]
    picks = np.array(list(product(*combinations))[:_MAX_COMBINATIONS], dtype=int).reshape(-1, 5)
    if len(picks) == 0:
        return None
    columns = [_stack(part, values, rows) for part in parts]
    length, k, p, d, s = (column[picks[:, index]] for index, column in enumerate(columns))
    # A stride that is never zero.
    usable = (s > 0).all(axis=1)
    picks, length, k, p, d, s = picks[usable], length[usable], k[usable], p[usable], d[usable], s[usable]
    reach = length + 2 * p - d * (k - 1) - 1
    down = reach // s + 1
    up = np.minimum(-(-reach // s) + 1, -(-(length + p) // s))
    for vectors, form in ((down, _places), (up, _ceiling), ((length - 1) * s - 2 * p + d * (k - 1) + 1, _inverse)):
        found = np.flatnonzero((vectors == goal).all(axis=1))
        if len(found):
            return min((form(*_chosen(parts, picks[index])) for index in found[:400]), key=_cost)
    extra = _with_output_padding(goal, (length - 1) * s - 2 * p + d * (k - 1) + 1, picks, parts, values, numbers)
    return extra if extra is not None else _products(goal, down, picks, parts)


def _chosen(parts: Sequence[Sequence[Expression]], pick: np.ndarray) -> list[Expression]:
    return [part[index] for part, index in zip(parts, pick)]


def _stack(part: Sequence[Expression], values: dict[str, np.ndarray], rows: int) -> np.ndarray:
    return np.array(
        [values[item.name] if isinstance(item, Sym) else np.full(rows, item.value) for item in part],  # type: ignore[union-attr]
        dtype=np.int64,
    ).reshape(len(part), rows)


def _reach(length: Expression, k: Expression, p: Expression, d: Expression) -> Expression:
    padded = op("+", length, op("*", 2, p))
    if d == Const(1):
        return op("-", padded, k)
    return op("-", op("-", padded, op("*", d, op("-", k, 1))), 1)


def _places(length: Expression, k: Expression, p: Expression, d: Expression, s: Expression) -> Expression:
    return op("+", op("//", _reach(length, k, p, d), s), 1)


def _ceiling(length: Expression, k: Expression, p: Expression, d: Expression, s: Expression) -> Expression:
    first = op("+", op("ceildiv", _reach(length, k, p, d), s), 1)
    return op("min", first, op("ceildiv", op("+", length, p), s))


def _inverse(length: Expression, k: Expression, p: Expression, d: Expression, s: Expression) -> Expression:
    moved = op("-", op("*", op("-", length, 1), s), op("*", 2, p))
    return op("+", moved, k) if d == Const(1) else op("+", op("+", moved, op("*", d, op("-", k, 1))), 1)


def _with_output_padding(
    goal: np.ndarray,
    vectors: np.ndarray,
    picks: np.ndarray,
    parts: Sequence[Sequence[Expression]],
    values: dict[str, np.ndarray],
    numbers: Sequence[str],
) -> Expression | None:
    found: list[Expression] = []
    for name in numbers:
        for index in np.flatnonzero((vectors + values[name] == goal).all(axis=1))[:100]:
            found.append(op("+", _inverse(*_chosen(parts, picks[index])), Sym(name)))
    return min(found, key=_cost, default=None)


def _products(
    goal: np.ndarray, vectors: np.ndarray, picks: np.ndarray, parts: Sequence[Sequence[Expression]]
) -> Expression | None:
    """The goal as a product of two numbers of places."""
    divides: np.ndarray = np.all(vectors > 0, axis=1)
    divides[divides] = (goal % vectors[divides] == 0).all(axis=1)
    places = np.flatnonzero(divides & (vectors != 1).any(axis=1))
    if len(places) < 2:
        return None
    weights = hash_weights(len(goal))
    mine = linear_hash(vectors[places], weights)
    wanted = linear_hash(goal // vectors[places], weights)
    found: list[Expression] = []
    known = {int(value): index for index, value in reversed(list(enumerate(mine)))}
    for index, value in enumerate(wanted):
        other = known.get(int(value))
        if other is not None and other >= index:
            pair = [_best(mine, places, vectors, picks, parts, position, _places) for position in (index, other)]
            found.append(op("*", *pair))
    return min(found, key=_cost, default=None)


def _best(
    hashes: np.ndarray,
    places: np.ndarray,
    vectors: np.ndarray,
    picks: np.ndarray,
    parts: Sequence[Sequence[Expression]],
    position: int,
    form: Callable[..., Expression],
) -> Expression:
    """The cheapest of all expressions of equal value."""
    same = places[hashes == hashes[position]][:200]
    return min((form(*_chosen(parts, picks[index])) for index in same), key=_cost)


def _cost(expression: Expression) -> tuple[float, str]:
    """Size, and a little for parts taken from different places of lists: those of one direction belong together."""
    names = list(symbols(expression))
    places = {name.rpartition("[")[2] for name in names[1:] if name.endswith("]")}
    lengths = 0.4 * (len(set(names)) < len(names))
    return (size(expression) + 0.8 * len(places) + lengths, str(names))
