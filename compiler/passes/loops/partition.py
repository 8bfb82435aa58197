"""Splits loops where conditions change, so that most iterations have none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from misfold.compiler.dtypes import INDEX
from misfold.compiler.loops.ir import Binary, Const, Expr, For, Function, If, Let, Select, Statement, Unary, Var, index
from misfold.compiler.loops.operators import BINARY
from misfold.compiler.loops.ranges import Linear, Ranges
from misfold.compiler.loops.verify import trip_count
from misfold.compiler.loops.visit import (
    Block,
    Names,
    expressions_of,
    free_variables,
    nodes,
    renamed,
    statements,
    substitute_block,
    with_body,
)
from misfold.compiler.passes.base import LoopPass, parameter

from .simplify import simplify_block


@dataclass(frozen=True)
class Partition(LoopPass):
    """Index-set splitting: U. Banerjee, *Loop Transformations for Restructuring Compilers*, 1993, chapter 3. The
    boundary of a padded or tiled loop becomes a loop of its own, and the rest loses its ``If``s, ``select``s,
    ``min``s and ``max``es."""

    name = "partition"
    precondition = (
        "A loop with constant bounds, and a condition within it that compares linear expressions: for all iterations "
        "before (or after) a constant, ranges decide it. The parts run in the loop's order and make up its range."
    )

    limit: int = parameter(60, "statements that all parts of one loop may have together", (10, 60, 200, 1000))
    parts: int = parameter(3, "the most parts of one loop", (2, 3, 5, 9))

    def run(self, function: Function) -> Function:
        splitter = _Splitter(self, Names(function), _compared_variables(function.body))
        body = splitter.block(function.body, Ranges())
        return replace(function, body=body) if splitter.changed else function


class _Splitter:
    def __init__(self, options: Partition, names: Names, compared: set[str]):
        self.options = options
        self.names = names
        self.compared = compared
        self.changed = False
        #: Variables of loops that are parts already: their limits are spent.
        self.split: set[str] = set()

    def block(self, block: Block, ranges: Ranges) -> Block:
        result: list[Statement] = []
        for statement in block:
            match statement:
                case Let(var, value):
                    ranges.bind(var, value)
                    result.append(statement)
                case For():
                    result += self.loop(statement, ranges)
                case If(condition, then, other):
                    then = self.block(then, ranges.assuming(condition, True))
                    other = self.block(other, ranges.assuming(condition, False))
                    result.append(If(condition, then, other))
                case _:
                    result.append(statement)
        return tuple(result)

    def loop(self, loop: For, ranges: Ranges) -> Block:
        """Outer loops first: what they split off has smaller ranges, so that inner loops often need no split."""
        hopeless = loop.var.name in self.split or loop.var.name not in self.compared
        parts = (loop,) if hopeless else self._parts(loop, ranges)
        if parts != (loop,):
            self.compared |= _compared_variables(parts)
            return self.block(parts, ranges)  # one iteration split off is no loop any more, but may hold some
        return (with_body(loop, self.block(loop.body, ranges.inside(loop))),)

    def _parts(self, loop: For, ranges: Ranges) -> Block:
        size = sum(1 for _ in statements(loop.body))
        room = min(self.options.parts, self.options.limit // max(size, 1))
        todo, done = [loop], []
        split = False
        while todo:
            part = todo.pop()
            place = _first_change(part, ranges) if room > 1 else None
            if place is None:
                done.append(part)
                continue
            room -= 1
            split = True
            todo.append(replace(part, start=index(place)))
            todo.append(replace(part, stop=index(place)))
        if not split:
            return (loop,)
        self.changed = True
        # The first part keeps its names.
        copies = [done[0], *[self._copy(part) for part in done[1:]]]
        self.split.update(part.var.name for part in copies)
        return simplify_block(tuple(copies), Ranges(ranges))

    def _copy(self, loop: For) -> For:
        var = Var(self.names.fresh(loop.var.name))
        body = substitute_block(renamed(loop.body, self.names), {loop.var.name: var})
        return replace(loop, var=var, body=body)


def _compared_variables(block: Block) -> set[str]:
    """Variables that conditions depend on: a quick look that spares most loops the thorough one."""
    found: set[str] = set()
    values: dict[str, set[str]] = {}
    for statement in statements(block):
        for expression in expressions_of(statement):
            for node in nodes(expression):
                if isinstance(node, Select):
                    found |= free_variables(node.condition)
                elif isinstance(node, Binary) and node.op in ("min", "max") and node.dtype == INDEX:
                    found |= free_variables(node)
        if isinstance(statement, If):
            found |= free_variables(statement.condition)
        elif isinstance(statement, Let):
            values[statement.var.name] = free_variables(statement.value)
    todo = list(found)
    while todo:
        for name in values.get(todo.pop(), ()):
            if name not in found:
                found.add(name)
                todo.append(name)
    return found


def _first_change(loop: For, ranges: Ranges) -> int | None:
    """A value of the loop's variable, within its range, from which on a condition is known that was not known (or
    known to be the opposite) before."""
    trips = trip_count(loop)
    if trips is None or trips < 2:
        return None
    assert isinstance(loop.start, Const)
    start = int(loop.start.value)
    for form, inner in _conditions(loop.body, ranges.inside(loop)):
        coefficient = form.terms.get(loop.var)
        if coefficient is None:
            continue
        rest = Linear(form.constant, {atom: c for atom, c in form.terms.items() if atom != loop.var})
        if any(loop.var.name == node.name for a in rest.terms for node in nodes(a) if isinstance(node, Var)):
            continue
        bounds = inner.bounds(rest)
        # form < 0 holds for coefficient · v < -high, and never for coefficient · v >= -low.
        for limit in (-bounds.high, -bounds.low):
            place = -(-limit // coefficient) if coefficient > 0 else limit // coefficient + 1
            count = -(-(place - start) // loop.step)
            if 0 < count < trips:
                return start + count * loop.step
    return None


def _conditions(block: Block, ranges: Ranges) -> Iterator[tuple[Linear, Ranges]]:
    """Forms whose sign decides something in a block, each as ``form < 0``, with what is known there."""
    for statement in block:
        for expression in expressions_of(statement):
            for node in nodes(expression):
                match node:
                    case Select(condition, _, _):
                        for form in _compared(condition, ranges):
                            yield form, ranges
                    case Binary("min" | "max", left, right) if node.dtype == INDEX:
                        yield from ((form, ranges) for form in _differences("lt", left, right, ranges))
        match statement:
            case Let(var, value):
                ranges.bind(var, value)
            case For():
                yield from _conditions(statement.body, ranges.inside(statement))
            case If(condition, then, other):
                for form in _compared(condition, ranges):
                    yield form, ranges
                yield from _conditions(then, ranges.assuming(condition, True))
                yield from _conditions(other, ranges.assuming(condition, False))


def _compared(condition: Expr, ranges: Ranges) -> Iterator[Linear]:
    match condition:
        case Unary("not", operand):
            yield from _compared(operand, ranges)
        case Binary("and" | "or" | "xor", left, right) if condition.dtype.is_bool:
            # Under the left side of an "and", the right one may be known already: asked of the whole block, it is not.
            yield from _compared(left, ranges)
            yield from _compared(right, ranges)
        case Binary(op, left, right) if BINARY[op].compares and left.dtype == INDEX:
            if ranges.truth(condition) is None:
                yield from _differences(op, left, right, ranges)


def _differences(op: str, left: Expr, right: Expr, ranges: Ranges) -> Iterator[Linear]:
    """``left - right + c`` for each c for which its sign tells the comparison's value."""
    difference = ranges.value(left).plus(ranges.value(right), -1)
    if op in ("lt", "ge", "eq", "ne"):
        yield difference
    if op in ("le", "gt", "eq", "ne"):
        yield difference.plus(Linear(-1))
