"""Third step of a repair: what is read was written before.

A local buffer or an output that is read, and that is not filled by the first statement that touches it, is filled with
zeros where it comes to be.
"""

from __future__ import annotations

from dataclasses import replace

from misfold.compiler.loops.ir import (
    Allocate,
    Buffer,
    Const,
    Expr,
    For,
    Function,
    If,
    Load,
    Reduce,
    Statement,
    Store,
    Var,
    index,
)
from misfold.compiler.loops.visit import Block, Names, all_expressions, blocks_of, map_blocks, statements

from .fresh import zero


def initialised(function: Function) -> Function:
    """The function without reads of what was never written."""
    names = Names(function)
    body = _block(function.body, names, False)
    fills: list[Statement] = []
    for parameter in function.parameters:
        if parameter.role == "out" and not _safe(parameter.buffer, body):
            fills += filled(parameter.buffer, zero(parameter.buffer.dtype), names, False)
    return replace(function, body=(*fills, *body)) if fills or body is not function.body else function


def filled(buffer: Buffer, value: Expr, names: Names, unrolled: bool) -> list[Statement]:
    """Loops that write one value to all elements."""
    variables = [Var(names.fresh("i")) for _ in buffer.shape]
    body: Statement = Store(buffer, tuple(variables), value)
    for var, size in reversed(list(zip(variables, buffer.shape))):
        body = For(var, index(0), index(size), (body,), "unrolled" if unrolled else "serial")
    return [body]


def _block(block: Block, names: Names, vectorised: bool) -> Block:
    result: list[Statement] = []
    changed = False
    for number, statement in enumerate(block):
        inside = vectorised or (isinstance(statement, For) and statement.kind == "vectorised")
        new = map_blocks(statement, lambda inner: _block(inner, names, inside))  # noqa: B023
        changed |= new is not statement
        result.append(new)
        if isinstance(statement, Allocate) and not _safe(statement.buffer, block[number + 1 :]):
            result += filled(statement.buffer, zero(statement.buffer.dtype), names, vectorised)
            changed = True
    return tuple(result) if changed else block


def _safe(buffer: Buffer, block: Block) -> bool:
    """Whether nothing unwritten is read."""
    if not _read(buffer, block):
        return True
    for statement in block:
        if _touches(buffer, statement):
            return _fills(buffer, statement, {})
    return True


def _read(buffer: Buffer, block: Block) -> bool:
    if any(isinstance(one, Reduce) and one.buffer.name == buffer.name for one in statements(block)):
        return True
    return any(isinstance(one, Load) and one.buffer.name == buffer.name for one in all_expressions(block))


def _touches(buffer: Buffer, statement: Statement) -> bool:
    if _read(buffer, (statement,)):
        return True
    return any(isinstance(one, Store) and one.buffer.name == buffer.name for one in statements((statement,)))


def _fills(buffer: Buffer, statement: Statement, sizes: dict[str, tuple[int, int]]) -> bool:
    """Whether a statement writes all of a buffer before it reads any of it. ``sizes`` are what the variables of the
    loops around run through, one by one."""
    if isinstance(statement, Store):
        if statement.buffer.name != buffer.name or _read(buffer, (statement,)):
            return False
        used = set()
        for one, size in zip(statement.indices, buffer.shape):
            if size == 1 and isinstance(one, Const):
                continue
            if not isinstance(one, Var) or one.name in used:
                return False
            low, high = sizes.get(one.name, (1, 0))
            if low > 0 or high < size:
                return False
            used.add(one.name)
        return True
    if not isinstance(statement, For):
        return isinstance(statement, If) and all(_first_fills(buffer, inside, sizes) for inside in blocks_of(statement))
    start, stop = statement.start, statement.stop
    if not isinstance(start, Const) or not isinstance(stop, Const) or statement.step != 1:
        return False
    if start.value >= stop.value:
        return buffer.elements == 0
    return _first_fills(buffer, statement.body, {**sizes, statement.var.name: (int(start.value), int(stop.value))})


def _first_fills(buffer: Buffer, block: Block, sizes: dict[str, tuple[int, int]]) -> bool:
    for number, statement in enumerate(block):
        if _touches(buffer, statement):
            # In a loop, what comes later could read what only a later iteration writes.
            return _fills(buffer, statement, sizes) and not (sizes and _read(buffer, block[number + 1 :]))
    return False
