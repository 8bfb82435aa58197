"""Removes what nobody can tell: values never used, elements never read, loops that do nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from misfold.compiler.loops.ir import (
    Allocate,
    Assert,
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
)
from misfold.compiler.loops.ranges import has_load
from misfold.compiler.loops.visit import Block, all_expressions, expressions_of, loads, nodes, statements, with_body
from misfold.compiler.passes.base import LoopPass


@dataclass(frozen=True)
class DeadStoreElimination(LoopPass):
    """First whole buffers and variables: those from which nothing flows to a parameter or an assert, as in mark and
    sweep (Cytron et al., TOPLAS 1991, section 7.1, control dependence included). Then single stores, backwards."""

    name = "dead-store-elimination"
    precondition = (
        "Nothing reads what is stored: the buffer is local and no live value comes from it, or the same element is "
        "written again in the same block, or the local buffer's life ends, with no read of the buffer in between."
    )

    def run(self, function: Function) -> Function:
        live = _live(function)
        body = _swept(function.body, live)
        body = _Backwards().block(body, _After(set(), set()))
        if body == function.body:
            return function
        # What single dead stores used may be dead now.
        body = _swept(body, _live(replace(function, body=body)))
        return replace(function, body=body)


# --------------------------------------------------------------------------------------------------- mark and sweep


def _live(function: Function) -> set[str]:
    """Names of the buffers and variables that parameters or asserts depend on."""
    needs: dict[str, set[str]] = {}
    live = {one.buffer.name for one in function.parameters}

    def walk(block: Block, control: frozenset[str]) -> None:
        for statement in block:
            used = _names(expressions_of(statement))
            match statement:
                case Let(var, _):
                    needs.setdefault(var.name, set()).update(used)
                case Store(buffer, _, _) | Reduce(_, buffer, _, _):
                    needs.setdefault(buffer.name, set()).update(used, control)
                case Assert():
                    live.update(used, control)
                case For():
                    inner = frozenset((f"for {statement.var.name}",))
                    needs[f"for {statement.var.name}"] = used | control
                    walk(statement.body, inner)
                case If(_, then, other):
                    inner = control | used
                    walk(then, inner)
                    walk(other, inner)

    walk(function.body, frozenset())
    todo = list(live)
    while todo:
        for name in needs.get(todo.pop(), ()):
            if name not in live:
                live.add(name)
                todo.append(name)
    return live


def _names(expressions: Iterable[Expr]) -> set[str]:
    found = set()
    for expression in expressions:
        for node in nodes(expression):
            if isinstance(node, Load):
                found.add(node.buffer.name)
            elif isinstance(node, Var):
                found.add(node.name)
    return found


def _swept(block: Block, live: set[str]) -> Block:
    result: list[Statement] = []
    for statement in block:
        match statement:
            case Let(var, _):
                if var.name in live:
                    result.append(statement)
            case Allocate(buffer) | Store(buffer, _, _) | Reduce(_, buffer, _, _):
                if buffer.name in live:
                    result.append(statement)
            case For():
                body = _swept(statement.body, live)
                if any(not isinstance(one, Let | Allocate) for one in body):
                    result.append(with_body(statement, body))
            case If(condition, then, other):
                then, other = _swept(then, live), _swept(other, live)
                if then or other:
                    result.append(If(condition, then, other))
            case _:
                result.append(statement)
    return tuple(result)


# -------------------------------------------------------------------------------------------------------- single stores


@dataclass
class _After:
    """What holds after a statement: elements that will be overwritten before a read, and buffers that nothing reads."""

    overwritten: set[tuple[str, tuple[Expr, ...]]]
    unread: set[str]

    def copy(self) -> _After:
        return _After(set(self.overwritten), set(self.unread))

    def read(self, names: set[str]) -> None:
        if names:
            self.unread -= names
            self.overwritten = {one for one in self.overwritten if one[0] not in names}


class _Backwards:
    def block(self, block: Block, after: _After) -> Block:
        """The block without dead stores; ``after`` becomes what holds before it."""
        after.unread |= {one.buffer.name for one in block if isinstance(one, Allocate)}
        result: list[Statement] = []
        for statement in reversed(block):
            new: Statement | None = statement
            match statement:
                case Store(buffer, indices, value):
                    if (
                        buffer.name in after.unread
                        or (buffer.name, indices) in after.overwritten
                        or value == Load(buffer, indices)
                    ):
                        new = None
                    elif not any(has_load(one) for one in indices):
                        after.overwritten.add((buffer.name, indices))
                case Reduce(_, buffer, indices, _):
                    if buffer.name in after.unread or (buffer.name, indices) in after.overwritten:
                        new = None
                    else:
                        after.read({buffer.name})
                case For():
                    new = self._loop(statement, after)
                case If(condition, then, other):
                    first, second = after.copy(), after
                    then, other = self.block(then, first), self.block(other, second)
                    after.unread &= first.unread
                    after.overwritten &= first.overwritten
                    new = If(condition, then, other) if then or other else None
            if new is not None:
                after.read(_loaded(new))
                result.append(new)
        return tuple(reversed(result))

    def _loop(self, loop: For, after: _After) -> Statement | None:
        # Within the body, a later iteration may read what this one stores.
        read = {s.buffer.name for s in statements(loop.body) if isinstance(s, Reduce)}
        read |= {node.buffer.name for node in all_expressions(loop.body) if isinstance(node, Load)}
        after.read(read)
        body = self.block(loop.body, after.copy())
        if all(isinstance(one, Let | Allocate) for one in body):
            return None
        return with_body(loop, body)


def _loaded(statement: Statement) -> set[str]:
    """Buffers that a statement's own expressions read."""
    return {load.buffer.name for e in expressions_of(statement) for load in loads(e)}
