"""Makes a function that a mutator has changed valid again, and free of undefined behaviour as far as can be told."""

from __future__ import annotations

from misfold.compiler.errors import VerificationError
from misfold.compiler.loops.ir import For, Function, If, Let, Statement
from misfold.compiler.loops.ranges import Ranges
from misfold.compiler.loops.verify import verify
from misfold.compiler.loops.visit import Block, all_expressions, blocks_of, statements

from .concurrency import ordered
from .defining import defined
from .initialising import initialised
from .scoping import scoped

#: A function may have as many statements, and as many nodes of expressions.
MAX_STATEMENTS, MAX_NODES = 300, 6000
#: One run of it executes about so many statements at most.
MAX_WORK = 30_000


def repair(function: Function) -> Function | None:
    """The function with names, types, indices, divisors, initialisation and kinds of loops put right.

    What is right stays as it is. None: the function is too large, takes too long, or cannot be repaired.
    """
    if not is_small(function):
        return None
    function = ordered(initialised(defined(scoped(function))))
    return function if is_small(function) and verifies(function) else None


def verifies(function: Function) -> bool:
    """Whether a function verifies."""
    try:
        verify(function)
    except VerificationError:
        return False
    return True


def is_small(function: Function) -> bool:
    """Whether a function has few statements and executes few of them."""
    if sum(1 for _ in statements(function.body)) > MAX_STATEMENTS:
        return False
    if sum(1 for _ in all_expressions(function.body)) > MAX_NODES:
        return False
    return _work(function.body, Ranges()) <= MAX_WORK


def _work(block: Block, around: Ranges) -> int:
    ranges = Ranges(around)
    total = 0
    for statement in block:
        total += 1 + _inside(statement, ranges)
        if isinstance(statement, Let):
            ranges.bind(statement.var, statement.value)
    return total


def _inside(statement: Statement, ranges: Ranges) -> int:
    if isinstance(statement, If):
        return max(_work(inside, ranges) for inside in blocks_of(statement))
    if not isinstance(statement, For):
        return 0
    distance = ranges.bounds(ranges.value(statement.stop).plus(ranges.value(statement.start), -1)).high
    # Where nothing is known of the bounds, the repair sees to it.
    trips = min(max(0, -(-distance // statement.step)), 64)
    return trips * _work(statement.body, ranges.inside(statement)) if trips else 0
