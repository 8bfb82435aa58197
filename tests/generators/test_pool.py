"""Operators come in turn, each round in another way, and calls are preferred that values fit."""

from __future__ import annotations

from collections import Counter
from itertools import islice, pairwise
from random import Random

import pytest

from misfold.generators.generator import WAITING, coming
from misfold.generators.options import Options
from misfold.generators.pool import Pool, Turn, Turns
from misfold.generators.records import ANY_RANK


@pytest.fixture(scope="module")
def pool(records) -> Pool:
    return Pool(records, None, Options(), None, False)


def in_order(pool: Pool, seed: int, count: int) -> list[Turn]:
    """The turns of consecutive programs, up to where the next one's begin."""
    programs = -(-count // pool.stride)
    return [turn for index in range(programs) for turn in islice(pool.turns(seed, index), pool.stride)][:count]


def test_every_operator_has_its_turn_once_in_a_round(pool):
    size = len(pool.names)
    turns = [turn.op for turn in in_order(pool, 3, 2 * size)]
    assert sorted(turns[:size]) == sorted(turns[size:]) == sorted(pool.names)
    assert turns[:size] != turns[size:]
    assert turns != [turn.op for turn in in_order(pool, 4, 2 * size)]


def test_turns_depend_on_seed_index_and_attempt_alone(pool, records):
    other = Pool(records, None, Options(), None, False)
    for index in (900, 3, 70000):
        assert list(islice(other.turns(5, index), 40)) == list(islice(pool.turns(5, index), 40))
    assert list(islice(pool.turns(5, 3), 8)) != list(islice(pool.turns(5, 3, 1), 8))


def test_favoured_operators_have_more_turns_and_are_spread(records):
    pool = Pool(records, None, Options(favour={"conv2d": 300.0}), None, False)
    size = len(pool.names)
    turns = [turn.op for turn in in_order(pool, 1, 3 * size)]
    counts = Counter(turns)
    weights = Counter({op: pool.options.weight(op) for op in pool.names})
    for op in ("torch.conv2d", "torch.nn.functional.conv2d"):
        assert abs(counts[op] - 3 * size * weights[op] / weights.total()) <= 3 * 2
    # Not one block of them: some thirds of the others lie between any that follow each other closely.
    assert max(Counter(op in ("torch.conv2d", "torch.nn.functional.conv2d") for op in turns[:30]).values()) < 30


def test_from_round_to_round_an_operator_is_called_in_another_way(pool):
    size = len(pool.names)
    turns = in_order(pool, 2, 3 * size)
    rounds = [{turn.op: turn for turn in turns[first : first + size]} for first in (0, size, 2 * size)]
    for one, two in pairwise(rounds):
        for op in pool.names[::10]:
            apart = abs(one[op].at - two[op].at)
            assert min(apart, 1 - apart) > 0.3
            assert one[op].parity != two[op].parity


def test_turns_can_be_looked_at_and_taken_before_they_come(pool):
    expected = list(islice(pool.turns(1, 4), 8))
    turns = Turns(pool.turns(1, 4))
    assert turns.ahead(3) == expected[:3] == turns.ahead(3)
    turns.take(expected[1])
    assert turns.waited == 1 and turns.ahead(3) == [expected[0], *expected[2:4]]
    turns.take(expected[2])
    assert turns.waited == 2 and turns.next() == expected[0] and turns.waited == 0
    assert [turns.next() for _ in range(5)] == expected[3:]


def test_what_values_fit_comes_first_but_nothing_waits_for_long(pool):
    random, kinds = Random(2), {("float32", 2): None, ("float32", ANY_RANK): None}
    fitting = plain = 0
    for index in range(40):
        turns, order = Turns(pool.turns(1, index)), list(islice(pool.turns(1, index), 40))
        taken = []
        for place in range(10):
            turn, choice = coming(pool, turns, kinds, random)
            taken.append(turn)
            fitting += choice is not None and choice.fits(kinds)
            choice = pool.choice(order[place].op, random, kinds, order[place].at)
            plain += choice is not None and choice.fits(kinds)
        # Of so many that are taken, one is the first of those that are left.
        for place, turn in enumerate(order[: 10 // (WAITING + 1)]):
            assert turn in taken[: (WAITING + 1) * (place + 1)]
    assert fitting > 1.1 * plain


def test_calls_that_values_fit_are_preferred(pool):
    random = Random(1)
    kinds = {("float64", 2): None, ("float64", ANY_RANK): None}
    with_values = sum("float64" in pool.choice("torch.sin", random, kinds).dtypes for _ in range(200))
    without = sum("float64" in pool.choice("torch.sin", random).dtypes for _ in range(200))
    assert with_values > 2 * without > 0


def test_reductions_to_one_element_are_known(records):
    assert all(entry.reduces for entry in records.entries("torch.dot") if not (entry.single or entry.empty))
    assert not any(entry.reduces for entry in records.entries("torch.sin"))
    for op in ("torch.sum", "torch.Tensor.amax"):
        found = [entry for entry in records.entries(op) if not entry.single]
        assert {entry.reduces for entry in found} == {True, False}
        for entry in found:
            assert entry.reduces == (entry.record.outputs[0].elements == 1 and not entry.pointwise)
