"""Walking and rebuilding loop IR: the few helpers that all passes share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from operator import is_
from typing import Any

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

_LEAVES = (Var, Const)


# Asked of every node by every pass, so there is no pattern matching here.
_OPERANDS: dict[type, Callable[[Any], tuple[Expr, ...]]] = {
    Const: lambda leaf: (),
    Var: lambda leaf: (),
    Binary: lambda node: (node.left, node.right),
    Load: lambda node: node.indices,
    Unary: lambda node: (node.operand,),
    Cast: lambda node: (node.operand,),
    Select: lambda node: (node.condition, node.then, node.other),
}


def children(expression: Expr) -> tuple[Expr, ...]:
    """The operands of an expression."""
    return _OPERANDS[type(expression)](expression)


def map_children(expression: Expr, function: Callable[[Expr], Expr]) -> Expr:
    """The expression with ``function`` applied to each operand; the same object if none changes."""
    if isinstance(expression, Binary):
        left, right = function(expression.left), function(expression.right)
        if left is expression.left and right is expression.right:
            return expression
        return Binary(expression.op, left, right)
    if isinstance(expression, _LEAVES):
        return expression
    old = children(expression)
    new = tuple([function(child) for child in old])
    if all(map(is_, old, new)):
        return expression
    if isinstance(expression, Load):
        return Load(expression.buffer, new)
    if isinstance(expression, Unary):
        return Unary(expression.op, new[0])
    return Cast(expression.dtype, new[0]) if isinstance(expression, Cast) else Select(*new)


def rewrite(expression: Expr, function: Callable[[Expr], Expr]) -> Expr:
    """Apply ``function`` to every node, operands first."""

    def visit(node: Expr) -> Expr:
        return function(map_children(node, visit))

    return visit(expression)


def expressions_of(statement: Statement) -> tuple[Expr, ...]:
    """The expressions that a statement holds itself, those of statements inside it left out."""
    return _EXPRESSIONS[type(statement)](statement)


_EXPRESSIONS: dict[type, Callable[[Any], tuple[Expr, ...]]] = {
    Let: lambda let: (let.value,),
    Allocate: lambda allocate: (),
    Store: lambda store: (*store.indices, store.value),
    Reduce: lambda reduce: (*reduce.indices, reduce.value),
    For: lambda loop: (loop.start, loop.stop),
    If: lambda choice: (choice.condition,),
    Assert: lambda check: (check.condition,),
}


def blocks_of(statement: Statement) -> tuple[Block, ...]:
    """The blocks inside a statement."""
    if isinstance(statement, For):
        return (statement.body,)
    if isinstance(statement, If):
        return (statement.then, statement.other)
    return ()


def with_body(loop: For, body: Block) -> For:
    """The loop around other statements; the same object for the same body."""
    if body is loop.body:
        return loop
    return For(loop.var, loop.start, loop.stop, body, loop.kind, loop.step)


def map_expressions(statement: Statement, function: Callable[[Expr], Expr]) -> Statement:
    """The statement with ``function`` applied to each whole expression that it holds itself (not to blocks inside);
    the same object if none changes."""
    old = expressions_of(statement)
    new = tuple([function(expression) for expression in old])
    if all(map(is_, old, new)):
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


def map_statements(block: Block, function: Callable[[Statement], Statement]) -> Block:
    """A block with ``function`` applied to each of its statements; the same object if none changes."""
    new = tuple([function(statement) for statement in block])
    return block if all(map(is_, block, new)) else new


def map_blocks(statement: Statement, function: Callable[[Block], Block]) -> Statement:
    """The statement with ``function`` applied to each block inside it; the same object if none changes."""
    if isinstance(statement, For):
        return with_body(statement, function(statement.body))
    if isinstance(statement, If):
        then, other = function(statement.then), function(statement.other)
        return (
            statement if then is statement.then and other is statement.other else If(statement.condition, then, other)
        )
    return statement


def map_all_expressions(block: Iterable[Statement], function: Callable[[Expr], Expr]) -> Block:
    """A block with ``function`` applied to each whole expression in it, at any depth; the same object if none changes
    in a tuple."""

    def visit(inner: Iterable[Statement]) -> Block:
        new = tuple([map_blocks(map_expressions(statement, function), visit) for statement in inner])
        return inner if isinstance(inner, tuple) and all(map(is_, inner, new)) else new

    return visit(block)


# Answers to questions that many passes ask in turn, by the identity of what they are about, which is kept with them.
_gathered: dict[int, tuple[Block, tuple[Statement, ...]]] = {}
_walked: dict[int, tuple[Expr, tuple[Expr, ...], tuple[Load, ...]]] = {}
_MOST_KEPT = 1 << 14


def statements(block: Iterable[Statement]) -> Sequence[Statement]:
    """All statements at any depth, outer before inner, in order."""
    known = _gathered.get(id(block))
    if known is not None and known[0] is block:
        return known[1]
    found: list[Statement] = []
    _gather(block, found)
    result = tuple(found)
    if isinstance(block, tuple):  # others may change
        if len(_gathered) >= _MOST_KEPT:
            _gathered.clear()
        _gathered[id(block)] = block, result
    return result


def _gather(block: Iterable[Statement], found: list[Statement]) -> None:
    for statement in block:
        found.append(statement)
        if isinstance(statement, For):
            found += statements(statement.body)
        elif isinstance(statement, If):
            found += statements(statement.then)
            found += statements(statement.other)


def nodes(expression: Expr) -> Sequence[Expr]:
    """An expression and all below it, from left to right."""
    if isinstance(expression, _LEAVES):
        return (expression,)
    known = _walked.get(id(expression))
    return known[1] if known is not None and known[0] is expression else _walk(expression)[1]


def loads(expression: Expr) -> Sequence[Load]:
    """Where an expression reads memory: its loads, from left to right."""
    if isinstance(expression, _LEAVES):
        return ()
    known = _walked.get(id(expression))
    return known[2] if known is not None and known[0] is expression else _walk(expression)[2]


def _walk(expression: Expr) -> tuple[Expr, tuple[Expr, ...], tuple[Load, ...]]:
    found: list[Expr] = []
    todo: list[Expr] = [expression]
    while todo:
        node = todo.pop()
        found.append(node)
        operands = _OPERANDS[type(node)](node)
        if operands:
            todo.extend(operands[::-1])
    if len(_walked) >= _MOST_KEPT:
        _walked.clear()
    result = (expression, tuple(found), tuple([one for one in found if isinstance(one, Load)]))
    _walked[id(expression)] = result
    return result


def touched(block: Iterable[Statement]) -> set[str]:
    """Names of the buffers that a block reads or writes, at any depth."""
    found: set[str] = set()
    for statement in statements(block):
        if isinstance(statement, Store | Reduce):
            found.add(statement.buffer.name)
        found.update([load.buffer.name for one in expressions_of(statement) for load in loads(one)])
    return found


def all_expressions(block: Iterable[Statement]) -> Sequence[Expr]:
    """Every expression node in a block, at any depth."""
    found: list[Expr] = []
    for statement in statements(block):
        for expression in expressions_of(statement):
            found += nodes(expression)
    return found


def free_variables(expression: Expr) -> set[str]:
    """Names of the variables in an expression."""
    return {node.name for node in nodes(expression) if isinstance(node, Var)}


def substitute(expression: Expr, values: Mapping[str, Expr]) -> Expr:
    """Replace variables by expressions, by name."""
    if not any(isinstance(node, Var) and node.name in values for node in nodes(expression)):
        return expression
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

    def in_whole(expression: Expr) -> Expr:
        if any(load.buffer.name in buffers for load in loads(expression)):
            return rewrite(expression, in_expression)
        return expression

    def in_statement(statement: Statement) -> Statement:
        statement = map_expressions(statement, in_whole)
        if isinstance(statement, Allocate | Store | Reduce) and statement.buffer.name in buffers:
            statement = replace(statement, buffer=buffers[statement.buffer.name])
        return map_blocks(statement, lambda inner: replace_buffers(inner, buffers))

    return map_statements(tuple(block), in_statement)


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
