"""The language of loops over buffers.

A ``Function`` reads and writes the buffers in its parameter list. Expressions have no side effects; a ``Load`` reads
memory as it is when the statement that holds it runs. Statements run in order.

Names: every buffer, loop variable and ``let`` variable of a function has a name of its own, bound once
(``verify`` checks it), so that substitution never captures. Two nodes are equal when they print the same.

Undefined behaviour is exactly ``errors.UndefinedBehaviour.KINDS``; ``interpret`` finds it all.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from misfold.compiler.dtypes import BOOL, INDEX, DType

from .operators import BINARY


@dataclass(frozen=True, slots=True)
class Buffer:
    """A named array. ``strides`` count elements; None is row-major. Two buffers never overlap."""

    name: str
    dtype: DType
    shape: tuple[int, ...]
    strides: tuple[int, ...] | None = None

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def elements(self) -> int:
        count = 1
        for size in self.shape:
            count *= size
        return count


# ------------------------------------------------------------------------------------------------------- expressions


@dataclass(frozen=True, slots=True)
class Const:
    """A literal: a bool for bool, an int in range for integers, a float that is exact in its dtype for floats."""

    value: int | float | bool
    dtype: DType

    # NaN equals itself and -0.0 is not 0.0: literals are compared as they are written.
    def __eq__(self, other: object) -> bool:
        return isinstance(other, Const) and self.dtype == other.dtype and repr(self.value) == repr(other.value)

    def __hash__(self) -> int:
        return hash((self.dtype.name, repr(self.value)))


@dataclass(frozen=True, slots=True)
class Var:
    """A loop variable (always of type INDEX) or a ``let`` variable."""

    name: str
    dtype: DType = INDEX

    # Names are unique in a function, and passes look variables up all the time.
    def __hash__(self) -> int:
        return hash(self.name)


@dataclass(frozen=True, slots=True)
class Load:
    buffer: Buffer
    indices: tuple[Expr, ...]

    @property
    def dtype(self) -> DType:
        return self.buffer.dtype


@dataclass(frozen=True, slots=True)
class Unary:
    op: str  # of operators.UNARY
    operand: Expr

    @property
    def dtype(self) -> DType:
        return self.operand.dtype


@dataclass(frozen=True, slots=True)
class Binary:
    op: str  # of operators.BINARY
    left: Expr
    right: Expr

    @property
    def dtype(self) -> DType:
        return BOOL if BINARY[self.op].compares else self.left.dtype


@dataclass(frozen=True, slots=True)
class Select:
    """``then`` where ``condition``, else ``other``; both are evaluated."""

    condition: Expr
    then: Expr
    other: Expr

    @property
    def dtype(self) -> DType:
        return self.then.dtype


@dataclass(frozen=True, slots=True)
class Cast:
    dtype: DType
    operand: Expr


Expr = Const | Var | Load | Unary | Binary | Select | Cast

# -------------------------------------------------------------------------------------------------------- statements

LoopKind = Literal["serial", "parallel", "vectorised", "unrolled"]


@dataclass(frozen=True, slots=True)
class Let:
    """Binds ``var`` for the rest of the enclosing block."""

    var: Var
    value: Expr


@dataclass(frozen=True, slots=True)
class Allocate:
    """A local buffer, uninitialised, for the rest of the enclosing block: fresh each time the statement runs."""

    buffer: Buffer


@dataclass(frozen=True, slots=True)
class Store:
    buffer: Buffer
    indices: tuple[Expr, ...]
    value: Expr


@dataclass(frozen=True, slots=True)
class Reduce:
    """``buffer[indices] = op(buffer[indices], value)``; several of the same ``op`` may run in any order."""

    op: str  # of operators.REDUCTIONS
    buffer: Buffer
    indices: tuple[Expr, ...]
    value: Expr


@dataclass(frozen=True, slots=True)
class For:
    """``var`` runs from ``start`` up to, not including, ``stop`` by ``step`` (a positive constant).

    Bounds are evaluated once, at the entry. Kinds:

    * ``serial``: in order.
    * ``parallel``: in any order or at the same time. Two iterations that touch one element, where one of them writes
      it, are a data race.
    * ``vectorised``: in lockstep, statement by statement. As parallel, but ``reduce`` statements of several iterations
      may meet in one element. Bounds are constants and there are at most 64 iterations; the body has no loops other
      than unrolled ones.
    * ``unrolled``: as serial, with constant bounds, written out by the code generator unless that is too much.
    """

    var: Var
    start: Expr
    stop: Expr
    body: tuple[Statement, ...]
    kind: LoopKind = "serial"
    step: int = 1


@dataclass(frozen=True, slots=True)
class If:
    condition: Expr
    then: tuple[Statement, ...]
    other: tuple[Statement, ...] = ()


@dataclass(frozen=True, slots=True)
class Assert:
    """Ends the function with an error that says ``message``, where ``condition`` is false.

    What the function has written until then is unspecified, and which of several failing asserts is met first too: a
    pass may move an assert earlier or later as long as nothing undefined runs that it would have prevented.
    """

    condition: Expr
    message: str


Statement = Let | Allocate | Store | Reduce | For | If | Assert

# ---------------------------------------------------------------------------------------------------------- functions

Role = Literal["in", "out", "inout"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """``in`` is never written; ``out`` is uninitialised at the entry."""

    buffer: Buffer
    role: Role


@dataclass(frozen=True, slots=True)
class Function:
    name: str
    parameters: tuple[Parameter, ...]
    body: tuple[Statement, ...]


# ------------------------------------------------------------------------------------------------- shorthand for tools


def index(value: int) -> Const:
    """A constant of type INDEX."""
    return Const(value, INDEX)


def loop(var: Var, extent: int | Expr, body: Iterable[Statement], kind: LoopKind = "serial") -> For:
    """``for var in 0..extent``."""
    return For(var, index(0), index(extent) if isinstance(extent, int) else extent, tuple(body), kind)
