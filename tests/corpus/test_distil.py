"""Set cover and delta debugging."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from misfold.corpus.distil import cover, shrink, unique

ENTRIES = st.lists(st.tuples(st.integers(1, 100), st.frozensets(st.integers(0, 30), max_size=8)), max_size=25)


@given(ENTRIES)
def test_all_is_still_reached_and_nothing_kept_is_superfluous(entries):
    kept = cover(entries)
    everything = frozenset().union(*(points for _, points in entries))
    assert frozenset().union(*(entries[place][1] for place in kept)) == everything
    sets = [entries[place][1] for place in kept]
    assert all(unique(sets, place) for place in range(len(sets)))


def test_the_smaller_of_two_alike_is_kept():
    assert cover([(30, {1, 2}), (10, {1, 2}), (20, {1})]) == [1]
    assert cover([(5, {1}), (5, {2}), (40, {1, 2})]) == [0, 1]
    assert cover([]) == [] == cover([(3, frozenset())])


@given(st.lists(st.integers(0, 99), unique=True, max_size=30), st.data())
def test_shrinking_finds_exactly_what_is_needed(items, data):
    needed = set(data.draw(st.lists(st.sampled_from(items), unique=True))) if items else set()
    asked = []

    def keeps(part):
        asked.append(1)
        return needed <= set(part)

    assert shrink(items, keeps) == [item for item in items if item in needed]
    assert len(asked) <= 4 * len(items) + 8


def test_shrinking_leaves_nothing_that_can_go_alone():
    def keeps(part):
        # 3 may go only after 7 has gone
        return 1 in part and (3 in part or 7 not in part)

    assert shrink([1, 3, 7, 9], keeps) == [1]
