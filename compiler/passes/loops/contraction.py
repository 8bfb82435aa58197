"""Array contraction: a temporary buffer that one loop uses in separate slices becomes one slice.

V. Sarkar and G. R. Gao, *Optimization of Array Accesses by Collective Loop Transformations*, ICS 1991.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from misfold.compiler.dtypes import INDEX
from misfold.compiler.loops.ir import Allocate, Buffer, For, If, Let, Statement
from misfold.compiler.loops.ranges import Linear, Ranges
from misfold.compiler.loops.visit import Block, free_variables, map_blocks, statements, touched, with_body

from .regions import Dimension, Indices, Region, names_inside, region, replace_accesses, split, uses_of
from .simplify import write_linear

Shape = tuple[int, ...]
Change = Callable[[Indices], Indices]


def contract(block: Block) -> Block:
    """The block with temporaries made as small as one iteration of their loop needs, and allocated in it; the same
    object if there are none."""
    if not any(isinstance(statement, Allocate) for statement in statements(block)):
        return block
    result = _block(block, Ranges())
    return block if result == block else result


def _block(block: Block, ranges: Ranges) -> Block:
    # Most blocks have nothing to contract, and then nobody has to be asked.
    users = _users(block) if any(isinstance(one, Allocate) for one in block) else {}
    known = Ranges(ranges)
    # For each loop, the buffers that it alone uses.
    owned: dict[int, list[Buffer]] = {}
    for statement in block:
        if isinstance(statement, Let):
            known.bind(statement.var, statement.value)
        if isinstance(statement, Allocate):
            places = users.get(statement.buffer.name, [])
            if len(places) == 1:
                owned.setdefault(places[0], []).append(statement.buffer)
    result: list[Statement] = list(block)
    moved: dict[int, tuple[Statement, ...]] = {}
    gone: set[str] = set()
    for place, buffers in owned.items():
        loop = result[place]
        if isinstance(loop, For) and loop.kind != "vectorised":
            smaller = _smaller(loop, buffers, known)
            if smaller:
                result[place] = with_body(loop, replace_accesses(loop.body, smaller))
                moved[place] = tuple([Allocate(buffer) for buffer, _ in smaller.values()])
                gone.update(smaller)
    final: list[Statement] = []
    for number, statement in enumerate(result):
        match statement:
            case Allocate(buffer) if buffer.name in gone:
                continue
            case Let(var, value):
                ranges.bind(var, value)
            case For():
                inner = ranges.inside(statement)
                allocations = moved.get(number, ())
                statement = map_blocks(statement, lambda body: _block(allocations + body, inner))  # noqa: B023
            case If():
                statement = map_blocks(statement, lambda inner: _block(inner, Ranges(ranges)))
        final.append(statement)
    changed = len(final) != len(block) or any(new is not old for new, old in zip(final, block))
    return tuple(final) if changed else block


def _users(block: Block) -> dict[str, list[int]]:
    """Where in the block each buffer is used, by the number of the statement that uses it at any depth."""
    users: dict[str, list[int]] = {}
    for number, statement in enumerate(block):
        for name in touched([statement]):
            users.setdefault(name, []).append(number)
    return users


def _smaller(loop: For, buffers: list[Buffer], ranges: Ranges) -> dict[str, tuple[Buffer, Change]]:
    """The buffers that can be smaller: what each becomes in the loop."""
    inner = ranges.inside(loop)
    inside = names_inside(loop)
    uses = uses_of(loop.body, ranges.inside(loop))
    in_bounds = touched([with_body(loop, ())])
    found: dict[str, tuple[Buffer, Change]] = {}
    for buffer in buffers:
        where = region(uses.get(buffer.name, ()), inside, pieces=False) if buffer.name not in in_bounds else None
        if where is None or not any(_separate(dimension, loop, inner) for dimension in where):
            continue
        shape = tuple([min(dimension.width, old) for dimension, old in zip(where, buffer.shape)])
        if shape != buffer.shape:
            small = Buffer(buffer.name, buffer.dtype, tuple([size for size in shape if size > 1]))
            found[buffer.name] = small, partial(_within, where, shape, buffer.shape, inside)
    return found


def _within(where: Region, shape: Shape, old: Shape, inside: set[str], indices: Indices) -> Indices:
    """Where in the smaller buffer an element is."""
    result = []
    for one, dimension, size, before in zip(indices, where, shape, old):
        if size > 1:  # a dimension that does not shrink keeps its indices
            local = dimension.place(split(one, inside)[1])[1]
            result.append(write_linear(local, INDEX) if size < before else one)
    return tuple(result)


def _separate(dimension: Dimension, loop: For, ranges: Ranges) -> bool:
    """Whether different iterations surely use different indices in a dimension: nothing flows between them."""
    base = dimension.base
    coefficient = base.terms.get(loop.var, 0)
    if not coefficient or abs(coefficient) * loop.step < dimension.width:
        return False
    others = [atom for atom in base.terms if atom != loop.var]
    bounds = ranges.bounds(Linear(0, {loop.var: coefficient}))
    return bounds.high - bounds.low < 1 << 62 and not any(loop.var.name in free_variables(atom) for atom in others)
