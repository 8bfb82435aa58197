"""What the parts of the reading share: names, variables, buffers, statements that an expression needs before it."""

from __future__ import annotations

from typing import Any

from misfold.compiler.dtypes import BOOL, INDEX, DType
from misfold.compiler.loops.ir import Allocate, Assert, Binary, Buffer, Cast, Const, Expr, Let, Statement, Var
from misfold.programs.errors import TextError
from misfold.programs.kernel_tvmscript import element_type

#: How the message of an assert begins that stands for something that TVM leaves undefined.
UNDEFINED = "undefined: "


class Unreadable(Exception):
    """A PrimFunc has something that the loop IR does not."""


def type_of(value: Any) -> DType:
    """The element type of a TVM expression.

    Raises:
        Unreadable: it has none that the loop IR knows.
    """
    name = str(getattr(value.ty, "dtype", value.ty))
    try:
        return element_type(name)
    except TextError:
        raise Unreadable(f"a value of type {name}") from None


class Reader:
    """The state of one reading."""

    def __init__(self) -> None:
        #: By the hash of TVM's variables, which is that of the node itself; nodes live as long as the function.
        self.buffers: dict[int, Buffer] = {}
        self.variables: dict[int, Expr] = {}
        #: Statements that must run before the one that is being read.
        self.before: list[Statement] = []
        self._count = 0

    def name(self, stem: str) -> str:
        """A name of its own."""
        self._count += 1
        return f"{stem}{self._count}"

    def held(self, value: Expr) -> Expr:
        """A value that can be used several times."""
        if isinstance(value, Const | Var):
            return value
        var = Var(self.name("h"), value.dtype)
        self.before.append(Let(var, value))
        return var

    def require(self, condition: Expr, what: str) -> None:
        """What follows is undefined unless the condition holds."""
        self.before.append(Assert(condition, UNDEFINED + what))

    def cell(self, dtype: DType) -> Buffer:
        """A local buffer of one element."""
        buffer = Buffer(self.name("cell"), dtype, ())
        self.before.append(Allocate(buffer))
        return buffer

    def bind(self, var: Any, value: Expr) -> None:
        """Bind a TVM variable to a value from here on."""
        held = Var(self.name("v"), value.dtype)
        self.before.append(Let(held, value))
        self.variables[hash(var)] = held

    def buffer(self, var: Any) -> Buffer:
        """The buffer that a TVM variable is.

        Raises:
            Unreadable: none was read.
        """
        found = self.buffers.get(hash(var))
        if found is None:
            raise Unreadable(f"the buffer {var.name} is declared in a way that is not read")
        return found

    def local(self, var: Any) -> Buffer:
        """A new local buffer for a TVM variable.

        Raises:
            Unreadable: its shape is not constant, or it lies in memory in another way than row-major.
        """
        shape = constant_shape(var)
        buffer = Buffer(self.name("local"), type_of_buffer(var), shape)
        self.buffers[hash(var)] = buffer
        return buffer


def constant_shape(var: Any) -> tuple[int, ...]:
    """A buffer's shape as numbers.

    Raises:
        Unreadable: it is none, or the buffer has strides.
    """
    kind = var.ty
    try:
        shape = tuple(int(one) for one in kind.shape)
    except (TypeError, ValueError):
        raise Unreadable(f"the buffer {var.name} has no constant shape") from None
    if len(kind.strides):
        raise Unreadable(f"the buffer {var.name} has strides")
    return shape


def type_of_buffer(var: Any) -> DType:
    """A buffer's element type.

    Raises:
        Unreadable: the loop IR has none such.
    """
    try:
        return element_type(str(var.ty.dtype))
    except TextError:
        raise Unreadable(f"a buffer of type {var.ty.dtype}") from None


def as_index(value: Expr) -> Expr:
    """An integer as an index."""
    if isinstance(value, Const):
        return Const(int(value.value), INDEX)
    return value if value.dtype == INDEX else Cast(INDEX, value)


def both(a: Expr, b: Expr) -> Expr:
    """Whether both hold."""
    assert a.dtype == b.dtype == BOOL
    return Binary("and", a, b)


__all__ = [
    "UNDEFINED",
    "Reader",
    "Unreadable",
    "as_index",
    "both",
    "constant_shape",
    "type_of",
    "type_of_buffer",
]
