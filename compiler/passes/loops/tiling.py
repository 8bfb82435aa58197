"""Tiling: cuts the iterations of nested loops into blocks that stay in cache; of one loop, strip-mining."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce as fold

from misfold.compiler.loops.dependence import Dependence, dependences
from misfold.compiler.loops.ir import Binary, Const, Expr, For, Function, If, Statement, Var, index
from misfold.compiler.loops.ranges import Ranges
from misfold.compiler.loops.verify import trip_count
from misfold.compiler.loops.visit import Block, Names, substitute_block
from misfold.compiler.passes.base import LoopPass, parameter

from .nests import (
    bounds_are_free,
    may_differ,
    moderate,
    perfect_nest,
    plus,
    rebuilt,
    reorderable,
    rewrite_block,
    rewrite_loops,
    smaller,
)


@dataclass(frozen=True)
class Tiling(LoopPass):
    """Tiles the innermost ``depth`` loops of each perfect nest: Wolf and Lam, "A Data Locality Optimizing Algorithm"
    (PLDI 1991).

    Loops that are not longer than a tile stay whole inside of the tiles. Loops with a step other than 1, such as those
    over tiles, are left alone, so tiling twice tiles once.
    """

    name = "tiling"
    precondition = (
        "The loops tiled are serial or parallel, have step 1, bounds that do not depend on each other or on memory, "
        "and can be permuted freely: no dependence carried by one of them, reductions aside, has a negative distance "
        "in another. One loop alone can always be cut."
    )

    size: int = parameter(32, "iterations of each loop in a tile", (2, 4, 8, 16, 32, 64, 128, 256))
    depth: int = parameter(2, "how many loops of a nest, counted from the inside", (1, 2, 3, 4))
    tail: str = parameter(
        "min", "tiles that stick out: min: have a shorter loop; guard: skip iterations by an if", ("min", "guard")
    )

    def run(self, function: Function) -> Function:
        names = Names(function)
        return rewrite_loops(function, lambda loop, ranges: self._visit(loop, ranges, names))

    def _visit(self, loop: For, ranges: Ranges, names: Names) -> Sequence[Statement] | None:
        if not reorderable(loop):
            return None
        nest = perfect_nest(loop)
        scopes = [ranges]
        for one in nest:
            scopes.append(scopes[-1].inside(one))
        body = rewrite_block(nest[-1].body, scopes[-1], lambda inner, around: self._visit(inner, around, names))
        for first in range(max(0, len(nest) - self.depth), len(nest)):
            tiled = self._tiled(nest[first:], body, scopes[first], names)
            if tiled is not None:
                return rebuilt(nest[:first], tiled)
        return (loop,) if body is nest[-1].body else rebuilt(nest, body)

    def _tiled(self, band: list[For], body: Block, ranges: Ranges, names: Names) -> Block | None:
        variables = [loop.var.name for loop in band]
        if not any(self._long(loop) for loop in band):
            return None
        if not all(loop.step == 1 and moderate(loop, ranges) and bounds_are_free(loop, variables) for loop in band):
            return None
        everything = dependences(band[0], ranges) if len(band) > 1 else []
        if not permutable(variables, everything):
            return None
        outer, inner, conditions = [], [], []
        values: dict[str, Expr] = {}
        for number, loop in enumerate(band):
            trips = trip_count(loop)
            if not self._long(loop):
                inner.append(loop)
                continue
            name = loop.var.name
            tile = Var(names.fresh(f"{name}_tile"))
            moved = number > 0 and any(may_differ(one, name) for one in everything)
            outer.append(replace(loop, var=tile, step=self.size, kind="serial" if moved else loop.kind))
            exact = trips is not None and trips % self.size == 0
            if self.tail == "min" and not exact:
                inner.append(replace(loop, start=tile, stop=smaller(plus(tile, self.size), loop.stop)))
                continue
            offset = Var(names.fresh(f"{name}_in"))
            values[name] = plus(tile, offset)
            inner.append(replace(loop, var=offset, start=index(0), stop=index(self.size)))
            if not exact:
                conditions.append(Binary("lt", values[name], loop.stop))
        body = substitute_block(body, values)
        if conditions:
            body = (If(fold(lambda left, right: Binary("and", left, right), conditions), body),)
        return rebuilt([*outer, *inner], body)

    def _long(self, loop: For) -> bool:
        trips = trip_count(loop)
        if trips is None:
            # the loops inside of tiles are short, though their bounds are not constants
            return not (isinstance(loop.start, Var) and _within(loop, self.size))
        return trips > self.size


def _within(loop: For, size: int) -> bool:
    """Whether a loop runs from a variable up to a constant not beyond ``size`` further, or less."""
    match loop.stop:
        case Binary("min", Binary("add", left, Const(room, _)), _) | Binary("add", left, Const(room, _)):
            return left == loop.start and room <= size
    return False


def permutable(variables: Sequence[str], everything: Sequence[Dependence]) -> bool:
    """Whether adjacent loops can be put in any order, in tiles too: no distance in any of them is negative."""
    for one in everything:
        if one.kind == "reduction":
            continue
        for name in variables[1:]:
            if name in one.loops and one.interval(name)[0] < 0 and one.may({name: ">"}):
                return False
    return True
