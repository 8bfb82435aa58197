"""Candidates for smaller kernels: without statements, with simpler ones, simpler expressions, smaller buffers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from misfold.compiler.dtypes import F32, INDEX, DType
from misfold.compiler.loops.ir import (
    Allocate,
    Assert,
    Binary,
    Buffer,
    Cast,
    Const,
    Expr,
    For,
    Function,
    If,
    Let,
    Load,
    Reduce,
    Statement,
    Store,
    Var,
    index,
)
from misfold.compiler.loops.operators import BINARY
from misfold.compiler.loops.visit import (
    Block,
    all_expressions,
    blocks_of,
    children,
    expressions_of,
    map_blocks,
    map_children,
    map_expressions,
    replace_buffers,
    rewrite,
    statements,
    substitute_block,
)


def without_statements(function: Function) -> Iterator[Function]:
    """Runs of statements left out, long ones first; a ``let`` or local buffer only goes when nothing uses it."""
    count = sum(1 for _ in statements(function.body))
    size = count
    while size:
        for first in range(0, count, size):
            yield replace(function, body=_drop(function.body, set(range(first, first + size))))
        size //= 2


def simpler_statements(function: Function) -> Iterator[Function]:
    """Each statement replaced by something simpler that is in it."""
    for number, statement in enumerate(statements(function.body)):
        for simpler in _instead_of(statement):
            yield replace(function, body=_put(function.body, number, simpler))


def _instead_of(statement: Statement) -> Iterator[Block]:
    match statement:
        case For():
            yield tuple(substitute_block(statement.body, {statement.var.name: statement.start}))
            if statement.kind != "serial":
                yield (replace(statement, kind="serial"),)
            if statement.step != 1:
                yield (replace(statement, step=1),)
            if isinstance(statement.start, Const) and isinstance(statement.stop, Const):
                start, stop = int(statement.start.value), int(statement.stop.value)
                for fewer in dict.fromkeys((start + 1, start + 2, (start + stop) // 2, stop - 1)):
                    if start < fewer < stop:
                        yield (replace(statement, stop=index(fewer)),)
            if statement.start != index(0):
                yield (replace(statement, start=index(0)),)
        case If(_, then, other):
            yield then
            yield other
            if other:
                yield (replace(statement, other=()),)
        case Reduce(_, buffer, indices, value):
            yield (Store(buffer, indices, value),)
        case Assert():
            yield ()


def simpler_expressions(function: Function) -> Iterator[Function]:
    """Each expression replaced by one of its operands, or by a constant."""
    for number, statement in enumerate(statements(function.body)):
        if isinstance(statement, Allocate):
            continue
        for position, expression in enumerate(_all_of(statement)):
            for simpler in _simpler(expression):
                changed = _replace_expression(statement, position, simpler)
                yield replace(function, body=_put(function.body, number, (changed,)))


def _simpler(expression: Expr) -> Iterator[Expr]:
    for child in children(expression):
        if child.dtype == expression.dtype:
            yield child
    if not isinstance(expression, Const):
        for value in (0, 1):
            dtype = expression.dtype
            yield Const(bool(value) if dtype.is_bool else float(value) if dtype.is_float else value, dtype)
    elif expression.value not in (0, 1) and expression.dtype == INDEX:
        yield index(1)


def without_parameters(function: Function) -> Iterator[Function]:
    """Parameters that nothing uses left out."""
    used = {one.buffer.name for one in statements(function.body) if isinstance(one, Store | Reduce)}
    used |= {node.buffer.name for node in all_expressions(function.body) if hasattr(node, "buffer")}
    kept = tuple(one for one in function.parameters if one.buffer.name in used)
    if len(kept) < len(function.parameters):
        yield replace(function, parameters=kept)
        for one in function.parameters:
            if one not in kept:
                rest = tuple(other for other in function.parameters if other is not one)
                yield replace(function, parameters=rest)


def _drop(body: Block, numbers: set[int]) -> Block:
    """The body without the statements of these numbers (outer before inner, in order) and all inside them."""
    counter = iter(range(10**9))

    def block(inner: Block) -> Block:
        kept: list[Statement] = []
        for statement in inner:
            dropped = next(counter) in numbers
            rebuilt = map_blocks(statement, block)
            if not dropped:
                kept.append(rebuilt)
        return tuple(kept)

    return block(body)


def _put(body: Block, number: int, replacement: Block) -> Block:
    """The body with the statement of this number replaced."""
    counter = iter(range(10**9))

    def block(inner: Block) -> Block:
        kept: list[Statement] = []
        for statement in inner:
            if next(counter) == number:
                for _ in statements(one for part in blocks_of(statement) for one in part):
                    next(counter)
                kept += replacement
            else:
                kept.append(map_blocks(statement, block))
        return tuple(kept)

    return block(body)


def _all_of(statement: Statement) -> Iterator[Expr]:
    """Expressions of a statement itself, operands after what they are operands of."""

    def walk(expression: Expr) -> Iterator[Expr]:
        yield expression
        for child in children(expression):
            yield from walk(child)

    for expression in expressions_of(statement):
        yield from walk(expression)


def _replace_expression(statement: Statement, position: int, simpler: Expr) -> Statement:

    counter = iter(range(10**9))

    def walk(expression: Expr) -> Expr:
        if next(counter) == position:
            for _ in range(sum(1 for _ in _below(expression))):
                next(counter)
            return simpler
        return map_children(expression, walk)

    return map_expressions(statement, walk)


def _below(expression: Expr) -> Iterator[Expr]:
    for child in children(expression):
        yield child
        yield from _below(child)


def smaller_buffers(function: Function) -> Iterator[Function]:
    """Dimensions of one size made smaller in all buffers, with loops that end there, or in one buffer alone."""
    buffers = [one.buffer for one in function.parameters]
    buffers += [one.buffer for one in statements(function.body) if isinstance(one, Allocate)]
    for buffer in buffers:
        if buffer.strides is not None:
            yield _with_buffers(function, {buffer.name: replace(buffer, strides=None)})
    for size in sorted({dim for buffer in buffers for dim in buffer.shape if dim > 1}, reverse=True):
        for new in dict.fromkeys((1, 2, size // 2, size - 1)):
            if not 0 < new < size:
                continue
            resized = {one.name: _resized(one, size, new) for one in buffers if size in one.shape}
            smaller = _with_buffers(function, resized)
            yield replace(smaller, body=_shorter_loops(smaller.body, size, new))
            yield smaller
            if len(resized) > 1:
                yield from (_with_buffers(function, {name: one}) for name, one in resized.items())


def _resized(buffer: Buffer, size: int, new: int) -> Buffer:
    return Buffer(buffer.name, buffer.dtype, tuple(new if dim == size else dim for dim in buffer.shape))


def _with_buffers(function: Function, buffers: dict[str, Buffer]) -> Function:
    parameters = tuple(replace(one, buffer=buffers.get(one.buffer.name, one.buffer)) for one in function.parameters)
    return replace(function, parameters=parameters, body=replace_buffers(function.body, buffers))


def _shorter_loops(body: Block, size: int, new: int) -> Block:
    def one(statement: Statement) -> Statement:
        statement = map_blocks(statement, lambda inner: _shorter_loops(inner, size, new))
        if isinstance(statement, For) and statement.stop == index(size):
            return replace(statement, stop=index(new))
        return statement

    return tuple(map(one, body))


def plainer_operators(function: Function) -> Iterator[Function]:
    """Addition for other binary operators, and sums for other reductions, so that findings of one bug look alike."""
    for number, statement in enumerate(statements(function.body)):
        if isinstance(statement, Reduce) and statement.op != "add":
            yield replace(function, body=_put(function.body, number, (replace(statement, op="add"),)))
        for position, expression in enumerate(_all_of(statement)):
            if isinstance(expression, Binary) and not BINARY[expression.op].compares:
                for op in ("add", "mul"):
                    if op == expression.op:
                        break
                    if not expression.dtype.is_bool:
                        simpler = Binary(op, expression.left, expression.right)
                        changed = _replace_expression(statement, position, simpler)
                        yield replace(function, body=_put(function.body, number, (changed,)))


def plainer_types(function: Function) -> Iterator[Function]:
    """The integers' or floats' plainest type for another one, everywhere at once."""
    used = {one.buffer.dtype for one in function.parameters}
    used |= {one.buffer.dtype for one in statements(function.body) if isinstance(one, Allocate)}
    used |= {node.dtype for node in all_expressions(function.body)}
    for dtype in sorted(used, key=lambda one: one.name):
        plain = F32 if dtype.is_float else INDEX
        if not dtype.is_bool and dtype != plain:
            yield _with_type(function, dtype, plain)


def _with_type(function: Function, old: DType, new: DType) -> Function:
    def buffer(one: Buffer) -> Buffer:
        return replace(one, dtype=new) if one.dtype == old else one

    def node(one: Expr) -> Expr:
        if isinstance(one, Const) and one.dtype == old:
            return Const(one.value, new)
        if isinstance(one, Var) and one.dtype == old:
            return Var(one.name, new)
        if isinstance(one, Cast):
            return one.operand if one.operand.dtype == (new if one.dtype == old else one.dtype) else _cast(one)
        return one

    def _cast(one: Cast) -> Expr:
        return Cast(new, one.operand) if one.dtype == old else one

    def block(inner: Block) -> Block:
        made: list[Statement] = []
        for one in inner:
            one = map_expressions(one, lambda expression: rewrite(expression, node))
            if isinstance(one, Let) and one.var.dtype == old:
                one = replace(one, var=Var(one.var.name, new))
            made.append(map_blocks(one, block))
        return tuple(made)

    buffers = [one.buffer for one in function.parameters]
    buffers += [one.buffer for one in statements(function.body) if isinstance(one, Allocate)]
    changed = _with_buffers(function, {one.name: buffer(one) for one in buffers if one.dtype == old})
    return replace(changed, body=block(changed.body))


def weight(function: Function) -> tuple[int, ...]:
    """How complicated a kernel is, to be compared: statements, their kinds, expressions, iterations, elements."""
    every = list(statements(function.body))
    kinds = trips = 0
    expressions = 0
    for one in every:
        if isinstance(one, For):
            kinds += (one.kind != "serial") + (one.step != 1)
            bounded = isinstance(one.start, Const) and isinstance(one.stop, Const)
            trips += abs(int(one.start.value)) + int(one.stop.value) if bounded else 1000  # type: ignore[union-attr]
            if bounded:
                continue
        kinds += 2 * isinstance(one, Reduce) + isinstance(one, If | Assert)
        expressions += sum(_node_weight(node) for node in _all_of(one))
        if isinstance(one, Reduce):
            kinds += one.op != "add"
    buffers = [one.buffer for one in function.parameters]
    buffers += [one.buffer for one in every if isinstance(one, Allocate)]
    elements = sum(buffer.elements + (buffer.strides is not None) for buffer in buffers)
    types = sum(_type_weight(buffer.dtype) for buffer in buffers)
    types += sum(_type_weight(node.dtype) for node in all_expressions(function.body))
    return (len(every), kinds, expressions, len(buffers), trips, types, elements)


def _type_weight(dtype: DType) -> int:
    return 0 if dtype in (INDEX, F32) or dtype.is_bool else 1


def _node_weight(node: Expr) -> int:
    if isinstance(node, Const):
        return 1 if node.value in (0, 1) else 2
    if isinstance(node, Binary):
        return 4 + {"add": 0, "mul": 1}.get(node.op, 2)
    return 3 if isinstance(node, Var | Load) else 4
