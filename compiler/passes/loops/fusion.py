"""Loop fusion: makes one loop of two neighbours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from misfold.compiler.loops.dependence import across, independent
from misfold.compiler.loops.ir import Allocate, Assert, Binary, For, Function, If, Let, Load, Reduce, Statement, Store
from misfold.compiler.loops.operators import BINARY
from misfold.compiler.loops.ranges import Ranges
from misfold.compiler.loops.visit import Block, nodes, statements, substitute_block
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
        for statement in block:
            match statement:
                case Let(var, value):
                    ranges.bind(var, value)
                case Assert(condition, _):
                    ranges = ranges.assuming(condition)
            if isinstance(statement, For):
                first = result[last] if last is not None else None
                fused = self._fused(first, statement, ranges) if isinstance(first, For) else None
                if fused is not None and last is not None:
                    between = result[last + 1 :]
                    result[last:] = [*between, fused]
                    changed = True
                else:
                    result.append(statement)
                last = len(result) - 1
                continue
            if last is not None:
                first = result[last]
                assert isinstance(first, For)
                if not _may_go_before(statement, first):
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
                        new = replace(statement, body=body)
                case If(condition, then, other):
                    new_then = self._block(then, ranges.assuming(condition))
                    new_other = self._block(other, ranges.assuming(condition, False))
                    if new_then is not then or new_other is not other:
                        new = If(condition, new_then, new_other)
            changed = changed or new is not statement
            result.append(new)
        return tuple(result), changed

    def _fused(self, first: For, second: For, ranges: Ranges) -> For | None:
        if not reorderable(first) or first.kind != second.kind or first.step != second.step:
            return None
        if first.start != second.start or first.stop != second.stop or not bounds_are_free(second):
            return None
        if size(first.body) + size(second.body) > self.limit:
            return None
        boundary = (0, len(first.body))
        carries = False
        for dependence in across(first, second, ranges):
            if dependence.kind != "reduction" and dependence.source.path >= boundary:
                return None
            carries = True
        if carries and first.kind == "parallel":
            return None
        if carries and self.parallelism == "keep" and (independent(first, ranges) or independent(second, ranges)):
            return None
        body = substitute_block(second.body, {second.var.name: first.var})
        return replace(first, body=(*first.body, *body))


def _may_go_before(statement: Statement, loop: For) -> bool:
    """Whether a statement after a loop means the same before it."""
    if isinstance(statement, Allocate):
        return True
    if not isinstance(statement, Let):
        return False
    loaded = {node.buffer.name for node in nodes(statement.value) if isinstance(node, Load)}
    partial = any(isinstance(node, Binary) and BINARY[node.op].partial for node in nodes(statement.value))
    if (loaded or partial) and any(isinstance(inner, Assert) for inner in statements((loop,))):
        return False
    return not loaded.intersection(_written((loop,)))


def _written(block: Iterable[Statement]) -> set[str]:
    return {one.buffer.name for one in statements(block) if isinstance(one, Store | Reduce)}
