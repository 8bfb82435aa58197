"""The bank: small terms over the symbols as vectors over the records, one of each value (observational equivalence).

Vectors are compared by a hash that is linear modulo 2**64, so that whether two terms add up to a goal is one look-up.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..rules.expressions import OPERATIONS, Const, Expression, Op, Sym, evaluate, op, size

# Constants that shape rules are made of.
CONSTANTS = (1, 2)
# Terms of two symbols: what is kept grows with the square of the number of symbols.
MAX_TERMS = 12_000
_SEED = 20


@dataclass
class Bank:
    """Distinct terms, cheapest first: row ``i`` of ``matrix`` holds the values of ``term(i)``."""

    matrix: np.ndarray
    hashes: np.ndarray
    weights: np.ndarray
    makers: list[tuple[str, int, int]]
    atoms: list[Expression]
    order: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.order = np.argsort(self.hashes, kind="stable")

    def term(self, index: int) -> Expression:
        """The term itself."""
        name, left, right = self.makers[index]
        return self.atoms[left] if not name else op(name, self.atoms[left], self.atoms[right])

    def find(self, hashes: np.ndarray) -> np.ndarray:
        """For each hash the index of a term that has it, or -1."""
        ordered = self.hashes[self.order]
        places = np.searchsorted(ordered, hashes)
        places = np.minimum(places, len(ordered) - 1)
        return np.where(ordered[places] == hashes, self.order[places], -1)


def hash_weights(rows: int) -> np.ndarray:
    """Odd random weights, the same for the same number of rows."""
    draw = np.random.Generator(np.random.PCG64(_SEED))
    return draw.integers(0, 2**63, rows, dtype=np.uint64) | np.uint64(1)


def linear_hash(matrix: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """One 64-bit hash a row of the matrix; that of a sum is the sum of the hashes."""
    return (matrix.astype(np.uint64) * weights).sum(axis=-1, dtype=np.uint64)


_PAIRS = ("+", "-", "*", "//", "ceildiv", "%", "min", "max", "broadcast")
_SYMMETRIC = frozenset({"+", "*", "min", "max", "broadcast"})


def bank(symbols: Sequence[str], values: dict[str, np.ndarray], rows: int) -> Bank:
    """All terms of at most one operation on the symbols (integers) and constants."""
    # What may be negative acts by its size, or on one side of zero only: offsets do.
    signed = [Sym(name) for name in symbols if (values[name] < 0).any()]
    parts = [Op("abs", (item,)) for item in signed]
    parts += [Op(name, (item, Const(0))) for item in signed for name in ("max", "min")]
    atoms: list[Expression] = [*map(Sym, symbols), *parts, *map(Const, CONSTANTS)]
    base = np.array([np.broadcast_to(evaluate(item, values), rows) for item in atoms], dtype=np.int64)
    base = base.reshape(len(atoms), rows)
    weights = hash_weights(rows)
    blocks, makers = [base], [("", index, index) for index in range(len(atoms))]
    count = len(atoms)
    for name in _PAIRS:
        left, right = np.meshgrid(np.arange(count), np.arange(count), indexing="ij")
        keep = left < right if name in _SYMMETRIC else left != right
        if name in ("//", "ceildiv", "%"):
            # A divisor is never zero in a valid call.
            keep &= (base != 0).all(axis=1)[right]
        if name in ("min", "max", "broadcast"):
            keep &= (left < len(symbols)) & (right < len(symbols))
        picks = np.argwhere(keep)
        if len(picks) == 0:
            continue
        blocks.append(OPERATIONS[name](base[picks[:, 0]], base[picks[:, 1]]))
        makers += [(name, int(one), int(two)) for one, two in picks]
    matrix = np.concatenate(blocks)
    hashes = linear_hash(matrix, weights)
    _, first = np.unique(hashes, return_index=True)
    first = np.sort(first)[:MAX_TERMS]
    return Bank(matrix[first], hashes[first], weights, [makers[index] for index in first], atoms)


def cheapest(found: Iterator[Expression]) -> Expression | None:
    """The smallest of some expressions, the first of equals."""
    return min(found, key=size, default=None)
