"""Whether a function keeps every rule of the loop IR: the rules stand in ``ir`` and ``operators``."""

from __future__ import annotations

from typing import NoReturn

from misfold.compiler.dtypes import BOOL, INDEX, DType
from misfold.compiler.errors import VerificationError
from misfold.compiler.text import MAX_NESTING

from .arithmetic import is_exact
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
from .operators import BINARY, REDUCTIONS, UNARY
from .printer import print_expression
from .syntax import LOOPS, is_name

#: The most iterations that a vectorised loop may have.
MAX_LANES = 64
_ROLES = ("in", "out", "inout")


def verify(function: Function) -> None:
    """Check a function.

    Raises:
        VerificationError: a rule is broken; says which, and where (``softmax/for i/statement 2``).
    """
    _Verifier(function).run()


def trip_count(loop: For) -> int | None:
    """How many iterations a loop with constant bounds has; None: its bounds are not constants."""
    if not isinstance(loop.start, Const) or not isinstance(loop.stop, Const):
        return None
    return len(range(int(loop.start.value), int(loop.stop.value), loop.step))


def place_of(statement: Statement, number: int, block: str) -> str:
    """The path of a statement, the ``number``-th (from 1) of the block whose path is ``block``."""
    if isinstance(statement, For):
        return f"{block}/{LOOPS.get(statement.kind, 'loop')} {statement.var.name}"
    return f"{block}/statement {number}"


