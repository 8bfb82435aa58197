"""Fourth step of a repair: parallel, vectorised and unrolled loops are only where they may be, others are serial."""

from __future__ import annotations

from dataclasses import replace

from misfold.compiler.loops.dependence import independent
from misfold.compiler.loops.ir import For, Function, If, Let, LoopKind, Statement
from misfold.compiler.loops.ranges import Ranges
from misfold.compiler.loops.verify import MAX_LANES, trip_count
from misfold.compiler.loops.visit import Block, statements


def ordered(function: Function) -> Function:
    """The function without data races, and with loops of legal kinds."""
    body = _block(function.body, Ranges())
    return function if body is function.body else replace(function, body=body)


def _block(block: Block, around: Ranges) -> Block:
    ranges = Ranges(around)
    result: list[Statement] = []
    for statement in block:
        match statement:
            case Let(var, value):
                ranges.bind(var, value)
            case For():
                body = _block(statement.body, ranges.inside(statement))
                if body is not statement.body:
                    statement = replace(statement, body=body)
                if not allowed(statement, statement.kind, ranges):
                    statement = replace(statement, kind="serial")
            case If(condition, then, other):
                new = _block(then, ranges.assuming(condition)), _block(other, ranges.assuming(condition, False))
                if new[0] is not then or new[1] is not other:
                    statement = If(condition, *new)
        result.append(statement)
    return block if all(a is b for a, b in zip(block, result)) else tuple(result)


def allowed(loop: For, kind: LoopKind, ranges: Ranges) -> bool:
    """Whether the loop may certainly be of this kind, whatever is around it."""
    count = trip_count(loop)
    if kind == "serial":
        return True
    if kind == "parallel":
        return independent(loop, ranges)
    if count is None or count > MAX_LANES:
        return False
    if kind == "unrolled":
        return True
    inner = [one for one in statements(loop.body) if isinstance(one, For)]
    return all(one.kind == "unrolled" for one in inner) and independent(loop, ranges, reductions=False)
