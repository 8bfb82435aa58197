"""Numbers for one rule: what is drawn is valid by the rule, keeps what is fixed, and reaches goals."""

from __future__ import annotations

from random import Random

import pytest

from misfold.generators.inputs import Mode
from misfold.generators.options import Options
from misfold.generators.rules import Case, Rule
from misfold.generators.rules.dtypes import DtypeRule
from misfold.generators.rules.expressions import Const, Sym
from misfold.generators.rules.structure import NumberHole, Structure, TensorHole
from misfold.generators.rules.text import parse_constraint, parse_expression
from misfold.generators.solving.remaining import Remaining
from misfold.generators.solving.sampler import LARGEST, Sampler
from misfold.generators.solving.sizes import bin_of, draw_float, draw_integer, draw_size

PLAIN = Mode(False, False, False, False, False)
TYPES = DtypeRule(("same:0",), (0, 0), (("float32",),))


def rule(outputs: list[str], where: list[str], *holes: TensorHole | NumberHole) -> Rule:
    structure = Structure("torch.f", holes, (), tuple(hole.name for hole in holes))
    shape = tuple(map(parse_expression, outputs))
    return Rule(structure, (Case((shape,)),), tuple(map(parse_constraint, where)), TYPES)


CONV = rule(
    ["input[0]", "weight[0]", "(input[2] + 2*padding - weight[2])//stride + 1"],
    ["input[1] == weight[1]*groups", "stride >= 1", "padding >= 0", "input[2] + 2*padding >= weight[2]", "groups >= 1"],
    TensorHole("input", 3),
    TensorHole("weight", 3),
    NumberHole("stride", "int"),
    NumberHole("padding", "int"),
    NumberHole("groups", "int"),
)
CONV_CALL = {
    "input[0]": 1, "input[1]": 4, "input[2]": 9, "weight[0]": 4, "weight[1]": 2, "weight[2]": 3,
    "stride": 2, "padding": 1, "groups": 2,
}  # fmt: skip
ADD = rule(
    ["broadcast(a[0], b[0])", "broadcast(a[1], b[1])"],
    ["a[0] == b[0] or a[0] == 1 or b[0] == 1", "a[1] == b[1] or a[1] == 1 or b[1] == 1"],
    TensorHole("a", 2),
    TensorHole("b", 2),
)
MATMUL = rule(["a[0]", "b[1]"], ["a[1] == b[0]"], TensorHole("a", 2), TensorHole("b", 2))


@pytest.mark.parametrize("item, known", [(CONV, [CONV_CALL]), (ADD, []), (MATMUL, [])])
def test_draws_are_valid_and_differ(item, known):
    sampler, random = Sampler(item, known), Random(0)
    found = [sampler.draw(random, Options(), PLAIN) for _ in range(60)]
    assert all(numbers is not None and item.valid(numbers) for numbers in found)
    assert len({tuple(numbers.values()) for numbers in found}) > 30
    assert all(0 <= numbers[name] <= LARGEST for numbers in found for name in item.structure.dimensions)


def test_what_is_fixed_stays():
    sampler, random = Sampler(CONV, [CONV_CALL]), Random(1)
    fixed = {"input[0]": 3, "input[1]": 6, "input[2]": 8}
    found = [sampler.draw(random, Options(), PLAIN, fixed) for _ in range(40)]
    good = [numbers for numbers in found if numbers is not None]
    assert len(good) >= 36
    assert all(numbers[name] == value for numbers in good for name, value in fixed.items())
    assert {numbers["groups"] * numbers["weight[1]"] for numbers in good} == {6}
    assert sampler.draw(random, Options(), PLAIN, {"groups": 0}) is None


def test_goals_are_reached():
    sampler, random = Sampler(CONV, [CONV_CALL]), Random(2)
    goals = tuple(zip(CONV.cases[0].shapes[0], (2, 5, 7)))
    found = [sampler.draw(random, Options(), PLAIN, None, goals) for _ in range(20)]
    good = [numbers for numbers in found if numbers is not None]
    assert len(good) >= 16
    assert {CONV.output_shapes(numbers) for numbers in good} == {((2, 5, 7),)}


def test_the_same_chance_draws_the_same():
    draws = [[Sampler(CONV, [CONV_CALL]).draw(Random(seed), Options(), PLAIN) for seed in range(10)] for _ in range(2)]
    assert draws[0] == draws[1]


def test_z3_solves_what_sampling_does_not():
    odd = rule(
        ["a[0]"], ["a[0]*a[0] == b[0]*b[0] + 9", "a[0] != b[0]", "b[0] >= 1"], TensorHole("a", 1), TensorHole("b", 1)
    )
    assert Remaining(odd).solve({}, (), {}) == {"a[0]": 5, "b[0]": 4}
    assert Remaining(odd).solve({"a[0]": 6}, (), {}) is None
    goal = ((parse_expression("a[0] + b[0]"), 9),)
    assert Remaining(odd).solve({}, goal, {"a[0]": 1}) == {"a[0]": 5, "b[0]": 4}
    free = rule(["a[0]"], ["a[0] >= 2"], TensorHole("a", 1))
    assert Remaining(free).solve({}, (), {"a[0]": 7}) == {"a[0]": 7}


def test_sizes_prefer_edges_and_are_seldom_one():
    random = Random(0)
    sizes = [draw_size(random, Options(), 2) for _ in range(4000)]
    assert 0.02 < sizes.count(1) / 4000 < 0.1 and 0 not in sizes
    assert {7, 8, 9, 13, 16, 17, 31, 32, 33, 64, 65} <= set(sizes)
    assert 0 in {draw_size(random, Options(), 2, zero=True) for _ in range(100)}


def test_integers_come_from_all_bins_within_what_is_known():
    random = Random(0)
    assert [bin_of(value) for value in (-3, -1, 0, 1, 2, 3, 4, 5, 8, 9)] == [-3, -1, 0, 1, 2, 3, 3, 4, 4, 5]
    found = [draw_integer(random, [-2, 40]) for _ in range(2000)]
    assert {bin_of(value) for value in found} == set(range(-2, 8)) and min(found) == -2 and max(found) <= 40
    assert 100 < found.count(0) < 320
    assert draw_integer(random, [3]) == 3
    assert all(0.5 <= draw_float(random, [0.5, 2.0]) <= 2.0 for _ in range(200))


def test_constants_need_no_symbols():
    item = rule(["3"], [], TensorHole("a", 1))
    assert item.cases[0].shapes[0] == (Const(3),) and Sym("a[0]") != Const(3)
    assert Sampler(item, []).draw(Random(0), Options(), PLAIN) is not None