class _Verifier:
    def __init__(self, function: Function):
        self.function = function
        #: Every name ever bound: names are unique in the whole function.
        self.taken: set[str] = set()
        #: What can be used here.
        self.buffers: dict[str, Buffer] = {}
        self.variables: dict[str, Var] = {}
        self.inputs: set[str] = set()
        self.place = function.name
        self.depth = 0

    def run(self) -> None:
        function = self.function
        if not is_name(function.name):
            self.fail(f"{function.name!r} is not a name")
        for parameter in function.parameters:
            buffer = parameter.buffer
            self.place = f"{function.name}/parameter {buffer.name}"
            if parameter.role not in _ROLES:
                self.fail(f"there is no role {parameter.role!r}")
            self.bind_buffer(buffer)
            if parameter.role == "in":
                self.inputs.add(buffer.name)
            else:
                self.check_strides(buffer)
        self.block(function.body, function.name, 1, None)

    def fail(self, message: str) -> NoReturn:
        raise VerificationError(message, self.place)

    def check_depth(self, depth: int) -> None:
        if depth > MAX_NESTING:
            self.fail(f"statements and expressions nest deeper than {MAX_NESTING}")

    # --------------------------------------------------------------------------------------------------------- names

    def bind_name(self, name: str) -> None:
        if not is_name(name):
            self.fail(f"{name!r} is not a name")
        if name in self.taken:
            self.fail(f"the name {name} is bound already")
        self.taken.add(name)

    def bind_variable(self, var: Var) -> None:
        self.bind_name(var.name)
        self.variables[var.name] = var

    def bind_buffer(self, buffer: Buffer) -> None:
        self.bind_name(buffer.name)
        if not all(type(size) is int and size >= 0 for size in buffer.shape):
            self.fail(f"the shape {buffer.shape} has something other than integers from 0 on")
        if buffer.strides is not None:
            if len(buffer.strides) != len(buffer.shape):
                self.fail(f"{len(buffer.shape)} dimensions, but {len(buffer.strides)} strides")
            if not all(type(stride) is int for stride in buffer.strides):
                self.fail(f"the strides {buffer.strides} are not all integers")
        self.buffers[buffer.name] = buffer

    def check_strides(self, buffer: Buffer) -> None:
        if may_overlap(buffer):
            self.fail(f"it is written, but its strides {buffer.strides} may put several elements in one place")

    # ---------------------------------------------------------------------------------------------------- statements

    def block(self, block: tuple[Statement, ...], place: str, depth: int, vectorised: str | None) -> None:
        """``vectorised`` names the vectorised loop that is around, if one is."""
        self.check_depth(depth)
        bound: list[tuple[dict, str]] = []
        for number, statement in enumerate(block, 1):
            self.place = place_of(statement, number, place)
            self.depth = depth
            match statement:
                case Let(var, value):
                    self.expect_type(value, var.dtype, f"{var.name} is of type {var.dtype}")
                    self.bind_variable(var)
                    bound.append((self.variables, var.name))
                case Allocate(buffer):
                    self.bind_buffer(buffer)
                    self.check_strides(buffer)
                    if any(stride < 0 for stride in buffer.strides or ()):
                        self.fail(f"a local buffer has no negative strides: {buffer.strides}")
                    bound.append((self.buffers, buffer.name))
                case Store(buffer, indices, value):
                    self.written(buffer, indices, value)
                case Reduce(op, buffer, indices, value):
                    if op not in REDUCTIONS:
                        self.fail(f"there is no reduction {op!r}")
                    if buffer.dtype.kind not in BINARY[op].kinds:
                        self.fail(f"{op} does not take {buffer.dtype}")
                    self.written(buffer, indices, value)
                case For():
                    self.loop(statement, depth, vectorised)
                case If(condition, then, other):
                    self.expect_type(condition, BOOL, "a condition is a bool")
                    here = self.place
                    self.block(then, f"{here}/then", depth + 1, vectorised)
                    self.block(other, f"{here}/else", depth + 1, vectorised)
                case Assert(condition, message):
                    self.expect_type(condition, BOOL, "a condition is a bool")
                    if type(message) is not str:
                        self.fail("the message is not a string")
                case _:
                    self.fail(f"not a statement: {statement!r}")
        for scope, name in bound:
            del scope[name]

    def written(self, buffer: Buffer, indices: tuple[Expr, ...], value: Expr) -> None:
        self.element(buffer, indices, self.depth)
        if buffer.name in self.inputs:
            self.fail(f"{buffer.name} is an input: it cannot be written")
        self.expect_type(value, buffer.dtype, f"{buffer.name} holds {buffer.dtype}")

    def loop(self, loop: For, depth: int, vectorised: str | None) -> None:
        here = self.place
        if loop.kind not in LOOPS:
            self.fail(f"there is no kind of loops {loop.kind!r}")
        for bound in (loop.start, loop.stop):
            self.expect_type(bound, INDEX, f"bounds are of type {INDEX}")
        if not _same(loop.var.dtype, INDEX):
            self.fail(f"a loop variable is of type {INDEX}, not {loop.var.dtype}")
        if type(loop.step) is not int or not 0 < loop.step <= INDEX.max:
            self.fail(f"the step {loop.step!r} is not a positive integer")
        if vectorised and loop.kind != "unrolled":
            self.fail(f"only unrolled loops can be inside of a vectorised one, {vectorised}")
        if loop.kind in ("vectorised", "unrolled"):
            count = trip_count(loop)
            if count is None:
                self.fail(f"the bounds of a {loop.kind} loop are constants")
            if loop.kind == "vectorised" and count > MAX_LANES:
                self.fail(f"a vectorised loop has at most {MAX_LANES} iterations, not {count}")
        self.bind_variable(loop.var)
        self.block(loop.body, here, depth + 1, loop.var.name if loop.kind == "vectorised" else vectorised)
        del self.variables[loop.var.name]

    # --------------------------------------------------------------------------------------------------- expressions

    def expect_type(self, expression: Expr, dtype: DType, why: str) -> None:
        found = self.expression(expression, self.depth)
        if not _same(found, dtype):
            self.fail(f"{why}, but {_shown(expression)} is {found}")

    def element(self, buffer: Buffer, indices: tuple[Expr, ...], depth: int) -> None:
        known = self.buffers.get(buffer.name)
        if known is None:
            self.fail(f"there is no buffer {buffer.name} here")
        if known is not buffer and known != buffer:
            self.fail(f"the buffer {buffer.name} is not the same here as where it is bound")
        if len(indices) != len(buffer.shape):
            self.fail(f"{buffer.name} has {len(buffer.shape)} dimensions, but there are {len(indices)} indices")
        for index in indices:
            if not _same(self.expression(index, depth + 1), INDEX):
                self.fail(f"indices are of type {INDEX}, but {_shown(index)} is {index.dtype}")

    def expression(self, expression: Expr, depth: int) -> DType:
        """The type of an expression, once it is checked."""
        self.check_depth(depth)
        match expression:
            case Var(name, dtype):
                known = self.variables.get(name)
                if known is None:
                    self.fail(f"there is no variable {name} here")
                if not _same(known.dtype, dtype):
                    self.fail(f"the variable {name} is of type {known.dtype}, not {dtype}")
            case Const(value, dtype):
                if not is_exact(value, dtype):
                    self.fail(f"{value!r} is not a value of type {dtype}")
            case Load(buffer, indices):
                self.element(buffer, indices, depth)
                dtype = buffer.dtype
            case Binary(op, left, right):
                operator = BINARY.get(op)
                dtype = self.expression(left, depth + 1)
                other = self.expression(right, depth + 1)
                if operator is None:
                    self.fail(f"there is no binary operator {op!r}")
                if dtype.kind not in operator.kinds:
                    self.fail(f"{op} does not take {dtype}: {_shown(expression)}")
                if not _same(dtype, other):
                    self.fail(f"the operands are {dtype} and {other}: {_shown(expression)}")
                if operator.compares:
                    dtype = BOOL
            case Unary(op, operand):
                dtype = self.expression(operand, depth + 1)
                if op not in UNARY:
                    self.fail(f"there is no unary operator {op!r}")
                if dtype.kind not in UNARY[op].kinds:
                    self.fail(f"{op} does not take {dtype}: {_shown(expression)}")
            case Cast(dtype, operand):
                self.expression(operand, depth + 1)
            case Select(condition, then, other_value):
                if not _same(self.expression(condition, depth + 1), BOOL):
                    self.fail(f"select wants a bool first: {_shown(expression)}")
                dtype = self.expression(then, depth + 1)
                if not _same(self.expression(other_value, depth + 1), dtype):
                    self.fail(f"select wants two of one type: {_shown(expression)}")
            case _:
                self.fail(f"not an expression: {expression!r}")
        return dtype


def may_overlap(buffer: Buffer) -> bool:
    """Whether two elements may lie in one place: unless each stride, from small to large, steps over all that the
    strides before it reach."""
    if buffer.strides is None or buffer.elements == 0:
        return False
    reach = 0
    for stride, size in sorted((abs(stride), size) for stride, size in zip(buffer.strides, buffer.shape) if size > 1):
        if stride <= reach:
            return True
        reach += stride * (size - 1)
    return False


def _same(a: DType, b: DType) -> bool:
    # There is one object per type nearly always.
    return a is b or a == b


def _shown(expression: Expr) -> str:
    text = print_expression(expression)
    return text if len(text) <= 80 else f"{text[:80]}…"
