"""Loop fusion: makes one loop of two neighbours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from misfold.compiler.loops.dependence import Fused, independent
from misfold.compiler.loops.ir import Allocate, Assert, Binary, For, Function, If, Let, Reduce, Statement, Store
from misfold.compiler.loops.operators import BINARY
from misfold.compiler.loops.ranges import Ranges
from misfold.compiler.loops.visit import Block, loads, nodes, statements, with_body
from misfold.compiler.passes.base import LoopPass, parameter

from .nests import bounds_are_free, reorderable, size


@dataclass(frozen=True)
class Fusion(LoopPass):
    """Fuses each loop with the one before it, and then the loops that have become neighbours inside.

    ``let`` and ``allocate`` statements between two loops are moved before the first.
    """

    name = "fusion"
    precondition = (
        "Two loops follow each other, with the same bounds, step and kind, serial or parallel; no iteration of the "
        "second depends on a later one of the first, so that it still comes after all it depends on. Parallel loops "
        "are fused only if the result carries no dependence."
    )

    limit: int = parameter(128, "statements that a fused loop may have", (8, 32, 128, 512))
    parallelism: str = parameter(
        "keep",
        "keep: two loops are not fused if one carries no dependence and the result does; ignore: they are",
        ("keep", "ignore"),
    )

    def run(self, function: Function) -> Function:
        body = self._block(function.body, Ranges())
        return function if body is function.body else replace(function, body=body)

    def _block(self, block: Block, ranges: Ranges) -> Block:
        if not any(isinstance(statement, For | If) for statement in block):
            return block
        ranges = Ranges(ranges)
        result: list[Statement] = []
        changed = False
        last: int | None = None  # the place in ``result`` of a loop that only movable statements follow
        growing: Fused | None = None  # that loop, once another was there to be fused
        for statement in block:
            match statement:
                case Let(var, value):
                    ranges.bind(var, value)
                case Assert(condition, _):
                    ranges = ranges.assuming(condition)
            first = result[last] if last is not None else None
            if isinstance(statement, For):
                if isinstance(first, For) and last is not None and self._alike(first, statement):
                    if growing is None:
                        growing = Fused(first, ranges)
                    fused = self._fused(growing, statement, ranges)
                    if fused is not None:
                        growing.append(fused)
                        result[last:] = [*result[last + 1 :], fused]
                        last = len(result) - 1
                        changed = True
                        continue
                last, growing = len(result), None
            elif isinstance(first, For) and not _may_go_before(statement, first):
                last = None
            result.append(statement)
        inner, inner_changed = self._inside(result, Ranges(ranges))
        return inner if changed or inner_changed else block

    def _inside(self, block: Sequence[Statement], ranges: Ranges) -> tuple[Block, bool]:
        """Fusion in the blocks of some statements; whether there was any."""
        result: list[Statement] = []
        changed = False
        for statement in block:
            new = statement
            match statement:
                case For():
                    body = self._block(statement.body, ranges.inside(statement))
                    if body is not statement.body:
                        new = with_body(statement, body)
                case If(condition, then, other):
                    new_then = self._block(then, ranges.assuming(condition))
                    new_other = self._block(other, ranges.assuming(condition, False))
                    if new_then is not then or new_other is not other:
                        new = If(condition, new_then, new_other)
            changed = changed or new is not statement
            result.append(new)
        return tuple(result), changed

    def _alike(self, first: For, second: For) -> bool:
        """Whether the heads of two loops fit, and their bodies together into the limit."""
        return (
            reorderable(first)
            and (first.kind, first.start, first.stop, first.step)
            == (second.kind, second.start, second.stop, second.step)
            and bounds_are_free(second)
            and size(first.body) + size(second.body) <= self.limit
        )

    def _fused(self, growing: Fused, second: For, ranges: Ranges) -> For | None:
        first = growing.loop
        fused = growing.with_body_of(second)
        carries = False
        for dependence in growing.across(fused):
            if dependence.kind != "reduction" and dependence.source.path >= (0, len(first.body)):
                return None
            carries = True
        if carries and first.kind == "parallel":
            return None
        if carries and self.parallelism == "keep" and (independent(first, ranges) or independent(second, ranges)):
            return None
        return fused


def _may_go_before(statement: Statement, loop: For) -> bool:
    """Whether a statement after a loop means the same before it."""
    if isinstance(statement, Allocate):
        return True
    if not isinstance(statement, Let):
        return False
    loaded = {load.buffer.name for load in loads(statement.value)}
    partial = any(isinstance(node, Binary) and BINARY[node.op].partial for node in nodes(statement.value))
    if (loaded or partial) and any(isinstance(inner, Assert) for inner in statements([loop])):
        return False
    return not loaded.intersection(_written((loop,)))


def _written(block: Iterable[Statement]) -> set[str]:
    return {one.buffer.name for one in statements(block) if isinstance(one, Store | Reduce)}
