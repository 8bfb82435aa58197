"""Intervals and linear forms, against all values that expressions really have."""

from __future__ import annotations

import itertools
import random

import pytest

from misfold.compiler.dtypes import BOOL, I8, I64, INDEX, U8
from misfold.compiler.loops.arithmetic import cast, evaluate_binary, evaluate_unary
from misfold.compiler.loops.intervals import Interval
from misfold.compiler.loops.ir import Binary, Buffer, Cast, Const, Expr, Load, Select, Unary, Var, index, loop
from misfold.compiler.loops.printer import print_expression
from misfold.compiler.loops.ranges import Ranges
from misfold.compiler.passes.loops.simplify import simplify_expression

I_VAR, J_VAR, K_VAR = Var("i"), Var("j"), Var("k")
SMALL, TINY = Var("small", I8), Var("tiny", U8)
# Loops that give the variables these values.
VALUES = {"i": range(4), "j": range(3, 12, 3), "k": range(-2, 2)}
# Values of lets of a whole type: the ends are what wraps.
SAMPLES = {"small": (-128, -127, -3, -1, 0, 1, 2, 126, 127), "tiny": (0, 1, 2, 127, 128, 254, 255)}
INTEGER = "add sub mul floordiv floormod truncdiv truncmod eucliddiv euclidmod min max and or xor shl shr pow".split()
COMPARISONS = "eq ne lt le gt ge".split()


def scope() -> Ranges:
    ranges = Ranges()
    for name, values in VALUES.items():
        one = loop(Var(name), index(values.stop), ())
        ranges = ranges.inside(type(one)(one.var, index(values.start), one.stop, (), "serial", values.step))
    return ranges


def random_integer(source: random.Random, dtype, depth: int) -> Expr:
    if depth == 0 or source.random() < 0.15:
        constant = Const(
            source.choice((-4, -1, 0, 1, 2, 3, 4, 8, 100) if dtype.is_signed else (0, 1, 2, 4, 200)), dtype
        )
        return source.choice(
            {I64: (I_VAR, J_VAR, K_VAR, I_VAR, J_VAR, constant), I8: (SMALL, constant), U8: (TINY, constant)}[dtype]
        )
    roll = source.random()
    if roll < 0.08:
        return Unary(source.choice(("neg", "abs", "not")), random_integer(source, dtype, depth - 1))
    if roll < 0.2:
        other = source.choice((I64, I8, U8))
        return Cast(dtype, random_integer(source, other, depth - 1))
    if roll < 0.28:
        choice = random_condition(source, depth - 1)
        return Select(choice, random_integer(source, dtype, depth - 1), random_integer(source, dtype, depth - 1))
    op = source.choice((*INTEGER, "add", "sub", "add", "sub", "mul", "floordiv", "floormod", "min", "max"))
    return Binary(op, random_integer(source, dtype, depth - 1), random_integer(source, dtype, depth - 1))


def random_condition(source: random.Random, depth: int) -> Expr:
    if depth > 1 and source.random() < 0.3:
        if source.random() < 0.3:
            return Unary("not", random_condition(source, depth - 1))
        op = source.choice(("and", "or", "xor"))
        return Binary(op, random_condition(source, depth - 1), random_condition(source, depth - 1))
    dtype = source.choice((I64, I64, I64, I8, U8))
    depth = max(depth - 1, 0)
    return Binary(
        source.choice(COMPARISONS), random_integer(source, dtype, depth), random_integer(source, dtype, depth)
    )


def evaluate(expression: Expr, values: dict[str, int]):
    """The value, or ZeroDivisionError."""
    match expression:
        case Const(value, _):
            return value
        case Var(name, _):
            return values[name]
        case Unary(op, operand):
            return evaluate_unary(op, operand.dtype, evaluate(operand, values))
        case Binary(op, left, right):
            return evaluate_binary(op, left.dtype, evaluate(left, values), evaluate(right, values))
        case Cast(dtype, operand):
            return cast(evaluate(operand, values), operand.dtype, dtype)
        case Select(condition, then, other):
            chosen, a, b = evaluate(condition, values), evaluate(then, values), evaluate(other, values)
            return a if chosen else b
    raise TypeError(expression)


def environments(source: random.Random):
    for i, j, k in itertools.product(*VALUES.values()):
        yield {"i": i, "j": j, "k": k, **{name: source.choice(some) for name, some in SAMPLES.items()}}


