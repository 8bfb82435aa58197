"""Replaces operators by cheaper ones that give exactly the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from misfold.compiler.dtypes import INDEX
from misfold.compiler.loops.arithmetic import is_exact
from misfold.compiler.loops.ir import Assert, Binary, Const, Expr, For, Function, If, Let, Statement, Unary, Var, index
from misfold.compiler.loops.ranges import Ranges
from misfold.compiler.loops.visit import (
    Block,
    all_expressions,
    map_all_expressions,
    map_blocks,
    map_expressions,
    nodes,
    rewrite,
    with_body,
)
from misfold.compiler.passes.base import LoopPass, parameter


@dataclass(frozen=True)
class StrengthReduction(LoopPass):
    """Each rewrite says below why it is exact. A loop variable that is only ever multiplied by one constant is scaled
    itself: the multiplication becomes the loop's addition (F. Allen, J. Cocke and K. Kennedy, *Reduction of Operator
    Strength*, 1981). Other induction variables are left: indices stay sums, which other passes understand."""

    name = "strength-reduction"
    precondition = (
        "Integers: the identities hold modulo 2ⁿ and for negative numbers, or ranges exclude those. Floats: both sides "
        "are the correctly rounded result of the same real number, so they agree for every operand."
    )

    induction: bool = parameter(True, "whether loop variables are scaled", (True, False))
    powers: int = parameter(4, "the largest power that becomes multiplications", (1, 2, 4, 8))

    def run(self, function: Function) -> Function:
        body = _Reducer(self.powers).block(function.body, Ranges())
        if self.induction:
            body = _scaled(body)
        return function if body == function.body else replace(function, body=body)


class _Reducer:
    def __init__(self, powers: int):
        self.powers = powers

    def block(self, block: Block, ranges: Ranges) -> Block:
        result: list[Statement] = []
        for statement in block:
            reduced = partial(self._reduced, ranges=ranges)
            statement = map_expressions(statement, partial(rewrite, function=reduced))
            match statement:
                case Let(var, value):
                    ranges.bind(var, value)
                case Assert(condition, _):
                    ranges = ranges.assuming(condition)
                case For():
                    statement = with_body(statement, self.block(statement.body, ranges.inside(statement)))
                case If(condition, then, other):
                    then = self.block(then, ranges.assuming(condition, True))
                    statement = If(condition, then, self.block(other, ranges.assuming(condition, False)))
            result.append(statement)
        return tuple(result)

    def _reduced(self, node: Expr, ranges: Ranges) -> Expr:
        if not isinstance(node, Binary):
            return node
        rule = _RULES.get(node.op)
        if rule is not None and isinstance(node.right, Const):
            return rule(node, node.right, ranges) or node
        if node.op == "pow":
            return self._power(node) or node
        return node

    def _power(self, node: Binary) -> Expr | None:
        base, exponent = node.left, node.right
        if node.dtype.is_integer and isinstance(base, Const) and base.value == 2:
            # 2ⁿ modulo 2^bits: shl gives 0 for n >= bits, and for n < 0, as pow truncates 1/2ⁿ.
            return Binary("shl", Const(1, node.dtype), exponent)
        if not isinstance(exponent, Const):
            return None
        count = exponent.value
        if count == 1:
            return base
        if count == 0:
            return Const(1.0 if node.dtype.is_float else 1, node.dtype)  # NaN too: pow(x, 0) is 1, IEEE 754, 9.2.1
        if count == 2 and _cheap(base) and self.powers >= 2:
            # x · x is x² correctly rounded: the best that pow may give.
            return Binary("mul", base, base)
        if node.dtype.is_integer and isinstance(base, Var) and 2 < count <= self.powers:
            # A product modulo 2ⁿ does not depend on how it is bracketed. (Of floats, each factor would round anew.)
            result: Expr = base
            for bit in bin(int(count))[3:]:
                result = Binary("mul", result, result)
                if bit == "1":
                    result = Binary("mul", result, base)
            return result
        return None


def _cheap(expression: Expr) -> bool:
    """Whether it may be evaluated twice: no more than a load with simple indices."""
    return sum(1 for _ in nodes(expression)) <= 4


def _exponent(constant: Const) -> int | None:
    """n, for an integer constant 2ⁿ."""
    value = int(constant.value)
    return value.bit_length() - 1 if value > 0 and value & (value - 1) == 0 else None


def _multiplied(node: Binary, factor: Const, ranges: Ranges) -> Expr | None:
    """x · 2ⁿ is x shifted, modulo 2^bits as both are. For floats x · 2 == x + x: the same real number, rounded."""
    if node.dtype.is_float:
        return Binary("add", node.left, node.left) if factor.value == 2.0 and isinstance(node.left, Var) else None
    if factor.value == -1:
        return Unary("neg", node.left)
    exponent = _exponent(factor)
    if node.dtype == INDEX or not exponent:
        return None  # of indices, multiplications are what an address has anyway, and what other passes read
    return Binary("shl", node.left, Const(exponent, node.dtype))


def _divided_float(node: Binary, divisor: Const, ranges: Ranges) -> Expr | None:
    """x / d is x · (1/d) where 1/d is a value of the type, thus d a power of two: both sides are the same real number,
    rounded once, whether the result is subnormal, overflows, or is zero."""
    value = float(divisor.value)
    if value == 0 or value != value or abs(value) == float("inf"):
        return None
    inverse = 1 / value
    if abs(inverse) == float("inf") or inverse * value != 1 or not _power_of_two(value):
        return None
    return Binary("mul", node.left, Const(inverse, node.dtype)) if is_exact(inverse, node.dtype) else None


def _power_of_two(value: float) -> bool:
    numerator, denominator = abs(value).as_integer_ratio()
    return numerator & (numerator - 1) == 0 and denominator & (denominator - 1) == 0


def _divided(node: Binary, divisor: Const, ranges: Ranges) -> Expr | None:
    """x // 2ⁿ rounded down is an arithmetic shift. To zero, a negative x is first moved up by 2ⁿ − 1, which cannot
    overflow. By −1 all three divisions are the negation, that of the smallest value included: it is itself."""
    if not node.dtype.is_integer:
        return None
    if divisor.value == -1:
        return Unary("neg", node.left)
    exponent = _exponent(divisor)
    if not exponent:
        return None
    amount = Const(exponent, node.dtype)
    x = node.left
    if node.op == "truncdiv" and ranges.interval(x).low < 0:
        if not isinstance(x, Var):
            return None
        sign = Binary("shr", x, Const(node.dtype.bits - 1, node.dtype))
        x = Binary("add", x, Binary("and", sign, Const(int(divisor.value) - 1, node.dtype)))
    return Binary("shr", x, amount)


def _remainder(node: Binary, divisor: Const, ranges: Ranges) -> Expr | None:
    """x mod 2ⁿ, never negative, is the low n bits in two's complement; truncmod has the sign of x."""
    if not node.dtype.is_integer:
        return None
    exponent = _exponent(divisor)
    if not exponent or (node.op == "truncmod" and ranges.interval(node.left).low < 0):
        return None
    return Binary("and", node.left, Const(int(divisor.value) - 1, node.dtype))


