"""Fresh calls of a partial operator: the numbers of calls that are known to run, changed in the ways that matter."""

from __future__ import annotations

import random
from collections.abc import Sequence

from ..rules.structure import Structure
from .partials import Row

# Sizes that calls are tried with: all small ones, and a few that vectors and blocks do not divide.
SIZES = (1, 1, 2, 2, 3, 3, 4, 4, 5, 6, 7, 8, 9, 10, 12, 13, 16)
NUMBERS = (0, 1, 1, 2, 2, 3, 3, 4, 5, 6, 7, -1, -2, 8, 10)
FLOATS = (0.5, 0.0, 1.0, 2.0, 1.5, 0.1, 3.0, -1.0, 0.25, 2.5)
# Tensors larger than this make a call slow and show nothing.
MAX_ELEMENTS = 2**13
# A number above this may ask for gigabytes.
MAX_NUMBER = 64

Values = tuple[int | float, ...]


class Sampler:
    """Draws numbers for the symbols of a structure."""

    def __init__(self, structure: Structure, rng: random.Random):
        self._names = structure.symbols
        self._rng = rng
        self._is_dim = [name in structure.dimensions for name in self._names]
        self._is_float = [name in structure.floats for name in self._names]
        self._tensors = [
            [self._names.index(f"{hole.name}[{index}]") for index in range(hole.rank)] for hole in structure.tensors
        ]
        self._dims = [index for index, flag in enumerate(self._is_dim) if flag]

    def draw(self, rows: Sequence[Row]) -> Values | None:
        """Numbers near those of one of the rows; None if what came out is too large."""
        if not self._names:
            return None
        rng = self._rng
        values = list(rng.choice(rows).values)
        kind = rng.random()
        if kind < 0.35:
            self._together(values, rng.choice((1, 1, 2, 3)))
        elif kind < 0.5:
            self._apart(values)
        elif kind < 0.68:
            for _ in range(rng.choice((1, 1, 2))):
                self._single(values, rng.randrange(len(values)))
        elif kind < 0.74:
            self._trade(values)
        elif kind < 0.85:
            self._together(values, len(values))
            if rng.random() < 0.5:
                self._single(values, rng.randrange(len(values)))
        else:
            other = rng.choice(rows).values
            for index in range(len(values)):
                if not self._is_dim[index] and rng.random() < 0.6:
                    values[index] = other[index]
            self._together(values, 1)
        return self._checked(values)

    def sweep(self, rows: Sequence[Row]) -> list[Values]:
        """Every symbol moved by itself, from calls that leave room: what each one does shows."""
        bases = sorted(rows, key=lambda row: (-len(set(row.values)), -min(max(row.values, default=0), 16)))[:1]
        bases += [self._rng.choice(rows)]
        found: dict[Values, None] = {}
        for row in bases:
            for index, value in enumerate(row.values):
                if self._is_float[index]:
                    steps: tuple[int | float, ...] = (0.0, 0.5, 1.0, 2.0, -1.0)
                elif self._is_dim[index]:
                    steps = (1, int(value) + 1, int(value) + 2, int(value) + 5)
                else:
                    steps = (0, 1, 2, 3, 4, int(value) + 1, -1)
                for step in steps:
                    values = list(row.values)
                    values[index] = step
                    checked = self._checked(values)
                    if step != value and checked is not None:
                        found.setdefault(checked)
        return list(found)

    def _trade(self, values: list[int | float]) -> None:
        """Swap two sizes or two numbers, or move a factor from one to another: their product stays."""
        rng = self._rng
        same = [index for index, flag in enumerate(self._is_dim) if not self._is_float[index]]
        if rng.random() < 0.7:
            kind = rng.random() < 0.5
            same = [index for index in same if self._is_dim[index] == kind] or same
        if len(same) < 2:
            self._single(values, rng.randrange(len(values)))
            return
        one, two = rng.sample(same, 2)
        if rng.random() < 0.5:
            values[one], values[two] = values[two], values[one]
            return
        for factor in (2, 3, 5):
            if values[one] and values[one] % factor == 0:
                values[one] = values[one] // factor
                values[two] *= factor
                return

    def _together(self, values: list[int | float], count: int) -> None:
        """Give other values to numbers that are equal, all of them at once."""
        rng = self._rng
        present = list(dict.fromkeys(values[index] for index in self._dims))
        if not present:
            self._single(values, rng.randrange(len(values)))
            return
        chosen = present if count >= len(present) else rng.sample(present, count)
        new = {value: 0 if rng.random() < 0.02 else rng.choice(SIZES) for value in chosen}
        numbers = rng.random() < 0.5
        for index, value in enumerate(values):
            if value in new and (self._is_dim[index] or (numbers and not self._is_float[index])):
                values[index] = new[value]

    def _apart(self, values: list[int | float]) -> None:
        """Give another value to some of the sizes that are equal: they may be equal by accident."""
        rng = self._rng
        if not self._dims:
            self._single(values, rng.randrange(len(values)))
            return
        value = values[rng.choice(self._dims)]
        new = rng.choice(SIZES)
        for index in self._dims:
            if values[index] == value and rng.random() < 0.5:
                values[index] = new

    def _single(self, values: list[int | float], index: int) -> None:
        rng = self._rng
        value = values[index]
        if self._is_float[index]:
            values[index] = rng.choice((value * 2, value / 2, -value, *FLOATS))
            return
        kind = rng.random()
        if kind < 0.35:
            value += rng.choice((1, -1, 1, -1, 2))
        elif kind < 0.5:
            value = int(rng.choice([item for item, flag in zip(values, self._is_float) if not flag]))
        elif kind < 0.6:
            value *= 2
        elif kind < 0.75:
            value = 1
        else:
            value = rng.choice(SIZES if self._is_dim[index] else NUMBERS)
        values[index] = max(value, 0) if self._is_dim[index] else value

    def _checked(self, values: list[int | float]) -> Values | None:
        for tensor in self._tensors:
            elements = 1
            for index in tensor:
                elements *= max(int(values[index]), 1)
            if elements > MAX_ELEMENTS:
                return None
        large = any(abs(value) > MAX_NUMBER and not flag for value, flag in zip(values, self._is_dim))
        return None if large else tuple(values)
