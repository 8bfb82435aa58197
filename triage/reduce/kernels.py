"""Reduction of kernels: fewer statements, shorter loops, simpler expressions, fewer passes; bounded in tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from misfold.compiler.dtypes import INDEX
from misfold.compiler.errors import VerificationError
from misfold.compiler.loops.ir import (
    Allocate,
    Assert,
    Const,
    Expr,
    For,
    Function,
    If,
    Reduce,
    Statement,
    Store,
    index,
)
from misfold.compiler.loops.verify import verify
from misfold.compiler.loops.visit import (
    Block,
    all_expressions,
    blocks_of,
    children,
    expressions_of,
    map_blocks,
    map_children,
    map_expressions,
    statements,
    substitute_block,
)
from misfold.programs.errors import MisfoldError
from misfold.programs.kernel import KernelCase


class KernelReduction:
    """A reduction under way: the smallest failing case so far, and how many tests it took.

    ``fails`` says whether a candidate is valid and fails in the same way. Tiers are repeated while they help.
    """

    def __init__(self, case: KernelCase, target: str, fails: Callable[[KernelCase], bool], budget: int):
        self.case, self.target, self.fails, self.budget = case, target, fails, budget
        self.tests = 0

    def run(self) -> KernelCase:
        """All tiers, until nothing more goes or the budget is spent."""
        self.pipeline()
        before = None
        while before != self.case and self.tests < self.budget:
            before = self.case
            self._exhaust(_without_statements)
            self._exhaust(_simpler_statements)
            self._exhaust(_simpler_expressions)
            self._exhaust(_without_parameters)
        self.pipeline()
        return self.case

    def attempt(self, candidate: KernelCase) -> bool:
        """Test a candidate and keep it if it fails in the same way."""
        if self.tests >= self.budget or candidate == self.case:
            return False
        self.tests += 1
        if not self.fails(candidate):
            return False
        self.case = candidate
        return True

    def pipeline(self) -> None:
        """Leave out passes, a half at first, then single ones, and options."""
        pipeline = self.case.pipelines[self.target]
        size = len(pipeline.passes or ())
        while size:
            start = 0
            while start < len(self.case.pipelines[self.target].passes or ()):
                passes = self.case.pipelines[self.target].passes or ()
                if not self._with_pipeline(passes=passes[:start] + passes[start + size :]):
                    start += size
            size //= 2
        for name in list(pipeline.options):
            options = {k: v for k, v in self.case.pipelines[self.target].options.items() if k != name}
            self._with_pipeline(options=options)

    def _with_pipeline(self, **changes: object) -> bool:
        pipeline = replace(self.case.pipelines[self.target], name="reduced", **changes)  # type: ignore[arg-type]
        return self.attempt(replace(self.case, pipelines={self.target: pipeline}))

    def _exhaust(self, tier: Callable[[Function], Iterator[Function]]) -> None:
        """Take the first candidate of a tier that fails, and begin the tier again, until none does."""
        progress = True
        while progress and self.tests < self.budget:
            progress = False
            for function in tier(self.case.function):
                if self.tests >= self.budget:
                    return
                if _sound(function) and self.attempt(replace(self.case, function=function)):
                    progress = True
                    break


def reduce_kernel(case: KernelCase, target: str, fails: Callable[[KernelCase], bool], budget: int = 200) -> KernelCase:
    """The smallest case found that ``fails`` accepts, after at most ``budget`` tests."""
    return KernelReduction(case, target, fails, budget).run()


def size(function: Function) -> int:
    """Statements and expression nodes."""
    return sum(1 for _ in statements(function.body)) + sum(1 for _ in all_expressions(function.body))


def _sound(function: Function) -> bool:
    try:
        verify(function)
    except (VerificationError, MisfoldError):
        return False
    return True


# ----------------------------------------------------------------------------------------------------------- the tiers


def _without_statements(function: Function) -> Iterator[Function]:
    """Runs of statements left out, long ones first; a ``let`` or local buffer only goes when nothing uses it."""
    count = sum(1 for _ in statements(function.body))
    size = count
    while size:
        for first in range(0, count, size):
            yield replace(function, body=_drop(function.body, set(range(first, first + size))))
        size //= 2


def _simpler_statements(function: Function) -> Iterator[Function]:
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


def _simpler_expressions(function: Function) -> Iterator[Function]:
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


def _without_parameters(function: Function) -> Iterator[Function]:
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


# ---------------------------------------------------------------------------------------------- statements by number


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
