"""Array contraction: a temporary buffer that one loop uses in separate slices becomes one slice.

V. Sarkar and G. R. Gao, *Optimization of Array Accesses by Collective Loop Transformations*, ICS 1991.
"""

from __future__ import annotations

from misfold.compiler.dtypes import INDEX
from misfold.compiler.loops.ir import Allocate, Buffer, For, If, Let, Load, Reduce, Statement, Store
from misfold.compiler.loops.ranges import Linear, Ranges, has_load
from misfold.compiler.loops.visit import Block, all_expressions, free_variables, map_blocks, statements, with_body

from .regions import Dimension, Indices, Use, names_inside, region, replace_accesses, split, uses_of
from .simplify import write_linear


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
    moved: dict[int, list[Allocate]] = {}
    # The uses in the loops, as long as they are the same.
    seen: dict[int, dict[str, list[Use]]] = {}
    gone: set[str] = set()
    known = Ranges(ranges)
    result: list[Statement] = list(block)
    for statement in block:
        if isinstance(statement, Let):
            known.bind(statement.var, statement.value)
        if not isinstance(statement, Allocate):
            continue
        places = users.get(statement.buffer.name, [])
        if len(places) != 1:
            continue
        loop = result[places[0]]
        if isinstance(loop, For) and loop.kind != "vectorised":
            if places[0] not in seen:
                seen[places[0]] = uses_of(loop.body, known.inside(loop))
            smaller = _contracted(loop, statement.buffer, seen[places[0]].get(statement.buffer.name), known)
            if smaller is not None:
                if any(has_load(index) for some in seen[places[0]].values() for use in some for index in use.indices):
                    del seen[places[0]]
                result[places[0]], allocate = smaller
                moved.setdefault(places[0], []).append(allocate)
                gone.add(statement.buffer.name)
    final: list[Statement] = []
    for number, statement in enumerate(result):
        match statement:
            case Allocate(buffer) if buffer.name in gone:
                continue
            case Let(var, value):
                ranges.bind(var, value)
            case For():
                inner = ranges.inside(statement)
                allocations = tuple(moved.get(number, ()))
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
        names = {s.buffer.name for s in statements((statement,)) if isinstance(s, Store | Reduce)}
        names |= {node.buffer.name for node in all_expressions((statement,)) if isinstance(node, Load)}
        for name in names:
            users.setdefault(name, []).append(number)
    return users


def _contracted(loop: For, buffer: Buffer, uses: list[Use] | None, ranges: Ranges) -> tuple[For, Allocate] | None:
    inner = ranges.inside(loop)
    inside = names_inside(loop)
    if not uses or any(isinstance(n, Load) and n.buffer == buffer for n in all_expressions((with_body(loop, ()),))):
        return None
    where = region(uses, inside, pieces=False)
    if where is None or not any(_separate(dimension, loop, inner) for dimension in where):
        return None
    shape = tuple([min(dimension.width, old) for dimension, old in zip(where, buffer.shape)])
    if shape == buffer.shape:
        return None
    small = Buffer(buffer.name, buffer.dtype, tuple([size for size in shape if size > 1]))

    def change(indices: Indices) -> Indices:
        result = []
        for one, dimension, size, old in zip(indices, where, shape, buffer.shape):
            if size > 1:  # a dimension that does not shrink keeps its indices
                local = dimension.place(split(one, inside)[1])[1]
                result.append(write_linear(local, INDEX) if size < old else one)
        return tuple(result)

    body = replace_accesses(loop.body, buffer.name, small, change)
    return with_body(loop, body), Allocate(small)


def _separate(dimension: Dimension, loop: For, ranges: Ranges) -> bool:
    """Whether different iterations surely use different indices in a dimension: nothing flows between them."""
    base = dimension.base
    coefficient = base.terms.get(loop.var, 0)
    if not coefficient or abs(coefficient) * loop.step < dimension.width:
        return False
    others = [atom for atom in base.terms if atom != loop.var]
    bounds = ranges.bounds(Linear(0, {loop.var: coefficient}))
    return bounds.high - bounds.low < 1 << 62 and not any(loop.var.name in free_variables(atom) for atom in others)
