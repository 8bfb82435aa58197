"""Which part of a buffer a piece of code touches: what scalar replacement and the contraction of buffers share.

An index is split in two: a *base* of terms that are the same all the while, and an *inner* part that is bound inside.
Both are congruent to the index modulo 2⁶⁴, and inner parts that differ by less than that are different elements.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from misfold.compiler.loops.intervals import Interval
from misfold.compiler.loops.ir import (
    Allocate,
    Assert,
    Binary,
    Buffer,
    Expr,
    For,
    If,
    Let,
    Load,
    Reduce,
    Statement,
    Store,
)
from misfold.compiler.loops.ranges import Linear, Ranges, has_load, plain_form
from misfold.compiler.loops.visit import (
    Block,
    bound_names,
    expressions_of,
    free_variables,
    loads,
    map_blocks,
    map_expressions,
    map_statements,
    rewrite,
    statements,
)

Indices = tuple[Expr, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Use:
    """One access to a buffer, with what is known there, and whether it surely runs when the code is reached."""

    kind: Literal["load", "store", "reduce"]
    buffer: Buffer
    indices: Indices
    ranges: Ranges
    certain: bool


def uses_of(block: Block, ranges: Ranges, certain: bool = True) -> dict[str, list[Use]]:
    """All accesses in a block by buffer, in textual order, a statement's loads before its write."""
    found: dict[str, list[Use]] = {}
    _collect(block, ranges, certain, found)
    return found


def _collect(block: Block, ranges: Ranges, certain: bool, found: dict[str, list[Use]]) -> None:
    for statement in block:
        for expression in expressions_of(statement):
            for load in loads(expression):
                use = Use("load", load.buffer, load.indices, ranges, certain)
                found.setdefault(load.buffer.name, []).append(use)
        match statement:
            case Let(var, value):
                ranges.bind(var, value)
            case Store(buffer, indices, _):
                found.setdefault(buffer.name, []).append(Use("store", buffer, indices, ranges, certain))
            case Reduce(_, buffer, indices, _):
                found.setdefault(buffer.name, []).append(Use("reduce", buffer, indices, ranges, certain))
            case For():
                runs = ranges.truth(Binary("lt", statement.start, statement.stop)) is True
                _collect(statement.body, ranges.inside(statement), certain and runs, found)
                certain = certain and not _asserts(statement.body)
            case If(condition, then, other):
                _collect(then, ranges.assuming(condition, True), False, found)
                _collect(other, ranges.assuming(condition, False), False, found)
                certain = certain and not _asserts(then) and not _asserts(other)
            case Assert():
                certain = False  # the function may end here


def _asserts(block: Block) -> bool:
    return any(isinstance(statement, Assert) for statement in statements(block))


def split(index: Expr, inside: set[str]) -> tuple[Linear, Linear]:
    """Base and inner part of an index; ``inside`` are the names bound within the code. The constant is inner.

    Nothing is assumed of variables, so that an index is split in the same way wherever it stands."""
    form = plain_form(index)
    inner = {atom: c for atom, c in form.terms.items() if not inside.isdisjoint(free_variables(atom)) or has_load(atom)}
    return Linear(0, {a: c for a, c in form.terms.items() if a not in inner}), Linear(form.constant, inner)


@dataclass(frozen=True, slots=True)
class Dimension:
    """Where all uses of a buffer lie in one dimension: at ``base + piece + span`` for one of the pieces.

    Pieces are apart from each other: rows 0, 32 and 64 of an unrolled loop are three pieces of span 0, and need not be
    a buffer of 65 rows. One piece 0 says nothing: constants are part of the span then.
    """

    base: Linear
    pieces: tuple[int, ...]
    span: Interval

    @property
    def width(self) -> int:
        return self.span.high - self.span.low + 1

    def place(self, inner: Linear) -> tuple[int, Linear]:
        """The piece, and the place in it from 0 on, of an inner part."""
        if self.pieces == (0,):
            return 0, inner.plus(Linear(-self.span.low))
        return inner.constant, Linear(-self.span.low, inner.terms)


Region = tuple[Dimension, ...]


def region(uses: Iterable[Use], inside: set[str], pieces: bool) -> Region | None:
    """The smallest region with all uses of a buffer in it, in ``pieces`` where that is smaller; None: the uses' bases
    are not the same."""
    bases: tuple[Linear, ...] | None = None
    spans: list[Interval] = []
    wholes: list[Interval] = []
    constants: list[set[int]] = []
    for use in uses:
        parts = [split(index, inside) for index in use.indices]
        found = [use.ranges.bounds(Linear(0, inner.terms)) for _, inner in parts]
        moved = [Interval(one.low + i.constant, one.high + i.constant) for one, (_, i) in zip(found, parts)]
        if bases is None:
            bases, spans, wholes = tuple([base for base, _ in parts]), found, moved
            constants = [{inner.constant} for _, inner in parts]
            continue
        if any(base.terms != known.terms for (base, _), known in zip(parts, bases)):
            return None
        spans = [old.join(new) for old, new in zip(spans, found)]
        wholes = [old.join(new) for old, new in zip(wholes, moved)]
        for some, (_, inner) in zip(constants, parts):
            some.add(inner.constant)
    if bases is None:
        return None
    result = []
    for base, span, whole, some in zip(bases, spans, wholes, constants):
        dimension = Dimension(base, (0,), whole)
        apart = Dimension(base, tuple(sorted(some)), span)
        gaps = [high - low for low, high in zip(apart.pieces, apart.pieces[1:])]
        if pieces and min(gaps, default=0) >= apart.width and len(some) * apart.width < dimension.width:
            dimension = apart
        result.append(dimension)
    return tuple(result)


#: By a buffer's name: the buffer to access instead, and at which indices.
Replacements = Mapping[str, tuple[Buffer, Callable[[Indices], Indices]]]


def replace_accesses(block: Block, replacements: Replacements) -> Block:
    """All accesses to some buffers made accesses to others, at changed indices."""

    def in_node(node: Expr) -> Expr:
        if isinstance(node, Load) and node.buffer.name in replacements:
            buffer, change = replacements[node.buffer.name]
            return Load(buffer, change(node.indices))
        return node

    def in_whole(expression: Expr) -> Expr:
        if any(load.buffer.name in replacements for load in loads(expression)):
            return rewrite(expression, in_node)
        return expression

    def in_statement(statement: Statement) -> Statement:
        statement = map_expressions(statement, in_whole)
        if isinstance(statement, Store | Reduce) and statement.buffer.name in replacements:
            buffer, change = replacements[statement.buffer.name]
            statement = replace(statement, buffer=buffer, indices=change(statement.indices))
        return map_blocks(statement, lambda inner: map_statements(inner, in_statement))

    return map_statements(block, in_statement)


def names_inside(loop: For) -> set[str]:
    """What the body of a loop binds; not its own variable."""
    return set(bound_names(loop.body))


def allocated(block: Block) -> set[str]:
    """Names of the buffers allocated in a block, at any depth."""
    return {statement.buffer.name for statement in statements(block) if isinstance(statement, Allocate)}
