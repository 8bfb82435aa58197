"""What a statement can use where it stands, and what one generation shares."""

from __future__ import annotations

import random as randomness
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeVar

from misfold.compiler.dtypes import DType
from misfold.compiler.loops.ir import Buffer, Expr, Var
from misfold.compiler.loops.visit import Names

from .options import Options

#: What is known of a float. ``whole``: an integer, small enough for sums of them to be exact; ``exact``: anything
#: that every right implementation computes alike, bit by bit; ``approximate``: the rest. Other types are ``exact``.
Grade = Literal["whole", "exact", "approximate"]
Item = TypeVar("Item")


@dataclass(frozen=True)
class Bounded:
    """An expression of type INDEX and the closed interval that its values are in."""

    expression: Expr
    low: int
    high: int


@dataclass(frozen=True)
class View:
    """What may be done with a buffer here. ``pins`` are dimensions that must be indexed by just that expression."""

    buffer: Buffer
    grade: Grade
    readable: bool
    writable: bool
    pins: Mapping[int, Expr] = field(default_factory=dict)
    #: The only ``reduce`` that may be done, where nothing else may.
    reducing: str | None = None
    #: The largest magnitude of an element of a whole buffer.
    bound: int = 0
    #: How often it is bound at most: each time anew.
    runs: int = 1


@dataclass(frozen=True)
class Known:
    """A ``let`` variable; ``bound`` is the largest magnitude of a whole one."""

    var: Var
    grade: Grade
    bound: int = 0


@dataclass
class Scope:
    """What is visible. Blocks inside get a copy (``inner``), so that what they bind ends with them."""

    positions: list[Bounded] = field(default_factory=list)
    variables: list[Known] = field(default_factory=list)
    views: dict[str, View] = field(default_factory=dict)
    #: How often what stands here runs at most.
    runs: int = 1
    loops: int = 0
    blocks: int = 0
    #: Inside of a vectorised loop.
    vectorised: bool = False

    def inner(self) -> Scope:
        """A copy for a block inside."""
        return replace(
            self,
            positions=list(self.positions),
            variables=list(self.variables),
            views=dict(self.views),
            blocks=self.blocks + 1,
        )

    def readable(self, dtype: DType, grade: Grade) -> list[View]:
        """Buffers of a type that can be read, and whose elements are of a grade."""
        return [
            view for view in self.views.values() if view.readable and view.grade == grade and view.buffer.dtype == dtype
        ]

    def known(self, dtype: DType, grade: Grade) -> list[Known]:
        """``let`` variables of a type and a grade."""
        return [known for known in self.variables if known.grade == grade and known.var.dtype == dtype]


@dataclass
class State:
    """What one generation shares: chance, names, and how much may still be spent."""

    random: randomness.Random
    options: Options
    names: Names = field(default_factory=Names)
    #: Element types and sizes that most of a program keeps to, so that its parts have to do with one another.
    palette: tuple[DType, ...] = ()
    sizes: tuple[int, ...] = ()
    statements: int = 0
    #: By how much sums may still move the elements of each whole buffer, by its name.
    room: dict[str, int] = field(default_factory=dict)

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return self.random.random() < probability

    def __post_init__(self) -> None:
        dtypes, extent = self.options.dtypes, self.options.extent
        self.palette = tuple([self.pick(dtypes) for _ in range(self.random.randint(1, 3))])
        self.sizes = tuple([self.random.randint(1 + extent // 4, extent) for _ in range(self.random.randint(1, 3))])

    def dtype(self) -> DType:
        """An element type: mostly one of the program's few."""
        return self.pick(self.palette if self.chance(0.85) else self.options.dtypes)

    def size(self, most: int) -> int:
        """A size of at least 1: mostly one of the program's few."""
        fitting = [size for size in self.sizes if size <= most]
        return self.pick(fitting) if fitting and self.chance(0.75) else self.random.randint(1, most)

    def weighted(self, choices: Mapping[Item, float]) -> Item:
        """One of the keys, by weight."""
        return self.random.choices(list(choices), list(choices.values()))[0]

    def pick(self, items: Sequence[Item]) -> Item:
        """One of the items."""
        return items[self.random.randrange(len(items))]


def cap(dtype: DType) -> int:
    """The largest magnitude of an element of a whole buffer of floats: far below what is exact."""
    return min(1 << (dtype.precision - 2), 4096) if dtype.is_float else 0
