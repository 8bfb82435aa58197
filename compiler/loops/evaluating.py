"""Expressions of the loop IR as Python closures: what the interpreter runs.

A closure takes nothing and gives the expression's value: M. Feeley and G. Lapalme, "Using closures for code
generation", *Computer Languages* 12, 1987. The commonest shapes have closures of their own, as a call costs most.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import isfinite
from typing import Any, NoReturn

from misfold.compiler.dtypes import F64, DType
from misfold.compiler.errors import UndefinedBehaviour

from .arithmetic import binary, casting, unary
from .integer_arithmetic import unwrapped, wrapping
from .ir import Binary, Buffer, Cast, Const, Expr, Load, Select, Unary, Var
from .operators import BINARY
from .races import Concurrent, Races

Value = Any  # int | float | bool: never checked again once the function is verified
Evaluate = Callable[[], Value]


@dataclass(slots=True)
class Scope:
    """What the closures of one interpretation share."""

    watch: bool
    #: The values of variables, by slot.
    values: list[Value] = field(default_factory=list)
    slots: dict[str, int] = field(default_factory=dict)
    #: The elements of each buffer, row-major; None for one that was not written yet.
    data: dict[str, list[Value]] = field(default_factory=dict)
    #: Parameters that must not be written.
    inputs: set[str] = field(default_factory=set)
    #: How many concurrent loops are around each buffer's binding: those are no danger to it.
    outside: dict[str, int] = field(default_factory=dict)
    #: The concurrent loops around the statement that is being compiled.
    concurrent: tuple[Concurrent, ...] = ()
    races: Races = field(default_factory=Races)
    #: Where an integer operation wrapped around, in order; None: nobody asks.
    overflow: list[str] | None = None
    #: Likewise where a sum or product of floats was rounded.
    rounding: list[str] | None = None

    def slot(self, name: str) -> int:
        """A new slot for a variable."""
        self.slots[name] = len(self.values)
        self.values.append(None)
        return self.slots[name]

    def around(self, buffer: Buffer) -> Sequence[Concurrent]:
        """The concurrent loops whose iterations share a buffer."""
        return self.concurrent[self.outside[buffer.name] :] if self.watch else ()


def evaluating(expression: Expr, scope: Scope, place: str) -> Evaluate:
    """The closure that evaluates an expression.

    The closure raises:
        UndefinedBehaviour: at ``place``.
    """
    match expression:
        case Const(value, _):
            return lambda: value
        case Var(name, _):
            values, slot = scope.values, scope.slots[name]
            return lambda: values[slot]
        case Load():
            return _loading(expression, scope, place)
        case Unary(op, operand):
            function, a = (
                noting(unary(op, operand.dtype), op, operand.dtype, scope, place),
                evaluating(operand, scope, place),
            )
            return lambda: function(a())
        case Cast(dtype, operand):
            convert, a = casting(operand.dtype, dtype), evaluating(operand, scope, place)
            return lambda: convert(a())
        case Binary():
            return _binary(expression, scope, place)
        case Select(condition, then, other):
            c = evaluating(condition, scope, place)
            a, b = evaluating(then, scope, place), evaluating(other, scope, place)

            def select() -> Value:
                # Both are evaluated: what is undefined in one is undefined even where the other is taken.
                first, second = a(), b()
                return first if c() else second

            return select
    raise TypeError(f"not an expression: {expression!r}")


def noting(function: Callable[..., Value], op: str, dtype: DType, scope: Scope, place: str) -> Callable[..., Value]:
    """An operator that notes in ``scope.overflow`` where its result had to be wrapped around, and in ``scope.rounding``
    where a sum or product of floats is not exact."""
    if dtype.is_float and op in _ROUNDED and scope.rounding is not None:
        return _noting_rounding(function, op, dtype, scope.rounding, place)
    exact, places = unwrapped(op, dtype) if dtype.is_integer else None, scope.overflow
    if places is None or exact is None:
        return function
    low, high = int(dtype.min), int(dtype.max)
    unbounded, noted = exact, places

    def watched(*operands: int) -> Value:
        if not low <= unbounded(*operands) <= high and (not noted or noted[-1] != place):
            noted.append(place)
        return function(*operands)

    return watched


#: What may come out differently where products are fused with sums, or sums are reordered.
_ROUNDED = {"add": Fraction.__add__, "sub": Fraction.__sub__, "mul": Fraction.__mul__}


def _noting_rounding(
    function: Callable[..., Value], op: str, dtype: DType, places: list[str], place: str
) -> Callable[..., Value]:
    exactly, limit = _ROUNDED[op], min(2.0**dtype.precision, 2.0**52)

    def watched(a: float, b: float) -> Value:
        result = function(a, b)
        # Most operands are small integers: what comes of them is exact if the type holds all integers up to it.
        small = -65536.0 <= a <= 65536.0 and -65536.0 <= b <= 65536.0 and a == int(a) and b == int(b)
        if small and abs(result) < limit:
            return result
        if places and places[-1] == place:
            return result
        finite = isfinite(a) and isfinite(b)
        if finite and not (isfinite(result) and exactly(Fraction(a), Fraction(b)) == Fraction(result)):
            places.append(place)
        return result

    return watched


def _binary(expression: Binary, scope: Scope, place: str) -> Evaluate:
    op, dtype = expression.op, expression.left.dtype
    a, b = evaluating(expression.left, scope, place), evaluating(expression.right, scope, place)
    function = noting(binary(op, dtype), op, dtype, scope, place)
    if BINARY[op].partial and dtype.is_integer:

        def divide() -> Value:
            try:
                return function(a(), b())
            except ZeroDivisionError:
                raise UndefinedBehaviour("division by zero", f"{op} by zero", place) from None

        return divide
    if op in _INLINE and (op in _COMPARISONS or (dtype == F64 and scope.rounding is None)):
        return _INLINE[op](a, b)
    if op in _INLINE and dtype.is_integer and scope.overflow is None:
        return _wrapped(_INLINE[op](a, b), int(dtype.min), int(dtype.max), wrapping(dtype))
    return lambda: function(a(), b())


def _wrapped(evaluate: Evaluate, low: int, high: int, wrap: Callable[[int], int]) -> Evaluate:
    def wrapped() -> int:
        result = evaluate()
        return result if low <= result <= high else wrap(result)

    return wrapped


_COMPARISONS = frozenset(operator.name for operator in BINARY.values() if operator.compares)
_INLINE: dict[str, Callable[[Evaluate, Evaluate], Evaluate]] = {
    "eq": lambda a, b: lambda: a() == b(),
    "ne": lambda a, b: lambda: a() != b(),
    "lt": lambda a, b: lambda: a() < b(),
    "le": lambda a, b: lambda: a() <= b(),
    "gt": lambda a, b: lambda: a() > b(),
    "ge": lambda a, b: lambda: a() >= b(),
    "add": lambda a, b: lambda: a() + b(),
    "sub": lambda a, b: lambda: a() - b(),
    "mul": lambda a, b: lambda: a() * b(),
}


def _loading(load: Load, scope: Scope, place: str) -> Evaluate:
    buffer = load.buffer
    data = scope.data[buffer.name]
    locate = locating(buffer, load.indices, scope, place)
    if not scope.watch:
        return lambda: data[locate()]
    touch = scope.races.reading(scope.around(buffer), buffer, place)

    def read() -> Value:
        element = locate()
        value = data[element]
        if value is None:
            uninitialised(buffer, place)
        return value

    if touch is None:
        return read
    watched = touch

    def read_watched() -> Value:
        element = locate()
        watched(element)
        value = data[element]
        if value is None:
            uninitialised(buffer, place)
        return value

    return read_watched


def uninitialised(buffer: Buffer, place: str) -> NoReturn:
    """Raise that an element was read before it was written."""
    raise UndefinedBehaviour("uninitialised read", f"{buffer.name} is read where nothing was written yet", place)


def locating(buffer: Buffer, indices: Sequence[Expr], scope: Scope, place: str) -> Callable[[], int]:
    """The closure that gives the row-major position of an element, its indices checked one by one."""
    shape = buffer.shape
    compiled = [evaluating(index, scope, place) for index in indices]

    def outside(dimension: int, index: int) -> NoReturn:
        message = f"index {index} of dimension {dimension} of {buffer.name}, which has size {shape[dimension]}"
        raise UndefinedBehaviour("out of bounds", message, place)

    if not shape:
        return lambda: 0
    if len(shape) == 1:
        (first,), (size,) = compiled, shape

        def locate_1() -> int:
            i = first()
            return i if 0 <= i < size else outside(0, i)

        return locate_1
    if len(shape) == 2:
        (first, second), (rows, columns) = compiled, shape

        def locate_2() -> int:
            i, j = first(), second()
            if not 0 <= i < rows:
                outside(0, i)
            return i * columns + j if 0 <= j < columns else outside(1, j)

        return locate_2
    pairs = list(zip(compiled, shape))

    def locate() -> int:
        position = 0
        for evaluate, size in pairs:
            index = evaluate()
            if not 0 <= index < size:
                outside(next(d for d, pair in enumerate(pairs) if pair[0] is evaluate), index)
            position = position * size + index
        return position

    return locate
