"""Writes loop IR statement by statement, from the outside in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

from misfold.compiler.dtypes import DType
from misfold.compiler.loops.ir import Allocate, Buffer, Const, Expr, For, Let, Statement, Var, index
from misfold.compiler.loops.visit import Names

from .indices import Indices


class Emitter:
    """Holds the block that is being written, and what is known there.

    ``known`` remembers the expressions of values that have been computed: what an inner block has computed is forgotten
    at its end, since its ``let`` variables end there.
    """

    def __init__(self, names: Names):
        self.names = names
        self.indices = Indices()
        self.known: dict[tuple, Expr] = {}
        self.block: list[Statement] = []
        self._remembered: list[tuple] = []

    def emit(self, statement: Statement) -> None:
        self.block.append(statement)

    def let(self, wish: str, value: Expr) -> Expr:
        """A variable that holds the value; constants and variables stand for themselves."""
        if isinstance(value, Const | Var):
            return value
        var = Var(self.names.fresh(wish), value.dtype)
        self.indices.ranges[var.name] = self.indices.range(value)
        self.block.append(Let(var, value))
        return var

    def allocate(
        self, wish: str, dtype: DType, shape: tuple[int, ...], strides: tuple[int, ...] | None = None
    ) -> Buffer:
        """A new local buffer, allocated in this block."""
        buffer = Buffer(self.names.fresh(wish), dtype, shape, strides)
        self.block.append(Allocate(buffer))
        return buffer

    def remember(self, key: tuple, value: Expr) -> None:
        """Make ``known[key]`` be the value until the end of this block."""
        self.known[key] = value
        self._remembered.append(key)

    @contextmanager
    def loop(self, extent: int | Expr, wish: str = "i", start: int | Expr = 0) -> Iterator[Expr]:
        """A block that runs for each index in start..extent; the index.

        There is no loop where there is only one index, and nothing at all where there is none.
        """
        bounds = index(start) if isinstance(start, int) else start, index(extent) if isinstance(extent, int) else extent
        count = extent - start if isinstance(extent, int) and isinstance(start, int) else None
        if count == 1:
            yield bounds[0]
            return
        var = Var(self.names.fresh(wish))
        (low, _), (_, high) = self.indices.range(bounds[0]), self.indices.range(bounds[1])
        self.indices.ranges[var.name] = (low, max(low, high - 1))
        outer, self.block = self.block, []
        remembered, self._remembered = self._remembered, []
        yield var
        for key in self._remembered:
            self.known.pop(key, None)
        body, self.block, self._remembered = self.block, outer, remembered
        if body and (count is None or count > 0):
            self.block.append(For(var, *bounds, tuple(body)))

    @contextmanager
    def loops(self, extents: Mapping[int, int], wish: str = "i") -> Iterator[dict[int, Expr]]:
        """Nested loops, the first outermost: the index of each dimension in ``extents``."""
        with ExitStack() as stack:
            yield {dim: stack.enter_context(self.loop(extent, f"{wish}{dim}")) for dim, extent in extents.items()}
