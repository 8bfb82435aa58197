"""Expressions and constraints: evaluation over numbers and vectors, their text, and what z3 makes of them."""

from __future__ import annotations

import numpy as np
import pytest
import z3
from hypothesis import given, settings
from hypothesis import strategies as st

from misfold.generators.rules.constraints import AnyOf, Comparison, holds
from misfold.generators.rules.expressions import COMPARISONS, DIVISIONS, Const, If, Op, Sym, Undefined, evaluate, op
from misfold.generators.rules.smt import constraint_to_z3, to_z3
from misfold.generators.rules.text import parse_constraint, parse_expression, print_constraint, print_expression
from misfold.programs.errors import TextError

NAMES = ("input[0]", "input[12]", "stride", "tensors[1][0]")
leaves = st.one_of(st.integers(-9, 99).map(Const), st.sampled_from(NAMES).map(Sym))


def branch(inner):
    binary = st.builds(
        lambda name, left, right: Op(name, (left, right)),
        st.sampled_from(["+", "-", "*", "//", "%", "ceildiv", "min", "max", "broadcast"]),
        inner,
        inner,
    )
    choice = st.builds(If, st.sampled_from(list(COMPARISONS)), inner, inner, inner, inner)
    return binary | choice | inner.map(lambda item: Op("abs", (item,)))


expressions = st.recursive(leaves, branch, max_leaves=8)
numbers = st.fixed_dictionaries({name: st.integers(0, 9) for name in NAMES})


@settings(max_examples=300, deadline=None, derandomize=True)
@given(expressions, numbers)
def test_text_says_what_the_expression_means(expression, values):
    again = parse_expression(print_expression(expression))
    try:
        expected = evaluate(expression, values)
    except Undefined:
        with pytest.raises(Undefined):
            evaluate(again, values)
        return
    assert evaluate(again, values) == expected
    assert print_expression(again) == print_expression(expression)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(expressions, st.lists(numbers, min_size=1, max_size=4))
def test_vectors_give_what_numbers_give_row_by_row(expression, rows):
    vectors = {name: np.array([row[name] for row in rows]) for name in NAMES}
    try:
        found = np.broadcast_to(evaluate(expression, vectors), len(rows))
    except Undefined:
        return  # by a constant, so in every row
    for row, value in zip(rows, found):
        try:
            assert evaluate(expression, row) == value
        except Undefined:
            continue  # any number may stand in such a row


def positive_divisors(expression):
    if isinstance(expression, Op) and expression.name in DIVISIONS:
        right = expression.operands[1]
        if not (isinstance(right, Sym) or (isinstance(right, Const) and right.value > 0)):
            return False
    parts = expression.operands if isinstance(expression, Op) else ()
    if isinstance(expression, If):
        parts = (expression.left, expression.right, expression.then, expression.other)
    return all(map(positive_divisors, parts))


@settings(max_examples=120, deadline=None, derandomize=True)
@given(expressions.filter(positive_divisors), st.fixed_dictionaries({name: st.integers(1, 9) for name in NAMES}))
def test_z3_computes_the_same(expression, values):
    term = to_z3(expression, {name: z3.IntVal(value) for name, value in values.items()})
    assert z3.simplify(term).as_long() == evaluate(expression, values)


def test_constraints():
    fits = parse_constraint("a[0] == b[0] or a[0] == 1 or b[0] == 1")
    assert isinstance(fits, AnyOf)
    assert print_constraint(fits) == "a[0] == b[0] or a[0] == 1 or b[0] == 1"
    assert holds(fits, {"a[0]": 3, "b[0]": 1})
    assert not holds(fits, {"a[0]": 3, "b[0]": 2})
    assert list(holds(fits, {"a[0]": np.array([3, 3, 1]), "b[0]": np.array([3, 2, 5])})) == [True, False, True]
    formula = constraint_to_z3(fits, {"a[0]": z3.IntVal(3), "b[0]": z3.IntVal(2)})
    assert z3.is_false(z3.simplify(formula))
    assert holds(Comparison("==", op("%", Sym("a"), Sym("b")), Const(0)), {"a": 4, "b": 0}) is False


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "(lambda: 1)()",
        "a.b",
        "a[b]",
        "a[-1]",
        "a[1:2]",
        "'x'",
        "True",
        "a ** b",
        "min(a)",
        "min(a, b, c)",
        "pow(a, b)",
        "a and b",
        "1 < a < 3",
        "a +",
        "",
        "(" * 500,
        "a+" * 900 + "a",
    ],
)
def test_other_text_is_refused(text):
    with pytest.raises(TextError):
        parse_expression(text)


@pytest.mark.parametrize("text", ["a", "a == 1 and b == 2", "a == 1 or b", "not a == 1", "a in b"])
def test_other_constraints_are_refused(text):
    with pytest.raises(TextError):
        parse_constraint(text)


def test_broadcast_is_torchs():
    torch = pytest.importorskip("torch")
    both = Op("broadcast", (Sym("a"), Sym("b")))
    for left, right in ((1, 4), (4, 1), (4, 4), (1, 0), (0, 1), (1, 1)):
        assert (evaluate(both, {"a": left, "b": right}),) == torch.broadcast_shapes((left,), (right,))
