"""Loop nests: what the passes that transform them share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from misfold.compiler.loops.affine import affine
from misfold.compiler.loops.dependence import Dependence
from misfold.compiler.loops.ir import (
    Assert,
    Binary,
    Buffer,
    Const,
    Expr,
    For,
    Function,
    If,
    Let,
    Statement,
    index,
)
from misfold.compiler.loops.ranges import Ranges
from misfold.compiler.loops.verify import trip_count
from misfold.compiler.loops.visit import Block, free_variables, loads, statements, with_body

#: Loops whose bounds lie within this can be given bounds a little further out without any of them wrapping around.
_MODERATE = 1 << 62

Visit = Callable[[For, Ranges], "Sequence[Statement] | None"]


def rewrite_loops(function: Function, visit: Visit) -> Function:
    """The function with loops replaced, outer before inner.

    ``visit`` gets a loop and what is known around it. It gives the statements to put there, which are not looked into
    again (the loop itself: it stays); or None to leave the loop and go on with those inside. The function itself, if
    nothing changes.
    """
    body = rewrite_block(function.body, Ranges(), visit)
    return function if body is function.body else replace(function, body=body)


def rewrite_block(block: Block, ranges: Ranges, visit: Visit) -> Block:
    """``rewrite_loops`` for a block; ``ranges`` is not changed."""
    if not any(isinstance(statement, For | If) for statement in block):
        return block
    ranges = Ranges(ranges)
    result: list[Statement] = []
    changed = False
    for statement in block:
        new: Sequence[Statement] | None = None
        match statement:
            case Let(var, value):
                ranges.bind(var, value)
            case Assert(condition, _):
                ranges = ranges.assuming(condition)
            case If(condition, then, other):
                new_then = rewrite_block(then, ranges.assuming(condition), visit)
                new_other = rewrite_block(other, ranges.assuming(condition, False), visit)
                if new_then is not then or new_other is not other:
                    new = (If(condition, new_then, new_other),)
            case For():
                new = visit(statement, ranges)
                if new is None:
                    body = rewrite_block(statement.body, ranges.inside(statement), visit)
                    new = (with_body(statement, body),) if body is not statement.body else None
        if new is None or (len(new) == 1 and new[0] is statement):
            result.append(statement)
        else:
            changed = True
            result.extend(new)
    return tuple(result) if changed else block


def length(loop: For) -> int | None:
    """How often a loop runs, also where only the difference of its bounds is constant; None if not even that is.

    Bounds are taken not to wrap: ``moderate`` says so.
    """
    trips = trip_count(loop)
    if trips is not None:
        return trips
    start, stop = affine(loop.start), affine(loop.stop)
    if start is None or stop is None or not (stop - start).is_constant:
        return None
    return len(range(0, (stop - start).constant, loop.step))


def reorderable(loop: For) -> bool:
    """Whether a loop is of a kind that passes over nests transform."""
    return loop.kind in ("serial", "parallel")


def perfect_nest(loop: For) -> list[For]:
    """The loop, and the loops inside of which each is all there is in the one around it, as far as reorderable."""
    nest = [loop]
    while len(nest[-1].body) == 1:
        inner = nest[-1].body[0]
        if not isinstance(inner, For) or not reorderable(inner):
            break
        nest.append(inner)
    return nest


def rebuilt(loops: Iterable[For], body: Block) -> Block:
    """A perfect nest of the heads of some loops around a body."""
    for loop in reversed(list(loops)):
        body = (with_body(loop, body),)
    return body


def bounds_are_free(loop: For, variables: Iterable[str] = ()) -> bool:
    """Whether the bounds of a loop use none of the variables and no memory: they are the same wherever they stand."""
    used = free_variables(loop.start) | free_variables(loop.stop)
    return not used.intersection(variables) and not loads(loop.start) and not loads(loop.stop)


def moderate(loop: For, ranges: Ranges) -> bool:
    """Whether a loop's bounds are so far from the ends of the integers that arithmetic on them does not wrap."""
    start, stop = ranges.interval(loop.start), ranges.interval(loop.stop)
    return start.low >= -_MODERATE and stop.high <= _MODERATE and start.high <= _MODERATE and stop.low >= -_MODERATE


def may_differ(dependence: Dependence, loop: str, same: Iterable[str] = ()) -> bool:
    """Whether source and sink may be in different iterations of a loop, but in the same of some others."""
    low, high = dependence.interval(loop) if loop in dependence.loops else (0, 0)
    if low == high == 0:
        return False
    fixed = dict.fromkeys(same, "=")
    return dependence.may({**fixed, loop: "<"}) or dependence.may({**fixed, loop: ">"})  # type: ignore[dict-item]


def strides(buffer: Buffer) -> tuple[int, ...]:
    """A buffer's strides, in elements."""
    if buffer.strides is not None:
        return buffer.strides
    result = [1] * buffer.rank
    for dim in reversed(range(buffer.rank - 1)):
        result[dim] = result[dim + 1] * buffer.shape[dim + 1]
    return tuple(result)


def size(block: Iterable[Statement]) -> int:
    """The number of statements in a block, at any depth."""
    return sum(1 for _ in statements(block))


def plus(expression: Expr, number: int | Expr) -> Expr:
    """A sum; of constants, a constant."""
    if isinstance(number, int):
        number = index(number)
    if isinstance(expression, Const) and isinstance(number, Const):
        return index(int(expression.value) + int(number.value))
    if isinstance(number, Const) and number.value == 0:
        return expression
    if isinstance(expression, Const) and expression.value == 0:
        return number
    return Binary("add", expression, number)


def smaller(left: Expr, right: Expr) -> Expr:
    """The smaller of two; of constants, a constant."""
    if isinstance(left, Const) and isinstance(right, Const):
        return left if left.value <= right.value else right
    return Binary("min", left, right)
