"""Constraints learnt from valid and invalid calls, and what z3 drops of them."""

from __future__ import annotations

import numpy as np
import pytest

from misfold.generators.inference.minimal import irredundant
from misfold.generators.inference.validity import learn
from misfold.generators.rules.constraints import holds
from misfold.generators.rules.structure import structure_of
from misfold.generators.rules.text import parse_constraint, parse_expression, print_constraint
from misfold.generators.traces.call import Call
from misfold.programs.types import TensorType

SYMBOLS = ("a[0]", "a[1]", "b[0]", "b[1]", "n")
TENSORS = (SYMBOLS[:2], SYMBOLS[2:4])


def calls(rows, seed):
    rng = np.random.default_rng(seed)
    values = {name: rng.integers(0, 7, rows) for name in SYMBOLS}
    values["n"] = rng.integers(-3, 8, rows)
    # Half of the calls have sizes that are equal, as calls that people write do.
    for left, right in (("b[0]", "a[0]"), ("b[1]", "a[1]"), ("b[0]", "a[1]")):
        values[left] = np.where(rng.random(rows) < 0.5, values[right], values[left])
    return values


@pytest.mark.parametrize(
    "texts",
    [
        ["n >= 0"],
        ["a[1] == b[0]"],
        ["a[1] == b[0]", "n >= 1"],
        ["a[0] == b[0] or a[0] == 1 or b[0] == 1"],
        ["n < a[1]", "n >= 0"],
        ["a[0]*a[1] == b[0]*b[1]"],
        ["a[0] + n >= 2"],
        ["n >= 1", "a[1]%n == 0"],
        ["n == 0 or n == 3"],
        ["2*n <= a[0]", "n >= 0"],
    ],
)
def test_constraints_are_found(texts):
    wanted = [parse_constraint(text) for text in texts]

    def truth(values):
        return np.all([holds(item, values) for item in wanted], axis=0)

    values = calls(400, 1)
    found, missed = learn(values, truth(values), SYMBOLS, TENSORS, [parse_expression("a[0] + n")])
    assert len(missed) == 0
    fresh = calls(2000, 2)
    predicted = np.all([holds(item, fresh) for item in found], axis=0)
    agreement = (predicted == truth(fresh)).mean()
    assert agreement > 0.985, [print_constraint(item) for item in found]


def test_without_invalid_calls_there_are_no_constraints():
    values = calls(50, 1)
    found, missed = learn(values, np.ones(50, dtype=bool), SYMBOLS, TENSORS, [])
    assert found == ()
    assert len(missed) == 0


def test_what_nothing_explains_is_told():
    values = {name: np.full(20, 3) for name in SYMBOLS}
    found, missed = learn(values, np.arange(20) < 10, SYMBOLS, TENSORS, [])
    assert found == ()
    assert len(missed) == 10


def test_implied_constraints_are_dropped():
    structure, _, _ = structure_of(Call("f", (TensorType.of("float32", (2, 3)), 4)), ("a", "n"), lambda *_: False)
    wanted = [parse_constraint(text) for text in ("a[0] == n", "n >= 1", "a[0] + n >= 1", "a[1] >= 0", "n <= 7")]
    kept = irredundant(tuple(wanted), structure)
    assert [print_constraint(item) for item in kept] == ["a[0] == n", "n >= 1", "a[1] >= 0", "n <= 7"]
