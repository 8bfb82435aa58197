"""Blocks of cases, and the parts in which they are worked on."""

from __future__ import annotations

import pytest

from misfold.fuzz.blocks import BLOCK, indices_of, parts_of


def test_feedback_begins_after_a_few_cases():
    for number in range(2):
        assert [len(part) for part in parts_of(number, None)] == [5, 5, 10, 20]
    assert parts_of(3, None) == [range(120, 160)]


@pytest.mark.parametrize("limit", [None, 0, 3, 37, 40, 41, 79, 100, 125])
def test_parts_make_up_a_campaign(limit):
    made = [index for number in range(4) for part in parts_of(number, limit) for index in part]
    assert made == list(range(min(4 * BLOCK, 4 * BLOCK if limit is None else limit)))


@pytest.mark.parametrize("number", range(4))
def test_no_part_is_empty(number):
    assert all(parts_of(number, 45)) and all(parts_of(number, 0))
    assert list(indices_of(number, 45)) == [index for part in parts_of(number, 45) for index in part]


@pytest.mark.parametrize(("first", "then"), [(3, 37), (37, 41), (40, 100), (60, 85), (79, None)])
def test_a_campaign_that_was_to_be_smaller_goes_on_where_it_ended(first, then):
    made: list[int] = []
    for limit in (first, then):
        for number in range(3):
            have = sum(index // BLOCK == number for index in made)
            made += [index for part in parts_of(number, limit, have) for index in part]
    assert made == list(range(3 * BLOCK if then is None else then))