_RULES: dict[str, Callable[[Binary, Const, Ranges], Expr | None]] = {
    "mul": _multiplied,
    "div": _divided_float,
    "floordiv": _divided,
    "eucliddiv": _divided,
    "truncdiv": _divided,
    "floormod": _remainder,
    "euclidmod": _remainder,
    "truncmod": _remainder,
}


# ------------------------------------------------------------------------------------------------- induction variables


def _scaled(block: Block) -> Block:
    return tuple([_scaled_loop(map_blocks(statement, _scaled)) for statement in block])


def _scaled_loop(statement: Statement) -> Statement:
    """A loop over i that uses i · c only, as one over i · c."""
    if not isinstance(statement, For) or statement.kind == "vectorised":
        return statement
    start, stop, var = statement.start, statement.stop, statement.var
    if not isinstance(start, Const) or not isinstance(stop, Const):
        return statement
    factor = _only_factor(statement.body, var)
    if (
        factor is None
        or factor < 2
        or max(abs(int(start.value)), abs(int(stop.value)), statement.step) * factor > 1 << 40
    ):
        return statement
    product = Binary("mul", var, index(factor))

    def replaced(node: Expr) -> Expr:
        return var if node == product else node

    body = map_all_expressions(statement.body, lambda expression: rewrite(expression, replaced))
    start, stop = index(int(start.value) * factor), index(int(stop.value) * factor)
    return For(var, start, stop, body, statement.kind, statement.step * factor)


def _only_factor(block: Block, var: Var) -> int | None:
    """The constant that the variable is multiplied by wherever it stands."""
    factor: int | None = None
    plain = scaled = 0
    for node in all_expressions(block):
        if node == var:
            plain += 1
        elif isinstance(node, Binary) and node.op == "mul" and node.left == var and isinstance(node.right, Const):
            scaled += 1
            if factor is not None and factor != node.right.value:
                return None
            factor = int(node.right.value)
    return factor if plain == scaled else None
