"""Analyses that claim more than is true."""

from __future__ import annotations

from typing import Any

from misfold.compiler.loops.intervals import Interval

from ..catalogue import seeded
from ..witnesses import kernel


@seeded(
    "remainder-never-largest",
    project="TVM, LLVM",
    models="the range of x mod n taken to end before n - 1",
    place="loops.intervals:OPERATORS[floormod]",
    trigger="a comparison of a remainder with the largest value that it has",
    witness=kernel(
        "simplify",
        "function f(x: in i64[16], y: out i64[16]) {\n  for i in 0..16 {\n    y[i] = i64(x[i] % 4 == 3)\n  }\n}\n",
    ),
)
def _(original: Any) -> Any:
    def short(x: Interval, y: Interval) -> Interval | None:
        found = original(x, y)
        return Interval(found.low, found.high - 1) if found is not None and found.high > found.low else found

    return short


@seeded(
    "product-of-two-corners",
    project="LLVM, TVM",
    models="the range of a product from two of its four corners, as if no operand were negative",
    place="loops.intervals:OPERATORS[mul]",
    trigger="a condition on a product of integers, one of them possibly negative",
    witness=kernel(
        "simplify",
        "function f(x: in i64[8], y: out i64[8]) {\n  for i in 0..8 {\n"
        "    y[i] = i64((i - 4) * (i % 3) > 0 - 3)\n  }\n}\n",
    ),
)
def _(original: Any) -> Any:
    def product(x: Interval, y: Interval) -> Interval:
        low, high = x.low * y.low, x.high * y.high
        return Interval(min(low, high), max(low, high))

    return product


@seeded(
    "truncated-quotient-of-positives",
    project="TVM, LLVM",
    models="the range of a quotient rounded to zero taken from floor division, which goes further down",
    place="loops.intervals:OPERATORS[truncdiv]",
    trigger="a condition on the quotient of a number that may be negative",
    witness=kernel(
        "simplify",
        "function f(y: out i64[8]) {\n  for i in 0..8 {\n    y[i] = i64(truncdiv(i - 7, 2) < -2)\n  }\n}\n",
    ),
)
def _(original: Any) -> Any:
    def quotient(x: Interval, y: Interval) -> Interval | None:
        if y.low <= 0 <= y.high:
            return None
        corners = [abs(a) // abs(b) * (1 if a >= 0 else 0) for a in (x.low, x.high) for b in (y.low, y.high)]
        return Interval(min(corners), max(corners))

    return quotient


@seeded(
    "last-iteration-forgotten",
    project="TVM",
    models="the range of a loop variable taken to end one step early",
    place="loops.ranges:Ranges.inside",
    trigger="a condition that is only true in the last iteration of a loop",
    witness=kernel(
        "simplify",
        "function f(x: in i64[9], y: out i64[9]) {\n  for i in 0..9 {\n    y[i] = select(i == 8, 100, x[i])\n  }\n}\n",
    ),
)
def _(original: Any, self: Any, loop: Any) -> Any:
    inner = original(self, loop)
    known = inner._bounds[loop.var.name]
    if known.high > known.low:
        inner._bounds[loop.var.name] = Interval(known.low, known.high - 1)
    return inner


@seeded(
    "nothing-wraps-around",
    project="TVM, LLVM",
    models="arithmetic on narrow integers taken for that of whole numbers, so that comparisons seem decided",
    place="loops.ranges:Ranges.value",
    trigger="a comparison of a sum or product of narrow integers that wraps around",
    witness=kernel(
        "simplify",
        "function f(y: out i64[16]) {\n  for i in 0..16 {\n    let t: i8 = i8(i) * 20:i8\n"
        "    y[i] = i64(t < 0:i8)\n  }\n}\n",
    ),
)
def _(original: Any, self: Any, expression: Any) -> Any:
    return self.linear(expression, opened=True)


@seeded(
    "cast-keeps-the-value",
    project="TVM",
    models="a cast to a narrower integer taken to have the value of its operand",
    place="loops.ranges:Ranges._linear",
    trigger="a comparison of an integer cast to a type that does not hold it",
    witness=kernel(
        "simplify",
        "function f(y: out i64[16]) {\n  for i in 0..16 {\n    y[i] = i64(i8(i * 20)) + i64(i8(i * 20) < 0:i8)\n  }\n"
        "}\n",
    ),
)
def _(original: Any, self: Any, expression: Any, opened: bool) -> Any:
    from misfold.compiler.loops.ir import Cast

    if isinstance(expression, Cast) and expression.operand.dtype.is_integer and expression.dtype.is_integer:
        return self.linear(expression.operand, opened)
    return original(self, expression, opened)


@seeded(
    "condition-holds-in-else-too",
    project="TVM, LLVM",
    models="what is known in the then of an if is taken to be known in its else",
    place="loops.ranges:Ranges.assuming",
    trigger="an if on a loop variable whose else has another condition on it",
    witness=kernel(
        "simplify",
        "function f(x: in i64[16], y: out i64[16]) {\n  for i in 0..16 {\n    if i < 8 {\n"
        "      y[i] = x[i]\n    } else {\n"
        "      y[i] = select(i < 8, 5, i)\n    }\n  }\n}\n",
    ),
)
def _(original: Any, self: Any, condition: Any, truth: bool = True) -> Any:
    return original(self, condition, True)


@seeded(
    "quotient-of-a-sum-by-parts",
    project="TVM",
    models="(4·i + j) // 4 simplified to i although j may reach 4",
    place="loops.ranges:Ranges._divided",
    trigger="a quotient of a sum of a multiple of the divisor and a term that is not below the divisor",
    witness=kernel(
        "simplify",
        "function f(y: out i64[4, 8]) {\n  for i in 0..4 {\n    for j in 0..8 {\n"
        "      y[i, j] = (i * 4 + j) // 4\n    }\n  }\n}\n",
    ),
)
def _(original: Any, self: Any, op: str, left: Any, divisor: int, dtype: Any, opened: bool) -> Any:
    found = original(self, op, left, divisor, dtype, opened)
    if found is None and op in ("floordiv", "floormod") and divisor > 1:
        quotient, rest = self.linear(left, opened).split(divisor)
        if quotient.terms and self.bounds(rest).low >= 0:
            return quotient if op == "floordiv" else rest
    return found
