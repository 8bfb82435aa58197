"""Trials sorted into partial operators, with the numbers of each as rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from misfold.programs.types import TensorType

from ..rules.structure import Structure, structure_of
from ..traces.call import DYNAMIC, NEEDED, Call

# Parameters that name a dimension rather than measure one: their values decide what the rule looks like, as ranks do.
_AXES = re.compile(
    r"^(dim|dims|dim0|dim1|dim2|axis|axes|axis0|axis1|start_dim|end_dim|source|destination|batch_dim|dim_self|dim_other|"
    r"dim_feature|normalized_dim)(\[\d+\])*$"
)
# Shapes, in which -1 stands for "whatever is left" and is no number.
_SHAPES = re.compile(r"^(size|shape|sizes|repeats|unflattened_size|sizes_?|dims_?|s|n)(\[\d+\])*$")
# Beyond this a number says nothing about shapes, and products of it leave 64 bits.
LARGEST = 2**20

# What came back: for each output its shape, or None for one that is no tensor.
Shapes = tuple[tuple[int, ...] | None, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One executed call: numbers in the order of the structure's symbols, and what came back or went wrong."""

    values: tuple[int | float, ...]
    dtypes: tuple[str, ...]
    shapes: Shapes = ()
    names: tuple[str, ...] = ()
    error: str = ""
    note: str = ""

    @property
    def valid(self) -> bool:
        return not self.error


@dataclass
class Partial:
    """A partial operator with its rows. ``single``: one tensor comes back rather than a sequence."""

    structure: Structure
    valid: list[Row] = field(default_factory=list)
    invalid: list[Row] = field(default_factory=list)
    single: bool = True
    dynamic: bool = False
    needed: bool = False
    # Values and element types tried so far.
    seen: set[tuple[tuple[int | float, ...], tuple[str, ...]]] = field(default_factory=set)

    def add(self, row: Row) -> bool:
        """Keep a row unless there is one of the same call; whether it was kept."""
        key = (row.values, row.dtypes)
        if key in self.seen or any(abs(value) > LARGEST for value in row.values):
            return False
        self.seen.add(key)
        (self.valid if row.valid else self.invalid).append(row)
        return True


def is_fixed(name: str, value: int) -> bool:
    """Whether an integer argument is part of the structure: it names an axis, or stands for what is left."""
    return bool(_AXES.match(name)) or (value == -1 and bool(_SHAPES.match(name)))


def flat_outputs(outputs: Any) -> tuple[Shapes, tuple[str, ...]] | None:
    """Shapes and names of element types (or of scalars) of all outputs, left to right; None of none."""
    shapes: list[tuple[int, ...] | None] = []
    names: list[str] = []

    def walk(item: Any) -> None:
        if isinstance(item, TensorType):
            shapes.append(item.shape)
            names.append(item.dtype.name)
        elif isinstance(item, tuple | list):
            for part in item:
                walk(part)
        elif isinstance(item, str):
            shapes.append(None)
            names.append(item)

    walk(outputs)
    return (tuple(shapes), tuple(names)) if shapes else None


def row_of(values: Sequence[int | float], dtypes: Sequence[str], outputs: Any, error: str, note: str) -> Row | None:
    """A row of what a call gave; None for a call that returns nothing that a rule could describe."""
    if error:
        return Row(tuple(values), tuple(dtypes), error=error)
    found = flat_outputs(outputs)
    return None if found is None else Row(tuple(values), tuple(dtypes), *found, note=note)


def partials(
    trials: Iterable[tuple[Call, Any, str, str]],
    names_of: Callable[[Call], Sequence[str]],
    fixed: Callable[[str, int], bool] = is_fixed,
) -> dict[str, Partial]:
    """Partial operators of trials ``(call, outputs, error, values)`` of one function, by the texts of their structures,
    in the order of their first. (Structures with lists or slices among their arguments cannot be hashed.)"""
    found: dict[str, Partial] = {}
    for call, outputs, error, note in trials:
        structure, values, dtypes = structure_of(call, names_of(call), fixed)
        row = row_of(tuple(values.values()), dtypes, outputs, error, note)
        if row is None:
            continue
        partial = found.get(structure.text)
        if partial is None:
            partial = found[structure.text] = Partial(structure)
        take(partial, row, outputs)
    return found


def take(partial: Partial, row: Row, outputs: Any) -> bool:
    """Add a row and what it says about the partial operator as a whole; whether it was new."""
    if not partial.add(row):
        return False
    if row.valid:
        partial.single = not isinstance(outputs, tuple | list)
        partial.dynamic = partial.dynamic or row.note == DYNAMIC
        partial.needed = partial.needed or row.note == NEEDED
    return True


def columns(names: Sequence[str], floats: frozenset[str], rows: Sequence[Row]) -> dict[str, np.ndarray]:
    """The rows' numbers as one vector a symbol: int64, or float64 for floating-point arguments."""
    return {
        name: np.array([row.values[index] for row in rows], dtype=np.float64 if name in floats else np.int64)
        for index, name in enumerate(names)
    }


def as_lists(data: Any) -> Any:
    """Sequences that crossed the process boundary come back as tuples, where output data has lists."""
    if isinstance(data, tuple | list):
        return [as_lists(item) for item in data]
    return {key: as_lists(item) for key, item in data.items()} if isinstance(data, dict) else data
