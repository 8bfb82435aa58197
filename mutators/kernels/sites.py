"""Places in a function: every statement and every expression, what can be used there, and how to replace it."""

from __future__ import annotations

import random as randomness
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from misfold.compiler.loops.ir import Allocate, Buffer, Expr, For, Function, If, Let, Statement, Var
from misfold.compiler.loops.ranges import Ranges
from misfold.compiler.loops.visit import Block, blocks_of, children, expressions_of, map_children, map_expressions

Item = TypeVar("Item")
#: Which statement, then which block in it, which statement there, and so on.
Path = tuple[int, ...]
#: Which expression of a statement, then which operand, and so on.
Route = tuple[int, ...]


@dataclass(frozen=True)
class Place:
    """A statement, or the end of a block (``statement`` is None), and what can be used there."""

    path: Path
    #: ``Statement | None``; whoever has picked the loops need not check again that this is one.
    statement: Any
    buffers: tuple[Buffer, ...]
    variables: tuple[Var, ...]
    loops: tuple[For, ...]
    ranges: Ranges


def places(function: Function) -> list[Place]:
    """All statements and ends of blocks, outer before inner, in order."""
    found: list[Place] = []
    buffers = tuple([parameter.buffer for parameter in function.parameters])
    _places(function.body, Place((), None, buffers, (), (), Ranges()), found)
    return found


def _places(block: Block, around: Place, found: list[Place]) -> None:
    here = replace(around, ranges=Ranges(around.ranges))
    for number, statement in enumerate(block):
        place = replace(here, path=(*around.path, number), statement=statement, ranges=Ranges(here.ranges))
        found.append(place)
        match statement:
            case For():
                inner = replace(
                    place,
                    path=(*place.path, 0),
                    variables=(*here.variables, statement.var),
                    loops=(*here.loops, statement),
                    ranges=here.ranges.inside(statement),
                )
                _places(statement.body, inner, found)
            case If(condition, then, other):
                for which, inside in enumerate((then, other)):
                    ranges = here.ranges.assuming(condition, which == 0)
                    _places(inside, replace(place, path=(*place.path, which), ranges=ranges), found)
            case Let(var, value):
                here.ranges.bind(var, value)
                here = replace(here, variables=(*here.variables, var))
            case Allocate(buffer):
                here = replace(here, buffers=(*here.buffers, buffer))
    found.append(replace(here, path=(*around.path, len(block)), statement=None))


def replaced(function: Function, path: Path, change: Callable[[Statement | None], Sequence[Statement]]) -> Function:
    """The function with the statement at a place replaced by those that ``change`` makes of it."""
    return replace(function, body=_replaced(function.body, path, change))


def _replaced(block: Block, path: Path, change: Callable[[Statement | None], Sequence[Statement]]) -> Block:
    number = path[0]
    if len(path) == 1:
        old = block[number] if number < len(block) else None
        return (*block[:number], *change(old), *block[number + 1 :])
    statement, which = block[number], path[1]
    inside = _replaced(blocks_of(statement)[which], path[2:], change)
    if isinstance(statement, For):
        statement = replace(statement, body=inside)
    else:
        assert isinstance(statement, If)
        statement = replace(statement, then=inside) if which == 0 else replace(statement, other=inside)
    return (*block[:number], statement, *block[number + 1 :])


def with_statements(function: Function, path: Path, statements: Sequence[Statement]) -> Function:
    """The function with the statement at a place replaced."""
    return replaced(function, path, lambda _: statements)


def inserted(function: Function, path: Path, statements: Sequence[Statement]) -> Function:
    """The function with statements inserted before a place."""
    return replaced(function, path, lambda old: [*statements, *([old] if old is not None else [])])


# -------------------------------------------------------------------------------------------------------- expressions


@dataclass(frozen=True)
class Spot:
    """An expression in a function."""

    place: Place
    route: Route
    #: ``Expr``; not checked again either.
    expression: Any

    @property
    def is_index(self) -> bool:
        """Whether it is a whole index of what the statement writes, or a bound of a loop."""
        assert self.place.statement is not None
        last = len(expressions_of(self.place.statement)) - 1
        return len(self.route) == 1 and (isinstance(self.place.statement, For) or self.route[0] < last)


def spots(function: Function) -> list[Spot]:
    """All expressions, operands after what they are operands of."""
    found = []
    for place in places(function):
        if place.statement is not None:
            for number, expression in enumerate(expressions_of(place.statement)):
                found += [Spot(place, (number, *route), node) for route, node in _routes(expression)]
    return found


def _routes(expression: Expr) -> Iterator[tuple[Route, Expr]]:
    yield (), expression
    for number, child in enumerate(children(expression)):
        for route, node in _routes(child):
            yield (number, *route), node


def with_expression(function: Function, spot: Spot, expression: Expr) -> Function:
    """The function with an expression replaced by another one of its type."""
    statement = spot.place.statement
    assert statement is not None
    return with_statements(function, spot.place.path, [statement_with(statement, spot.route, expression)])


def statement_with(statement: Statement, route: Route, expression: Expr) -> Statement:
    """The statement with one of its expressions replaced."""
    whole = iter(range(len(expressions_of(statement))))
    return map_expressions(
        statement, lambda old: _with_node(old, route[1:], expression) if next(whole) == route[0] else old
    )


def _with_node(expression: Expr, route: Route, new: Expr) -> Expr:
    if not route:
        return new
    operands = iter(range(len(children(expression))))
    return map_children(expression, lambda old: _with_node(old, route[1:], new) if next(operands) == route[0] else old)


def pick(random: randomness.Random, items: Sequence[Item]) -> Item | None:
    """One of the items; None if there are none."""
    return items[random.randrange(len(items))] if items else None
