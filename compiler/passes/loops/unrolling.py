"""Writes several iterations of a loop one after the other."""

from __future__ import annotations

from dataclasses import dataclass, replace

from misfold.compiler.loops.ir import Binary, Const, Expr, For, Function, Statement, Var, index
from misfold.compiler.loops.ranges import Ranges
from misfold.compiler.loops.verify import trip_count
from misfold.compiler.loops.visit import Block, Names, map_blocks, renamed, statements, substitute_block
from misfold.compiler.passes.base import LoopPass, parameter

from .simplify import simplify_expression


@dataclass(frozen=True)
class Unrolling(LoopPass):
    """Short innermost loops disappear; of long ones, ``factor`` iterations become one, and a loop does the rest."""

    name = "unrolling"
    precondition = (
        "The loop is serial or unrolled, so that its iterations run in order, and the trip count is a constant or, for "
        "a partial unrolling, start and stop are such that their difference does not overflow."
    )

    factor: int = parameter(1, "iterations of an innermost serial loop that become one; 1: none", (1, 2, 4, 8))
    full: int = parameter(8, "trip counts up to this are written out whole", (0, 2, 4, 8, 16, 64))
    limit: int = parameter(64, "statements that one loop may become", (8, 64, 256, 1024))
    marked: bool = parameter(True, "whether loops of kind unrolled are written out here", (True, False))

    def run(self, function: Function) -> Function:
        unroller = _Unroller(self, Names(function))
        body = unroller.block(function.body)
        return replace(function, body=body) if unroller.changed else function


class _Unroller:
    def __init__(self, options: Unrolling, names: Names):
        self.options = options
        self.names = names
        self.changed = False

    def block(self, block: Block) -> Block:
        result: list[Statement] = []
        for statement in block:
            inner = map_blocks(statement, self.block)
            result += self.loop(inner) if isinstance(inner, For) else (inner,)
        return tuple(result)

    def loop(self, loop: For) -> Block:
        if loop.kind not in ("serial", "unrolled") or (loop.kind == "unrolled" and not self.options.marked):
            return (loop,)
        size = sum(1 for _ in statements(loop.body))
        trips = trip_count(loop)
        innermost = not any(isinstance(one, For) and one.kind != "vectorised" for one in statements(loop.body))
        if trips is not None and trips * size <= self.options.limit:
            if loop.kind == "unrolled" or (innermost and trips <= self.options.full):
                self.changed = True
                return self._copies(loop, trips)
        factor = self.options.factor
        if factor == 1 or loop.kind == "unrolled" or not innermost or factor * size > self.options.limit:
            return (loop,)
        return self._partial(loop, factor, trips)

    def _copies(self, loop: For, count: int) -> Block:
        """``count`` copies of the body, one after the other, the variable replaced. The first keeps its names."""
        result: list[Statement] = []
        for number in range(count):
            body = loop.body if number == 0 else renamed(loop.body, self.names)
            value = simplify_expression(Binary("add", loop.start, index(number * loop.step)), Ranges())
            result += substitute_block(body, {loop.var.name: value})
        return tuple(result)

    def _partial(self, loop: For, factor: int, trips: int | None) -> Block:
        if trips is not None:
            if trips < 2 * factor:
                return (loop,)
            assert isinstance(loop.start, Const) and isinstance(loop.stop, Const)
            last = int(loop.start.value) + trips // factor * factor * loop.step
            middle: Expr = index(min(last, int(loop.stop.value)))
        elif loop.step == 1 and isinstance(loop.start, Const) and loop.start.value >= 0:
            # start + (max(stop, start) - start) // factor * factor: the difference cannot overflow for a start >= 0.
            length = Binary("sub", Binary("max", loop.stop, loop.start), loop.start)
            whole = Binary("mul", Binary("floordiv", length, index(factor)), index(factor))
            middle = simplify_expression(Binary("add", loop.start, whole), Ranges())
        else:
            return (loop,)
        self.changed = True
        first = replace(loop, start=loop.var, step=loop.step)
        body = self._copies(first, factor)
        main = For(loop.var, loop.start, middle, body, loop.kind, loop.step * factor)
        if trips is not None and trips % factor == 0:
            return (main,)
        rest_var = Var(self.names.fresh(loop.var.name))
        rest_body = substitute_block(renamed(loop.body, self.names), {loop.var.name: rest_var})
        return (main, For(rest_var, middle, loop.stop, rest_body, loop.kind, loop.step))
