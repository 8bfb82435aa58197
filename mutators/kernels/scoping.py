"""First step of a repair: every name is bound once and before its use, and everything has the type it must have.

What is used but not bound becomes something else of its type that is, or a constant; where a buffer or variable has
another type than its uses think, casts are put around them. A mutator that changes the type or the shape of a buffer
need not look for its uses.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from misfold.compiler.dtypes import BOOL, INDEX, DType
from misfold.compiler.loops.ir import (
    Allocate,
    Assert,
    Buffer,
    Cast,
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
from misfold.compiler.loops.verify import may_overlap
from misfold.compiler.loops.visit import Block, Names, map_expressions, rewrite

from .fresh import zero

#: What stands in for a reduction that a type does not have.
_FOR_BOOLS = {"add": "or", "mul": "and", "min": "and", "max": "or"}
_FOR_FLOATS = {"and": "min", "or": "max", "xor": "add"}


def scoped(function: Function) -> Function:
    """The function with every use of a name fitting to what binds it."""
    names = Names()
    scope = _Scope(names)
    parameters = []
    for parameter in function.parameters:
        buffer = _sound(replace(parameter.buffer, name=names.fresh(parameter.buffer.name)), local=False)
        scope.buffers[parameter.buffer.name] = buffer
        if parameter.role == "in":
            scope.inputs.add(buffer.name)
        parameters.append(parameter if buffer == parameter.buffer else replace(parameter, buffer=buffer))
    return Function(function.name, tuple(parameters), scope.block(function.body))


def _sound(buffer: Buffer, local: bool) -> Buffer:
    strides = buffer.strides
    if strides is None:
        return buffer
    negative = local and any(stride < 0 for stride in strides)
    if len(strides) != buffer.rank or negative or (local and may_overlap(buffer)):
        return replace(buffer, strides=None)
    return buffer


def as_type(expression: Expr, dtype: DType) -> Expr:
    """The expression, cast if it is of another type."""
    return expression if expression.dtype == dtype else Cast(dtype, expression)


@dataclass
class _Scope:
    names: Names
    #: What names stand for here: they may have been given another one.
    variables: dict[str, Var] = field(default_factory=dict)
    buffers: dict[str, Buffer] = field(default_factory=dict)
    inputs: set[str] = field(default_factory=set)

    def block(self, block: Block) -> Block:
        inner = replace(self, variables=dict(self.variables), buffers=dict(self.buffers))
        result: list[Statement] = []
        for statement in block:
            result += inner.statement(statement)
        return tuple(result)

    def statement(self, statement: Statement) -> list[Statement]:
        if not isinstance(statement, Store | Reduce):
            statement = map_expressions(statement, self.expression)
        match statement:
            case Let(var, value):
                new = self.bound(var)
                self.variables[var.name] = new
                return [statement if new == var else Let(new, as_type(value, var.dtype))]
            case Allocate(buffer):
                local = _sound(replace(buffer, name=self.names.fresh(buffer.name)), local=True)
                self.buffers[buffer.name] = local
                return [Allocate(local)]
            case Store(buffer, indices, value):
                target = self.target(buffer)
                if target is None:
                    return []
                value = as_type(self.expression(value), target.dtype)
                return [Store(target, self.indices(indices, target), value)]
            case Reduce(op, buffer, indices, value):
                target = self.target(buffer)
                if target is None:
                    return []
                if target.dtype.kind not in BINARY[op].kinds:
                    op = (_FOR_BOOLS if target.dtype.is_bool else _FOR_FLOATS)[op]
                value = as_type(self.expression(value), target.dtype)
                return [Reduce(op, target, self.indices(indices, target), value)]
            case For():
                new = self.bound(Var(statement.var.name))
                inner = replace(self, variables={**self.variables, statement.var.name: new})
                bounds = as_type(statement.start, INDEX), as_type(statement.stop, INDEX)
                return [For(new, *bounds, inner.block(statement.body), statement.kind, statement.step)]
            case If(condition, then, other):
                return [If(as_type(condition, BOOL), self.block(then), self.block(other))]
            case Assert(condition, message):
                return [Assert(as_type(condition, BOOL), message)]

    def bound(self, var: Var) -> Var:
        return Var(self.names.fresh(var.name), var.dtype)

    def target(self, buffer: Buffer) -> Buffer | None:
        """What a write goes to: the buffer itself, or another one; None: nothing here can be written."""
        own = self.buffers.get(buffer.name)
        if own is not None and own.name not in self.inputs:
            return own
        return self.similar(buffer, write=True)

    def similar(self, buffer: Buffer, write: bool) -> Buffer | None:
        """The nearest buffer that is as much like this one as there is, of its type or of its rank at least."""
        allowed = [one for one in reversed(self.buffers.values()) if not write or one.name not in self.inputs]
        for wanted in (
            lambda one: (one.dtype, one.shape) == (buffer.dtype, buffer.shape),
            lambda one: (one.dtype, one.rank) == (buffer.dtype, buffer.rank),
            lambda one: one.rank == buffer.rank,
            lambda one: one.dtype == buffer.dtype,
        ):
            found = next(filter(wanted, allowed), None)
            if found is not None:
                return found
        return None

    def indices(self, indices: tuple[Expr, ...], buffer: Buffer) -> tuple[Expr, ...]:
        """As many indices as the buffer has dimensions: the last ones stay."""
        found = [as_type(self.expression(one), INDEX) for one in indices][-buffer.rank :] if buffer.rank else []
        return (*[index(0)] * (buffer.rank - len(found)), *found)

    def expression(self, expression: Expr) -> Expr:
        return rewrite(expression, self.node)

    def node(self, node: Expr) -> Expr:
        match node:
            case Var(name, dtype):
                own = self.variables.get(name)
                if own is None:
                    same = [one for one in reversed(self.variables.values()) if one.dtype == dtype]
                    return same[0] if same else zero(dtype)
                return node if own == node else as_type(own, dtype)
            case Load(buffer, indices):
                own_buffer = self.buffers.get(buffer.name) or self.similar(buffer, write=False)
                if own_buffer is None:
                    return zero(buffer.dtype)
                if own_buffer == buffer and len(indices) == buffer.rank:
                    return node
                # The indices were rewritten before the load was.
                kept = indices[-own_buffer.rank :] if own_buffer.rank else ()
                fitting = (*[index(0)] * (own_buffer.rank - len(kept)), *kept)
                return as_type(Load(own_buffer, fitting), buffer.dtype)
        return node
