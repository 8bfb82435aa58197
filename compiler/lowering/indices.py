"""Index arithmetic that is simplified while it is written.

Indices are sums of products with constants most of the time. What a reshape needs of division is mostly known from the
ranges of loop variables: ``(i·4 + j) // 4`` with ``0 <= j < 4`` is ``i``. Indices never overflow, so that all laws of
whole numbers hold.
"""

from __future__ import annotations

from math import gcd, inf, prod

from misfold.compiler.dtypes import BOOL, INDEX
from misfold.compiler.loops.ir import Binary, Const, Expr, Var, index

ZERO = index(0)
TRUE = Const(True, BOOL)
FALSE = Const(False, BOOL)

Range = tuple[int, int]
_ANY: Range = (int(INDEX.min), int(INDEX.max))
# Data may be an index too (a gather's), and its arithmetic wraps around: a range beyond this one says nothing.
_SAFE = 1 << 62


class Indices:
    """Makes index expressions. ``ranges`` holds the smallest and largest value of the variables that have one."""

    def __init__(self) -> None:
        self.ranges: dict[str, Range] = {}

    # ---------------------------------------------------------------------------------------------------- what is known

    def range(self, expression: Expr) -> Range:
        """The smallest and largest value that an index can have, as far as is known."""
        if isinstance(expression, Var):
            return self.ranges.get(expression.name, _ANY)
        if isinstance(expression, Const):
            return int(expression.value), int(expression.value)
        if isinstance(expression, Binary) and expression.left.dtype == INDEX:
            return self._range_of_binary(expression.op, self.range(expression.left), self.range(expression.right))
        return _ANY

    @staticmethod
    def _range_of_binary(op: str, left: Range, right: Range) -> Range:
        (a, b), (c, d) = left, right
        found = _ANY
        match op:
            case "add":
                found = a + c, b + d
            case "sub":
                found = a - d, b - c
            case "mul":
                products = a * c, a * d, b * c, b * d
                found = min(products), max(products)
            case "min":
                return min(a, c), min(b, d)
            case "max":
                return max(a, c), max(b, d)
            case "floordiv" if c == d and c > 0:
                return a // c, b // c
            case "floormod" if c == d and c > 0:
                return (a, b) if a >= 0 and b < c else (0, c - 1)
            case "euclidmod" if c == d and c > 0:
                return (0, c - 1)
        return found if found[0] >= -_SAFE and found[1] <= _SAFE else _ANY

    def within(self, expression: Expr, size: int) -> bool:
        """Whether an index is known to lie in 0..size."""
        low, high = self.range(expression)
        return low >= 0 and high < size

    # ------------------------------------------------------------------------------------------------------- arithmetic

    def add(self, left: Expr, right: Expr) -> Expr:
        if isinstance(left, Const):
            left, right = right, left
        match left, right:
            case Const(int(a), _), Const(int(b), _):
                return index(a + b)
            case _, Const(0, _):
                return left
            case Binary("add", x, Const(int(a), _)), Const(int(b), _):
                return self.add(x, index(a + b))
            case Binary("sub", x, Const(int(a), _)), Const(int(b), _):
                return self.add(x, index(b - a))
            case _, Const(int(b), _) if b < 0:
                return Binary("sub", left, index(-b))
            case _, Binary("add", x, y):
                return self.add(self.add(left, x), y)
            case Binary("mul", quotient, Const(int(a), _)), _:
                # (x // b)·b·c + (x % b)·c is x·c.
                remainder, c = self._factors(right)
                match remainder:
                    case Binary("floormod", x, Const(int(b), _)) if a == b * c and self.floordiv(x, b) == quotient:
                        return self.mul(x, c)
        return Binary("add", left, right)

    @staticmethod
    def _factors(expression: Expr) -> tuple[Expr, int]:
        match expression:
            case Binary("mul", x, Const(int(factor), _)):
                return x, factor
        return expression, 1

    def sub(self, left: Expr, right: int) -> Expr:
        return self.add(left, index(-right))

    def counted_from(self, last: int, right: Expr) -> Expr:
        """``last - right``."""
        match right:
            case Const(int(value), _):
                return index(last - value)
            case Binary("sub", Const(int(value), _), x):
                return self.add(x, index(last - value))
        return Binary("sub", index(last), right)

    def mul(self, left: Expr, factor: int) -> Expr:
        if factor == 0:
            return ZERO
        if factor == 1:
            return left
        match left:
            case Const(int(value), _):
                return index(value * factor)
            case Binary("mul", x, Const(int(value), _)):
                return self.mul(x, value * factor)
            case Binary("add" | "sub" as op, x, Const(int(value), _)):
                return self.add(self.mul(x, factor), index(value * factor if op == "add" else -value * factor))
        return Binary("mul", left, index(factor))

    def floordiv(self, left: Expr, divisor: int) -> Expr:
        """``left // divisor`` for a positive divisor."""
        multiple, rest = self._divided(left, divisor)
        low, high = self.range(rest)
        if low // divisor == high // divisor:
            return self.add(multiple, index(low // divisor))
        if isinstance(rest, Binary) and rest.op == "floordiv" and isinstance(rest.right, Const):
            return self.add(multiple, self.floordiv(rest.left, int(rest.right.value) * divisor))
        common = self._common(rest, divisor)
        if common > 1:
            return self.add(multiple, self.floordiv(self._divided(rest, common)[0], divisor // common))
        return self.add(multiple, Binary("floordiv", rest, index(divisor)))

    def floormod(self, left: Expr, divisor: int) -> Expr:
        """``left % divisor`` for a positive divisor."""
        _, rest = self._divided(left, divisor)
        low, high = self.range(rest)
        if low // divisor == high // divisor:
            return self.sub(rest, low // divisor * divisor)
        common = self._common(rest, divisor)
        if common > 1:
            blocks, inner = self._divided(rest, common)
            return self.add(self.mul(self.floormod(blocks, divisor // common), common), inner)
        return Binary("floormod", rest, index(divisor))

    def _common(self, expression: Expr, divisor: int) -> int:
        """A divisor of the divisor by which all terms can be divided but for a rest that is smaller: 4, for
        ``(i·4 + j) // 8`` with ``0 <= j < 4``. 1 if there is none."""
        if isinstance(expression, Binary) and expression.op == "add":
            terms: list[Expr] = [expression]
            while terms:
                match terms.pop():
                    case Binary("add", left, right):
                        terms += [left, right]
                    case Binary("mul", _, Const(int(factor), _)):
                        common = gcd(factor, divisor)
                        if common > 1 and self.within(self._divided(expression, common)[1], common):
                            return common
        return 1

    def _divided(self, expression: Expr, divisor: int) -> tuple[Expr, Expr]:
        """q and r with ``expression == q·divisor + r``, where q is made of the terms that the divisor divides."""
        match expression:
            case Const(int(value), _):
                return index(value // divisor), index(value % divisor)
            case Binary("mul", x, Const(int(factor), _)) if factor % divisor == 0:
                return self.mul(x, factor // divisor), ZERO
            case Binary("add", left, right):
                (q, r), (s, t) = self._divided(left, divisor), self._divided(right, divisor)
                return self.add(q, s), self.add(r, t)
            case Binary("sub", left, Const(int(value), _)):
                q, r = self._divided(left, divisor)
                return self.add(q, index(-value // divisor)), self.add(r, index(-value % divisor))
        return (expression, ZERO) if divisor == 1 else (ZERO, expression)

    def clamp(self, expression: Expr, size: int) -> Expr:
        """The index in 0..size that is nearest."""
        low, high = self.range(expression)
        if low < 0:
            expression = Binary("max", expression, ZERO)
        if high >= size:
            expression = Binary("min", expression, index(size - 1))
        return self.only(expression)

    def only(self, expression: Expr) -> Expr:
        """The expression, or its value if there is but one."""
        low, high = self.range(expression)
        return index(low) if low == high else expression

    # ------------------------------------------------------------------------------------------------------- conditions

    def at_least(self, expression: Expr, bound: int) -> Expr:
        low, high = self.range(expression)
        return TRUE if low >= bound else FALSE if high < bound else Binary("ge", expression, index(bound))

    def below(self, expression: Expr, bound: int) -> Expr:
        low, high = self.range(expression)
        return TRUE if high < bound else FALSE if low >= bound else Binary("lt", expression, index(bound))

    def equal(self, expression: Expr, value: int) -> Expr:
        low, high = self.range(expression)
        if low == high == value:
            return TRUE
        return FALSE if value < low or high < value else Binary("eq", expression, index(value))


def conjunction(conditions: list[Expr]) -> Expr:
    """All of them."""
    result: Expr = TRUE
    for condition in conditions:
        if condition == FALSE or result == TRUE:
            result = condition
        elif condition != TRUE and result != FALSE:
            result = Binary("and", result, condition)
    return result


def row_major(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The strides of a row-major tensor."""
    strides = []
    stride = 1
    for size in reversed(shape):
        strides.append(stride)
        stride *= size
    return tuple(reversed(strides))


def outer_to_inner(shape: tuple[int, ...], strides: tuple[int, ...] | None) -> list[int]:
    """The dimensions as they lie in memory, the one with the largest steps first."""
    if strides is None:
        return list(range(len(shape)))
    # Dimensions of size 1 or stride 0 do not move at all; they stay behind the one in front of them.
    steps: list[float] = []
    for size, stride in zip(shape, strides):
        still = size <= 1 or stride == 0
        steps.append(abs(stride) if not still else steps[-1] if steps else inf)
    return sorted(range(len(shape)), key=lambda dim: -steps[dim])


def joint_groups(shape: tuple[int, ...], wanted: tuple[int, ...]) -> list[tuple[list[int], list[int]]]:
    """The dimensions of two shapes of as many elements, in the smallest groups of neighbours that have as many elements
    on both sides. Dimensions of size 1 are in none, and there are none where there is no element."""
    groups: list[tuple[list[int], list[int]]] = []
    if 0 in shape:
        return groups
    sources = [dim for dim, size in enumerate(shape) if size != 1]
    targets = [dim for dim, size in enumerate(wanted) if size != 1]
    while sources:
        left, right = [sources.pop()], [targets.pop()]
        while (have := prod([shape[dim] for dim in left])) != (want := prod([wanted[dim] for dim in right])):
            if have < want:
                left.insert(0, sources.pop())
            else:
                right.insert(0, targets.pop())
        groups.append((left, right))
    return groups
