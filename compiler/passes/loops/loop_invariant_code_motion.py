"""Moves what is the same in every iteration out of a loop."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial

from misfold.compiler.loops.ir import (
    Allocate,
    Assert,
    Binary,
    Buffer,
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
)
from misfold.compiler.loops.operators import BINARY
from misfold.compiler.loops.ranges import Ranges
from misfold.compiler.loops.visit import (
    Block,
    Names,
    bound_names,
    children,
    map_children,
    map_expressions,
    nodes,
    renamed,
    statements,
    with_body,
)
from misfold.compiler.passes.base import LoopPass, parameter


@dataclass(frozen=True)
class LoopInvariantCodeMotion(LoopPass):
    """Hoists invariant expressions as ``let``s (Muchnick, *Advanced Compiler Design*, section 13.2), and unswitches
    invariant ``If``s. Integer arithmetic stays in the loop unless asked for: indices are clearer to other passes where
    they are used, and the code generator hoists them."""

    name = "loop-invariant-code-motion"
    precondition = (
        "The expression uses nothing that the loop binds or writes. What may be undefined (a load, a division) moves "
        "only if the loop surely runs it, or if it is proved to be defined: in range of a parameter, a divisor not 0."
    )

    unswitch: int = parameter(12, "statements of a loop that may be copied to unswitch an If", (0, 4, 12, 40))
    integers: bool = parameter(False, "whether integer arithmetic is hoisted too", (False, True))

    def run(self, function: Function) -> Function:
        roles = {one.buffer.name: one.role for one in function.parameters}
        motion = _Motion(self, Names(function), {name for name, role in roles.items() if role != "out"})
        body = motion.block(function.body, Ranges())
        return replace(function, body=body) if motion.changed else function


class _Motion:
    def __init__(self, options: LoopInvariantCodeMotion, names: Names, initialised: set[str]):
        self.options = options
        self.names = names
        #: Parameters whose every element may be read at any time.
        self.initialised = initialised
        self.changed = False

    def block(self, block: Block, ranges: Ranges) -> Block:
        result: list[Statement] = []
        for statement in block:
            match statement:
                case Let(var, value):
                    ranges.bind(var, value)
                    result.append(statement)
                case For():
                    result += self.loop(statement, ranges)
                case If(condition, then, other):
                    then = self.block(then, ranges.assuming(condition, True))
                    other = self.block(other, ranges.assuming(condition, False))
                    result.append(If(condition, then, other) if self.changed else statement)
                case _:
                    result.append(statement)
        return tuple(result)

    def loop(self, loop: For, ranges: Ranges) -> Block:
        inside = ranges.inside(loop)
        body = self.block(loop.body, inside)
        runs = ranges.truth(Binary("lt", loop.start, loop.stop)) is True
        scope = _Scope(self, loop, body, ranges)
        body = scope.hoist(body, runs)
        if scope.lets:
            self.changed = True
        loop = loop if body is loop.body else with_body(loop, body)
        return (*scope.lets, *self._unswitched(loop, scope, runs))

    def _unswitched(self, loop: For, scope: _Scope, runs: bool) -> Block:
        """The loop in each branch of the first invariant ``If`` of its body."""
        for place, statement in enumerate(loop.body):
            if not isinstance(statement, If) or not scope.movable(statement.condition, runs and place == 0):
                continue
            rest = (*loop.body[:place], *loop.body[place + 1 :])
            if sum(1 for _ in statements(rest)) > self.options.unswitch:
                continue
            then = (*loop.body[:place], *statement.then, *loop.body[place + 1 :])
            other = (*loop.body[:place], *statement.other, *loop.body[place + 1 :])
            self.changed = True
            if not other:
                return (If(statement.condition, (with_body(loop, then),)),)
            copy = renamed((with_body(loop, other),), self.names)
            if not then:
                return (If(statement.condition, (), copy),)
            return (If(statement.condition, (with_body(loop, then),), copy),)
        return (loop,)


class _Scope:
    """One loop, and what has been hoisted out of it."""

    def __init__(self, motion: _Motion, loop: For, body: Block, ranges: Ranges):
        self.motion = motion
        self.ranges = ranges
        self.lets: list[Let] = []
        self.hoisted: dict[Expr, Var] = {}
        self.bound = {loop.var.name, *bound_names(body)}
        self.written = {s.buffer.name for s in statements(body) if isinstance(s, Store | Reduce | Allocate)}

    def hoist(self, block: Block, certain: bool) -> Block:
        """The block without what is invariant. ``certain``: it surely runs, if the loop is met."""
        result: list[Statement] = []
        changed = False
        for statement in block:
            if isinstance(statement, Let) and self._let(statement, certain):
                changed = True
                continue
            new = map_expressions(statement, partial(self._expression, certain=certain))
            match new:
                case If(condition, then, other):
                    new = If(condition, self.hoist(then, False), self.hoist(other, False))
                case For():
                    runs = certain and self.ranges.truth(Binary("lt", new.start, new.stop)) is True
                    new = with_body(new, self.hoist(new.body, runs))
            if new == statement:
                new = statement
            changed |= new is not statement
            result.append(new)
            if any(isinstance(inner, Assert) for inner in statements([statement])):
                certain = False  # the function may end here
        return tuple(result) if changed else block

    def _let(self, let: Let, certain: bool) -> bool:
        """Move a whole ``let``, if that is right: it costs nothing, whatever its value."""
        if isinstance(let.value, Const | Var) or not self.movable(let.value, certain):
            return False
        self.bound.discard(let.var.name)
        self._emit(let)
        return True

    def _emit(self, let: Let) -> None:
        self.lets.append(let)
        self.ranges.bind(let.var, let.value)

    def _expression(self, expression: Expr, certain: bool) -> Expr:
        result, movable, worthwhile = self._visit(expression, certain)
        return self._hoisted(result) if movable and worthwhile else result

    def _visit(self, expression: Expr, certain: bool) -> tuple[Expr, bool, bool]:
        """The expression, with the largest movable parts hoisted unless it is movable itself; whether it is; and
        whether hoisting pays."""
        if isinstance(expression, Const | Var):
            return expression, isinstance(expression, Const) or expression.name not in self.bound, False
        parts = [self._visit(child, certain) for child in children(expression)]
        if all(movable for _, movable, _ in parts) and self._may_move(expression, certain):
            pays = self.motion.options.integers or expression.dtype.is_float or isinstance(expression, Load)
            return expression, True, pays or any(worthwhile for _, _, worthwhile in parts)
        new = iter([self._hoisted(part) if movable and pays else part for part, movable, pays in parts])
        return map_children(expression, lambda _: next(new)), False, False

    def _hoisted(self, expression: Expr) -> Var:
        var = self.hoisted.get(expression)
        if var is None:
            var = Var(self.motion.names.fresh("invariant"), expression.dtype)
            self.hoisted[expression] = var
            self._emit(Let(var, expression))
        return var

    def movable(self, expression: Expr, certain: bool) -> bool:
        """Whether the expression has one value in all iterations, and may be evaluated before the loop."""
        for node in nodes(expression):
            if node.name in self.bound if isinstance(node, Var) else not self._may_move(node, certain):
                return False
        return True

    def _may_move(self, node: Expr, certain: bool) -> bool:
        """``movable`` of one node, its operands left out."""
        match node:
            case Load(buffer, indices):
                return buffer.name not in self.written and (certain or self._readable(buffer, indices))
            case Binary(op, _, divisor) if BINARY[op].partial and divisor.dtype.is_integer:
                return certain or self.ranges.truth(Binary("eq", divisor, Const(0, divisor.dtype))) is False
        return True

    def _readable(self, buffer: Buffer, indices: Iterable[Expr]) -> bool:
        if buffer.name not in self.motion.initialised:
            return False
        for index, size in zip(indices, buffer.shape):
            bounds = self.ranges.interval(index)
            if bounds.low < 0 or bounds.high >= size:
                return False
        return True
