"""Vectors wider than the host's registers become more vectors.

Passes do not know the host, so that a pipeline means the same everywhere: they may ask for more lanes than a register
has. LLVM splits such vectors, instruction by instruction, which takes it long. Where the loop around may just as well
take shorter steps, it does.
"""

from __future__ import annotations

from dataclasses import replace

from misfold.compiler.loops.ir import Binary, Cast, Const, Expr, For, Load, Reduce, Statement, Store, Var, index
from misfold.compiler.loops.visit import Block, expressions_of, map_blocks, nodes, statements


def narrowed(block: Block, bits: int) -> Block:
    """The block with vectorised loops of no more lanes than a register of ``bits`` bits holds of the widest element
    that they touch, where that leaves every element's value as it is; the same object if there are none."""
    new = tuple([_statement(one, bits) for one in block])
    return block if all(one is other for one, other in zip(new, block)) else new


def _statement(statement: Statement, bits: int) -> Statement:
    if isinstance(statement, For) and len(statement.body) == 1:
        vector = statement.body[0]
        if isinstance(vector, For) and vector.kind == "vectorised":
            return _shorter_steps(statement, vector, bits)
    return map_blocks(statement, lambda inner: narrowed(inner, bits))


def _shorter_steps(loop: For, vector: For, bits: int) -> For:
    """``loop`` goes through elements, ``vector`` through those of one step: ``vector`` is the loop's whole body."""
    numbers = [one.value for one in (loop.start, loop.stop, vector.start, vector.stop) if isinstance(one, Const)]
    if len(numbers) < 4 or loop.kind not in ("serial", "parallel"):
        return loop
    start, stop, first, lanes = map(int, numbers)
    if first != 0 or vector.step != 1 or loop.step != lanes or (stop - start) % lanes:
        return loop
    widest = max([width for one in statements(vector.body) for width in _widths(one)], default=bits)
    fitting = lanes
    while fitting > 2 and fitting % 2 == 0 and fitting * widest > bits:
        fitting //= 2
    if fitting == lanes or not all(_has_only_sums(one, loop.var, vector.var) for one in vector.body):
        return loop
    return replace(loop, step=fitting, body=(replace(vector, stop=index(fitting)),))


def _widths(statement: Statement) -> list[int]:
    """Bits of the registers' elements that a statement works with: halves are computed with as f32."""
    every = [node for expression in expressions_of(statement) for node in nodes(expression)]
    dtypes = [node.dtype for node in every if isinstance(node, Load | Cast)]
    if isinstance(statement, Store | Reduce):
        dtypes.append(statement.buffer.dtype)
    return [max(one.bits, 32) if one.is_float else one.bits for one in dtypes]


def _has_only_sums(statement: Statement, block: Var, lane: Var) -> bool:
    """Whether a statement writes to elements of the lanes' own, and asks for the two variables by their sum alone:
    the sums are the same in shorter steps. Lanes that reduce into one element would do so in another order."""
    if not isinstance(statement, Store | Reduce):
        return False
    sums = [_sums(one, block, lane) for one in expressions_of(statement)]
    return -1 not in sums and any(sums[:-1])


def _sums(expression: Expr, block: Var, lane: Var) -> int:
    """How often the variables' sum, ``… + block + lane``, is in an expression; -1 if one is there in another way."""
    every = nodes(expression)
    count = 0
    for node in every:
        if isinstance(node, Binary) and node.op == "add" and node.right == lane:
            before = node.left
            count += before == block or (isinstance(before, Binary) and before.op == "add" and before.right == block)
    return count if every.count(block) == every.count(lane) == count else -1
