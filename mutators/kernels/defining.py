"""Second step of a repair: indices are in range, divisors are not zero, loops end soon, asserts hold.

What the ranges of a place prove stays as it is. Places that are never reached stay too.
"""

from __future__ import annotations

from dataclasses import replace

from misfold.compiler.dtypes import INDEX
from misfold.compiler.loops.ir import (
    Allocate,
    Assert,
    Binary,
    Buffer,
    Const,
    Expr,
    For,
    Function,
    If,
    Let,
    Load,
    Reduce,
    Select,
    Statement,
    Store,
    index,
)
from misfold.compiler.loops.operators import BINARY
from misfold.compiler.loops.ranges import Ranges
from misfold.compiler.loops.visit import Block, map_expressions, nodes, rewrite

from .fresh import one, zero

#: A loop that may have more iterations than the first gets at most the second.
MAX_TRIPS, TRIPS = 64, 12
#: Bounds stay so far from the ends of INDEX that sums with them do not wrap around.
_FAR = 1 << 40


def defined(function: Function) -> Function:
    """The function without out-of-bounds accesses and divisions by zero, and with asserts that hold."""
    return replace(function, body=_block(function.body, Ranges()))


def _block(block: Block, around: Ranges) -> Block:
    ranges = Ranges(around)
    result: list[Statement] = []
    for old in block:
        statement = map_expressions(old, lambda expression: _expression(expression, ranges))
        match statement:
            case Let(var, value):
                ranges.bind(var, value)
            case Store(buffer, indices, _) | Reduce(_, buffer, indices, _):
                if buffer.elements == 0:
                    continue
                statement = replace(statement, indices=_indices(buffer, indices, ranges))
            case For():
                statement = _loop(statement, ranges)
            case If(condition, then, other):
                truth = ranges.truth(condition)
                if truth is not False:
                    then = _block(then, ranges.assuming(condition))
                if truth is not True:
                    other = _block(other, ranges.assuming(condition, False))
                statement = If(condition, then, other)
            case Assert(condition, _):
                if ranges.truth(condition) is not True:
                    continue
            case Allocate():
                pass
        result.append(statement)
    return tuple(result)


def _loop(loop: For, ranges: Ranges) -> For:
    if ranges.truth(Binary("ge", loop.start, loop.stop)):
        return loop
    start, stop = loop.start, loop.stop
    bounds = ranges.interval(start)
    if not -_FAR <= bounds.low <= bounds.high <= _FAR:
        start = Binary("max", Binary("min", start, index(TRIPS)), index(-TRIPS))
    distance = ranges.bounds(ranges.value(stop).plus(ranges.value(start), -1))
    if distance.high > MAX_TRIPS * loop.step:
        if isinstance(start, Const):
            most: Expr = index(int(start.value) + TRIPS * loop.step)
            stop = most if isinstance(stop, Const) else Binary("min", stop, most)
        else:
            stop = Binary("min", stop, Binary("add", start, index(TRIPS * loop.step)))
    loop = replace(loop, start=start, stop=stop)
    return replace(loop, body=_block(loop.body, ranges.inside(loop)))


def _expression(expression: Expr, ranges: Ranges) -> Expr:
    def node(node: Expr) -> Expr:
        match node:
            case Load(buffer, indices):
                if buffer.elements == 0:
                    return zero(buffer.dtype)
                return Load(buffer, _indices(buffer, indices, ranges))
            case Binary(op, left, right) if BINARY[op].partial and not left.dtype.is_float:
                return node if _nonzero(right, ranges) else Binary(op, left, _made_nonzero(right))
        return node

    return rewrite(expression, node)


def _indices(buffer: Buffer, indices: tuple[Expr, ...], ranges: Ranges) -> tuple[Expr, ...]:
    return tuple([in_range(one, size, ranges) for one, size in zip(indices, buffer.shape)])


def in_range(expression: Expr, size: int, ranges: Ranges) -> Expr:
    """The index, brought into 0..size where it may be outside."""
    bounds = ranges.interval(expression)
    if bounds.low >= 0 and bounds.high < size:
        return expression
    if bounds.high - bounds.low < size and bounds.low > -_FAR:
        offset = -bounds.low if bounds.low < 0 else size - 1 - bounds.high
        return Binary("add" if offset > 0 else "sub", expression, index(abs(offset)))
    # Remainders or an end: either is what a compiler may get wrong.
    if sum(1 for _ in nodes(expression)) % 3 == 2:
        return Binary("max", Binary("min", expression, index(size - 1)), index(0))
    return Binary("floormod", expression, index(size))


def _nonzero(divisor: Expr, ranges: Ranges) -> bool:
    match divisor:
        case Binary("or", _, Const(value, _)) | Binary("or", Const(value, _), _) if value != 0:
            return True
        case Select(Binary("eq", tested, Const(0, _)), Const(value, _), other) if tested == other and value != 0:
            return True
    bounds = ranges.interval(divisor)
    return bounds.low > 0 or bounds.high < 0


def _made_nonzero(divisor: Expr) -> Expr:
    if isinstance(divisor, Const):
        return one(divisor.dtype)
    if divisor.dtype == INDEX:
        return Select(Binary("eq", divisor, zero(divisor.dtype)), one(divisor.dtype), divisor)
    return Binary("or", divisor, one(divisor.dtype))
