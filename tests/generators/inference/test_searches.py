"""The searches for one dimension, and what they build on, on made-up records."""

from __future__ import annotations

import numpy as np
import pytest

from misfold.generators.inference.hints import Hints, variants
from misfold.generators.inference.linear import Budget, Monomials, divided
from misfold.generators.inference.shapes import Table, dimension, influence
from misfold.generators.inference.terms import bank, hash_weights, linear_hash
from misfold.generators.rules.expressions import Const, Sym, evaluate
from misfold.generators.rules.text import parse_expression, print_expression

SYMBOLS = ("x[0]", "x[1]", "x[2]", "w[0]", "w[1]", "stride", "padding", "dilation")
DIMENSIONS = SYMBOLS[:5]


def records(rows=70, seed=0):
    rng = np.random.default_rng(seed)
    values = {name: rng.integers(1, 14, rows) for name in SYMBOLS}
    values["x[1]"] += 30
    values["x[2]"] += 30
    values["stride"] = rng.integers(1, 4, rows)
    values["padding"] = rng.integers(0, 3, rows)
    values["dilation"] = rng.integers(1, 3, rows)
    return values


def table(values, relevant=SYMBOLS):
    rows = len(values["stride"])
    tensors = (SYMBOLS[:3], SYMBOLS[3:5])
    return Table(values, SYMBOLS, DIMENSIONS, (), rows, tensors, np.random.default_rng(1), frozenset(relevant))


@pytest.mark.parametrize(
    "text",
    [
        "7",
        "x[1]",
        "x[1] + 3",
        "x[0]*x[1]",
        "x[0]*x[1]*x[2]",
        "x[0] + w[0] - 1",
        "x[2]//stride",
        "ceildiv(x[2], stride)",
        "(x[2] + 2*padding - w[1])//stride + 1",
        "(x[2] + 2*padding - dilation*(w[1] - 1) - 1)//stride + 1",
        "min(ceildiv(x[2] + 2*padding - w[1], stride) + 1, ceildiv(x[2] + padding, stride))",
        "(x[2] - 1)*stride - 2*padding + dilation*(w[1] - 1) + 1",
        "((x[1] + 2*padding - dilation*(w[0] - 1) - 1)//stride + 1)"
        "*((x[2] + 2*padding - dilation*(w[1] - 1) - 1)//stride + 1)",
        "x[0] + x[1] + 2*padding",
        "x[0]*stride + x[1]*dilation + 1",
        "min(x[0], x[1])",
        "max(x[0], w[0] + stride)",
        "x[2]%w[0]",
        "ceildiv(x[2], ceildiv(x[2], stride))",
    ],
)
def test_a_dimension_is_found(text):
    values = records()
    goal = np.broadcast_to(evaluate(parse_expression(text), values), len(values["stride"])).copy()
    found = dimension(goal, table(values), Hints(), -1)
    assert found is not None
    # It must mean the same on records that the search never saw.
    fresh = records(seed=9)
    assert np.all(evaluate(found, fresh) == evaluate(parse_expression(text), fresh)), print_expression(found)


@pytest.mark.parametrize(
    "text", ["x[0] + abs(offset)", "min(x[0] + min(offset, 0), x[1] - max(offset, 0))", "max(x[0] - abs(offset), 0)"]
)
def test_offsets_of_either_sign(text):
    values = records(120) | {"offset": np.random.default_rng(3).integers(-4, 5, 120)}
    names = (*SYMBOLS, "offset")
    tensors = (SYMBOLS[:3], SYMBOLS[3:5])
    relevant = frozenset({"x[0]", "x[1]", "offset"})
    mine = Table(values, names, DIMENSIONS, (), 120, tensors, np.random.default_rng(1), relevant)
    goal = evaluate(parse_expression(text), values)
    found = dimension(goal, mine, Hints(), -1)
    assert found is not None
    assert np.array_equal(evaluate(found, values), goal)


def test_sizes_are_broadcast():
    values = records()
    values["w[1]"] = np.where(np.arange(70) % 3 == 0, 1, values["x[2]"])
    values["x[2]"] = np.where(np.arange(70) % 3 == 1, 1, values["x[2]"])
    both = parse_expression("broadcast(x[2], w[1])")
    assert dimension(evaluate(both, values), table(values), Hints(), -1) == both


def test_noise_has_no_expression():
    values = records()
    goal = np.random.default_rng(5).integers(0, 10_000, 70)
    assert dimension(goal, table(values), Hints(), -1) is None


def test_what_moves_alone_without_the_goal_is_idle():
    values = {"a": np.array([1, 2, 3, 4, 5, 1, 1]), "b": np.array([7, 7, 7, 7, 7, 8, 9])}
    assert influence(values, values["b"] * 2) == {"b"}
    assert influence(values, values["a"] + values["b"]) == {"a", "b"}


def test_hints_are_moved_and_missing_numbers_take_their_defaults():
    known = parse_expression("(x[2] + 2*padding[0] - w[2])//stride[0] + 1")
    here = {name: np.array([5, 9]) for name in ("x[3]", "w[3]", "stride[1]", "padding[1]")}
    texts = {print_expression(item) for item in variants(known, here)}
    assert "(x[3] + 2*padding[1] - w[3])//stride[1] + 1" in texts
    texts = {print_expression(item) for item in variants(known, {"x[2]": here["x[3]"], "w[2]": here["x[3]"]})}
    assert "x[2] - w[2] + 1" in texts
    hints = Hints()
    hints.add(known)
    values = {"x[1]": np.array([8, 9, 30]), "w[1]": np.array([3, 3, 4]), "stride": np.array([1, 2, 3])}
    goal = (values["x[1]"] - values["w[1]"]) // values["stride"] + 1
    found = hints.match(goal, values)
    assert found is not None
    assert print_expression(found) == "(x[1] - w[1])//stride + 1"


def test_the_bank_keeps_one_term_of_each_value():
    values = {"a": np.array([1, 2, 3]), "b": np.array([1, 2, 3]), "c": np.array([5, 7, 4])}
    terms = bank(("a", "b", "c"), values, 3)
    assert len({row.tobytes() for row in terms.matrix}) == len(terms.matrix)
    for index in range(len(terms.matrix)):
        assert np.all(evaluate(terms.term(index), values) == terms.matrix[index])


def test_hashes_of_sums_are_sums_of_hashes():
    weights = hash_weights(4)
    left, right = np.array([[1, -2, 3, 4]]), np.array([[9, 8, -7, 6]])
    assert linear_hash(left, weights) + linear_hash(right, weights) == linear_hash(left + right, weights)


def test_sums_are_solved_exactly_and_not_beyond_the_budget():
    values = {"a": np.arange(1, 31), "b": np.arange(1, 31)[::-1] ** 2 % 17 + 1}
    monomials = Monomials(("a", "b"), values, 30, ("a", "b"))
    goal = 3 * values["a"] * values["b"] - 2 * values["a"] + 5
    one = [(Const(1), np.ones(30, dtype=np.int64))]
    found = divided(goal, monomials, one, np.random.default_rng(0), Budget())
    assert found is not None
    assert np.array_equal(evaluate(found, values), goal)
    by_b = divided(goal // values["b"], monomials, [(Sym("b"), values["b"])], np.random.default_rng(0), Budget())
    assert by_b is not None
    assert np.array_equal(evaluate(by_b, values), goal // values["b"])
    assert divided(goal, monomials, one, np.random.default_rng(0), Budget(0.0)) is None