def check(seed: int) -> tuple[int, int]:
    """How many of an interval, a condition and an assumption told something, and how many values were compared."""
    source = random.Random(seed)
    ranges = scope()
    told = seen = 0
    dtype = source.choice((I64, I64, I8, U8))
    expression, condition = random_integer(source, dtype, 4), random_condition(source, 3)
    assumed = source.random() < 0.7
    holds = source.random() < 0.8
    inner = ranges.assuming(condition, holds) if assumed else ranges
    question = random_condition(source, 3)
    bounds, truth = inner.interval(expression), inner.truth(question)
    simple, simple_question = simplify_expression(expression, inner), simplify_expression(question, inner)
    told += bounds.low > dtype.min or bounds.high < dtype.max
    told += truth is not None
    for values in environments(source):
        try:
            if assumed and evaluate(condition, values) is not holds:
                continue
        except ZeroDivisionError:
            continue
        story = f"seed {seed}: {values} where {print_expression(condition)} is {holds if assumed else 'not assumed'}"
        try:
            value = evaluate(expression, values)
            text = f"{print_expression(expression)} = {value}"
            assert bounds.low <= value <= bounds.high, f"{text}, but in {bounds}; {story}"
            assert evaluate(simple, values) == value, f"{text} but {print_expression(simple)}; {story}"
            seen += 1
        except ZeroDivisionError:
            pass
        try:
            value = evaluate(question, values)
            assert truth is None or truth is value, f"{print_expression(question)} is {value}; {story}"
            assert evaluate(simple_question, values) is value, f"{print_expression(simple_question)} {value}; {story}"
        except ZeroDivisionError:
            pass
    return told, seen


def check_many(count: int, start: int) -> None:
    told = seen = 0
    for seed in range(start, start + count):
        a, b = check(seed)
        told, seen = told + a, seen + b
    assert told > 0.4 * count
    assert seen > 5 * count


def test_answers_hold_for_all_values():
    check_many(400, 0)


@pytest.mark.slow
def test_answers_hold_for_all_values_of_many_expressions():
    check_many(30_000, 1_000)


def test_tile_arithmetic_cancels():
    ranges = scope()
    tiled = Binary("add", Binary("mul", K_VAR, index(4)), I_VAR)  # 0 <= i < 4
    assert print_expression(simplify_expression(Binary("floordiv", tiled, index(4)), ranges)) == "k"
    assert print_expression(simplify_expression(Binary("floormod", tiled, index(4)), ranges)) == "i"
    assert ranges.interval(Binary("sub", tiled, tiled)) == Interval(0, 0)
    assert ranges.truth(Binary("lt", tiled, Binary("mul", Binary("add", K_VAR, index(1)), index(4)))) is True


def test_a_sum_that_may_overflow_is_anything():
    ranges = scope()
    huge = Binary("add", I_VAR, index(INDEX.max - 2))
    assert ranges.interval(huge) == Interval(int(INDEX.min), int(INDEX.max))
    assert ranges.truth(Binary("gt", huge, I_VAR)) is None
    assert ranges.interval(Binary("sub", huge, index(INDEX.max - 2))) == Interval(0, 3)


def test_conditions_bound_variables_and_differences():
    n, m = Var("n"), Var("m")
    ranges = Ranges().assuming(Binary("and", Binary("lt", n, m), Binary("ge", n, index(5))))
    assert ranges.interval(n) == Interval(5, int(INDEX.max) - 1)
    # n < m alone says nothing of m - n, which may overflow; with n known to be positive it does.
    assert ranges.interval(Binary("sub", m, n)).low == 1
    assert ranges.truth(Binary("le", n, m)) is True
    assert ranges.truth(Binary("eq", n, m)) is False


def test_a_loop_of_symbolic_size_stays_below_it():
    n = Var("n")
    inner = Ranges().assuming(Binary("lt", n, index(1000))).inside(loop(I_VAR, Binary("min", n, index(50)), ()))
    assert inner.interval(I_VAR) == Interval(0, 49)
    assert inner.truth(Binary("lt", I_VAR, n)) is True


def test_nothing_is_kept_of_what_was_loaded():
    flag = Load(Buffer("a", I64, (1,)), (index(0),))
    condition = Binary("gt", flag, index(0))
    assert Ranges().assuming(condition).truth(condition) is None


def test_lets_are_opened():
    ranges = scope()
    tile = Var("tile")
    ranges.bind(tile, Binary("mul", I_VAR, index(8)))
    assert ranges.interval(tile) == Interval(0, 24)
    assert ranges.truth(Binary("eq", Binary("sub", tile, Binary("mul", I_VAR, index(8))), index(0))) is True
    known = Var("known", BOOL)
    ranges.bind(known, Binary("lt", J_VAR, index(6)))
    assert ranges.assuming(known).interval(J_VAR) == Interval(3, 5)
