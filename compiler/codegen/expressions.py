"""Expressions of the loop IR, in a scope: what names stand for, how many lanes there are, which of them are active."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from misfold.compiler.dtypes import BOOL, INDEX, DType
from misfold.compiler.loops import arithmetic
from misfold.compiler.loops.ir import Binary, Buffer, Cast, Const, Expr, Load, Select, Unary, Var
from misfold.compiler.loops.operators import BINARY

from . import addresses, casts, floats, integers, memory
from .addresses import Index, Place, materialised
from .emitter import Emitter, Module, Value
from .layout import Layout
from .types import I64, register_type


@dataclass
class Program:
    """What all functions of a module share."""

    module: Module
    layout: Layout
    threads: int
    bounds_checked: bool
    flags: str
    #: What has gone wrong where a function returns k + 1: the kind ("assert" or "bounds") and the message of site k.
    sites: list[tuple[str, str]] = field(default_factory=list)
    #: Where in the arena the shared local buffers lie, if their addresses are arguments; None: the code works them out.
    passed: tuple[int, ...] | None = None


@dataclass
class Scope:
    """``mask`` is None where all lanes are active; inside a masked block, at least one is."""

    program: Program
    emitter: Emitter
    values: dict[str, Index]
    places: dict[str, Place]
    #: Where the failing index is written to, and the start of this thread's part of the arena.
    failure: Value
    arena: Value
    lanes: int = 0
    mask: Value | None = None
    #: Inside a parallel loop; those within it run serially.
    parallel: bool = False
    path: tuple[str, ...] = ()

    # ----------------------------------------------------------------------------------------------------- expressions

    def value(self, expression: Expr) -> Value:
        return materialised(self.index(expression))

    def index(self, expression: Expr) -> Index:
        """An expression, as an affine function of the lane if it is seen to be one."""
        return _INDEX[type(expression)](self, expression)

    def distance(self, buffer: Buffer, indices: tuple[Expr, ...], what: str) -> tuple[Place, Index]:
        """Which elements ``buffer[indices]`` are, checked in bounds-checked mode."""
        found = [self.index(one) for one in indices]
        if self.program.bounds_checked:
            for dimension, one in enumerate(found):
                self._check_bounds(buffer, dimension, one, what)
        place = self.places[buffer.name]
        return place, addresses.offset(self.emitter, place, found)

    def _check_bounds(self, buffer: Buffer, dimension: int, index: Index, what: str) -> None:
        size = buffer.shape[dimension]
        at = materialised(index)
        if isinstance(at.literal, int) and 0 <= at.literal < size:
            return
        place = f" ({what} in {' / '.join(self.path)})" if self.path else f" ({what})"
        message = f"is out of bounds for dimension {dimension} of {buffer.name}, which has size {size}{place}"
        self.check(at.ult(size), "bounds", message, at)

    # ---------------------------------------------------------------------------------------------------------- checks

    def check(self, holds: Value, kind: str, message: str, detail: Value | None = None) -> None:
        """Return from the function unless ``holds`` in all active lanes; ``detail`` goes along."""
        e = self.emitter
        lanes = holds.type.lanes
        broken = ~holds
        if lanes and self.mask is not None:
            broken = broken & self.mask
        self.program.sites.append((kind, message))
        code = len(self.program.sites)
        failed, passed = e.fresh("failed"), e.fresh("passed")
        e.branch(e.any(broken), failed, passed)
        e.begin(failed)
        if detail is not None:
            if lanes and detail.type.lanes:
                detail = e.lane(detail, self._first(broken))
            e.line(f"store i64 {detail.text}, ptr {self.failure.text}")
        e.line(f"ret i64 {code}")
        e.begin(passed)

    def _first(self, lanes: Value) -> Value:
        """The number of the first lane that is true."""
        e = self.emitter
        count = lanes.type.lanes
        numbers = e.select(lanes, e.constants(range(count)), count)
        return e.call(f"llvm.vector.reduce.umin.{numbers.type.mangled}", [numbers], I64)


def _const(scope: Scope, expression: Const) -> Index:
    return scope.emitter.literal(expression.value, register_type(expression.dtype))


def _var(scope: Scope, expression: Var) -> Index:
    return scope.values[expression.name]


def _load(scope: Scope, expression: Load) -> Index:
    place, distance = scope.distance(expression.buffer, expression.indices, "load")
    return memory.load(scope.emitter, place, expression.buffer.dtype, distance, scope.mask)


def _unary(scope: Scope, expression: Unary) -> Index:
    dtype = expression.operand.dtype
    if expression.op == "neg" and dtype == INDEX:
        return addresses.scale(scope.index(expression.operand), -1)
    return (floats if dtype.is_float else integers).unary(expression.op, scope.value(expression.operand), dtype)


def _binary(scope: Scope, expression: Binary) -> Index:
    op, dtype = expression.op, expression.left.dtype
    if dtype == INDEX and op in ("add", "sub", "mul"):
        left, right = scope.index(expression.left), scope.index(expression.right)
        if op == "mul":
            return addresses.multiply(left, right)
        return addresses.add(left, right if op == "add" else addresses.scale(right, -1))
    return combine(scope, op, scope.value(expression.left), scope.value(expression.right), dtype)


def combine(scope: Scope, op: str, left: Value, right: Value, dtype: DType) -> Value:
    if dtype.is_float:
        return floats.binary(op, left, right, dtype)
    left, right = _in_range(left, dtype), _in_range(right, dtype)
    if left.literal is not None and right.literal is not None:
        # Frequent in loops that are written out.
        try:
            known = arithmetic.evaluate_binary(op, dtype, left.literal, right.literal)
        except ZeroDivisionError:
            pass  # Undefined if it runs, which it need not.
        else:
            return scope.emitter.literal(known, register_type(BOOL if BINARY[op].compares else dtype))
    return integers.binary(op, left, right, dtype, scope.mask)


def _select(scope: Scope, expression: Select) -> Index:
    condition = scope.value(expression.condition)
    return scope.emitter.select(condition, scope.value(expression.then), scope.value(expression.other))


def _cast(scope: Scope, expression: Cast) -> Index:
    result = casts.cast(scope.value(expression.operand), expression.operand.dtype, expression.dtype)
    return _in_range(result, expression.dtype)


def _in_range(value: Value, dtype: DType) -> Value:
    """LLVM's integers have no sign: a literal that came of arithmetic or a cast may be 2ⁿ off."""
    if not dtype.is_integer or value.literal is None or dtype.min <= value.literal <= dtype.max:
        return value
    wrapped = (int(value.literal) - int(dtype.min)) % (1 << dtype.bits) + int(dtype.min)
    return value.emitter.literal(wrapped, value.type)


_INDEX: dict[type, Callable[[Scope, Any], Index]] = {
    Const: _const,
    Var: _var,
    Load: _load,
    Unary: _unary,
    Binary: _binary,
    Select: _select,
    Cast: _cast,
}
