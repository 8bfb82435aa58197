"""Walking and rebuilding loop IR: the few helpers that all passes share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from .ir import (
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
    Select,
    Statement,
    Store,
    Unary,
    Var,
)

Block = tuple[Statement, ...]

_LEAVES = (Const, Var)
_ONE_OPERAND = (Unary, Cast)


def children(expression: Expr) -> tuple[Expr, ...]:
    """The operands of an expression."""
    # Asked of every node by every pass: the most frequent kinds first, and no pattern matching.
    if isinstance(expression, _LEAVES):
        return ()
    if isinstance(expression, Binary):
        return (expression.left, expression.right)
    if isinstance(expression, Load):
        return expression.indices
    if isinstance(expression, _ONE_OPERAND):
        return (expression.operand,)
    if isinstance(expression, Select):
        return (expression.condition, expression.then, expression.other)
    raise TypeError(f"not an expression: {expression!r}")


def map_children(expression: Expr, function: Callable[[Expr], Expr]) -> Expr:
    """The expression with ``function`` applied to each operand; the same object if none changes."""
    old = children(expression)
    if not old:
        return expression
    new = tuple([function(child) for child in old])
    if all(a is b for a, b in zip(old, new)):
        return expression
    match expression:
        case Load(buffer, _):
            return Load(buffer, new)
        case Unary(op, _):
            return Unary(op, new[0])
        case Cast(dtype, _):
            return Cast(dtype, new[0])
        case Binary(op, _, _):
            return Binary(op, new[0], new[1])
        case _:
            return Select(*new)


def rewrite(expression: Expr, function: Callable[[Expr], Expr]) -> Expr:
    """Apply ``function`` to every node, operands first."""
    return function(map_children(expression, lambda child: rewrite(child, function)))


def expressions_of(statement: Statement) -> tuple[Expr, ...]:
    """The expressions that a statement holds itself, those of statements inside it left out."""
    match statement:
        case Let(_, value):
            return (value,)
        case Allocate():
            return ()
        case Store(_, indices, value) | Reduce(_, _, indices, value):
            return (*indices, value)
        case For():
            return (statement.start, statement.stop)
        case If(condition, _, _) | Assert(condition, _):
            return (condition,)
    raise TypeError(f"not a statement: {statement!r}")


def blocks_of(statement: Statement) -> tuple[Block, ...]:
    """The blocks inside a statement."""
    match statement:
        case For():
            return (statement.body,)
        case If(_, then, other):
            return (then, other)
    return ()


def map_expressions(statement: Statement, function: Callable[[Expr], Expr]) -> Statement:
    """The statement with ``function`` applied to each whole expression that it holds itself (not to blocks inside);
    the same object if none changes."""
    old = expressions_of(statement)
    new = tuple([function(expression) for expression in old])
    if all(a is b for a, b in zip(old, new)):
        return statement
    match statement:
        case Let(var, _):
            return Let(var, new[0])
        case Store(buffer, _, _):
            return Store(buffer, new[:-1], new[-1])
        case Reduce(op, buffer, _, _):
            return Reduce(op, buffer, new[:-1], new[-1])
        case For(var, _, _, body, kind, step):
            return For(var, new[0], new[1], body, kind, step)
        case If(_, then, other):
            return If(new[0], then, other)
        case Assert(_, message):
            return Assert(new[0], message)
    raise TypeError(f"not a statement: {statement!r}")


def map_blocks(statement: Statement, function: Callable[[Block], Block]) -> Statement:
    """The statement with ``function`` applied to each block inside it; the same object if none changes."""
    match statement:
        case For(var, start, stop, body, kind, step):
            new = function(body)
            return statement if new is body else For(var, start, stop, new, kind, step)
        case If(condition, then, other):
            new_then, new_other = function(then), function(other)
            return statement if new_then is then and new_other is other else If(condition, new_then, new_other)
    return statement


def map_all_expressions(block: Iterable[Statement], function: Callable[[Expr], Expr]) -> Block:
    """A block with ``function`` applied to each whole expression in it, at any depth."""
    return tuple(
        [
            map_blocks(map_expressions(statement, function), lambda inner: map_all_expressions(inner, function))
            for statement in block
        ]
    )


def statements(block: Iterable[Statement]) -> Iterator[Statement]:
    """All statements at any depth, outer before inner, in order."""
    for statement in block:
        yield statement
        for inner in blocks_of(statement):
            yield from statements(inner)


def nodes(expression: Expr) -> Iterator[Expr]:
    """An expression and all below it, from left to right."""
    todo = [expression]
    while todo:
        node = todo.pop()
        yield node
        todo.extend(reversed(children(node)))


def all_expressions(block: Iterable[Statement]) -> Iterator[Expr]:
    """Every expression node in a block, at any depth."""
    for statement in statements(block):
        for expression in expressions_of(statement):
            yield from nodes(expression)


def free_variables(expression: Expr) -> set[str]:
    """Names of the variables in an expression."""
    return {node.name for node in nodes(expression) if isinstance(node, Var)}


def substitute(expression: Expr, values: Mapping[str, Expr]) -> Expr:
    """Replace variables by expressions, by name."""
    return rewrite(expression, lambda node: values.get(node.name, node) if isinstance(node, Var) else node)


def substitute_block(block: Iterable[Statement], values: Mapping[str, Expr]) -> Block:
    """``substitute`` in every expression of a block."""
    return map_all_expressions(block, lambda expression: substitute(expression, values))


def replace_buffers(block: Iterable[Statement], buffers: Mapping[str, Buffer]) -> Block:
    """Replace buffers by others of the same rank, by name, where they are allocated, read and written."""

    def in_expression(node: Expr) -> Expr:
        if isinstance(node, Load) and node.buffer.name in buffers:
            return Load(buffers[node.buffer.name], node.indices)
        return node

    def in_statement(statement: Statement) -> Statement:
        statement = map_expressions(statement, lambda expression: rewrite(expression, in_expression))
        if isinstance(statement, Allocate | Store | Reduce) and statement.buffer.name in buffers:
            statement = replace(statement, buffer=buffers[statement.buffer.name])
        return map_blocks(statement, lambda inner: replace_buffers(inner, buffers))

    return tuple([in_statement(statement) for statement in block])


def bound_names(block: Iterable[Statement]) -> Iterator[str]:
    """Names that a block binds: loop and ``let`` variables and local buffers."""
    for statement in statements(block):
        match statement:
            case Let(var, _):
                yield var.name
            case For():
                yield statement.var.name
            case Allocate(buffer):
                yield buffer.name


class Names:
    """Gives names that a function does not use yet."""

    def __init__(self, function: Function | None = None):
        self._taken: set[str] = set()
        self._next: dict[str, int] = {}
        if function is not None:
            self._taken.update(parameter.buffer.name for parameter in function.parameters)
            self._taken.update(bound_names(function.body))

    def fresh(self, wish: str) -> str:
        """``wish`` itself if it is free, else ``wish_1``, ``wish_2``, …"""
        name, stem = wish, wish
        number = self._next.get(stem, 1)
        while name in self._taken:
            name = f"{stem}_{number}"
            number += 1
        self._next[stem] = number
        self._taken.add(name)
        return name


def renamed(block: Iterable[Statement], names: Names) -> Block:
    """A copy of a block in which everything it binds has a fresh name: for passes that duplicate code."""
    block = tuple(block)
    buffers: dict[str, Buffer] = {}
    variables: dict[str, Var] = {}
    for statement in statements(block):
        match statement:
            case Allocate(buffer):
                buffers[buffer.name] = replace(buffer, name=names.fresh(buffer.name))
            case Let(var, _):
                variables[var.name] = Var(names.fresh(var.name), var.dtype)
            case For():
                variables[statement.var.name] = Var(names.fresh(statement.var.name))

    def rename(inner: Block) -> Block:
        result = []
        for statement in inner:
            if isinstance(statement, Let | For) and statement.var.name in variables:
                statement = replace(statement, var=variables[statement.var.name])
            result.append(map_blocks(statement, rename))
        return tuple(result)

    return substitute_block(replace_buffers(rename(block), buffers), variables)
