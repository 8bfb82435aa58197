"""Which indices are certain: those of elements that no other can come level with."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from misfold.oracles.bounds.ordering import certain, isolated
from misfold.oracles.bounds.shadow import Shadow
from misfold.oracles.reference import evaluate

from ..programs import make_case, values
from ..test_judge import verdict_on

ROWS = st.lists(st.tuples(st.integers(-6, 6), st.integers(0, 3)), min_size=1, max_size=8)


@given(ROWS, st.integers(0, 2**32))
def test_no_honest_values_change_a_certain_index(row: list[tuple[int, int]], seed: int) -> None:
    value = torch.tensor([float(item) for item, _ in row], dtype=torch.float64)
    error = torch.tensor([half / 2 for _, half in row], dtype=torch.float64)
    source = Shadow(value, error, torch.float32)
    random = np.random.default_rng(seed)
    others = [value + error * torch.from_numpy(random.choice([-1.0, 1.0, 0.3], len(row))) for _ in range(6)]
    calls = {
        "sort": lambda x: x.sort(stable=True).indices,
        "falling": lambda x: x.sort(descending=True).indices,
        "topk": lambda x: x.topk(max(len(row) // 2, 1)).indices,
        "median": lambda x: x.median(0, keepdim=True).indices,
        "kthvalue": lambda x: x.kthvalue(1, keepdim=True).indices,
        "cummax": lambda x: x.cummax(0).indices,
        "cummin": lambda x: x.cummin(0).indices,
    }
    for call in calls.values():
        index = call(value)
        sure = certain(source, 0, index)
        for other in others:
            assert torch.equal(call(other)[sure], index[sure])


def test_what_is_isolated() -> None:
    value = torch.tensor([[3.0, 1.0, 1.0, 7.0], [1.0, 2.0, 3.0, 4.0], [1.0, float("nan"), 3.0, 4.0]]).double()
    error = torch.tensor([[0.0, 0.0, 0.0, 0.0], [0.6, 0.5, 0.1, 0.1], [0.0, 0.0, 0.0, 0.0]]).double()
    found = isolated(Shadow(value, error, torch.float32), 1)
    assert found.tolist() == [[True, False, False, True], [False, False, True, True], [False] * 4]


def test_infinities_are_apart_from_numbers_and_not_from_each_other() -> None:
    inf = float("inf")
    rows = torch.tensor([[-inf, 0.0, inf], [inf, 0.0, inf]], dtype=torch.float64)
    assert isolated(Shadow(rows, None, torch.float32), 1).tolist() == [[True, True, True], [False, True, False]]


@pytest.mark.parametrize("call", ["torch.argsort(x0)", "torch.argsort(x0, descending=True)"])
def test_beside_a_tie_indices_are_judged(call: str) -> None:
    case = make_case(f"v0 = {call}; return (v0,)", {"x0": "float32[5]"}, {"x0": values(5, 1, 1, 9, 7)})

    def among_equals(flat: np.ndarray) -> None:
        first, second = np.flatnonzero(flat == 1)[0], np.flatnonzero(flat == 2)[0]
        flat[first], flat[second] = 2, 1

    def beside(flat: np.ndarray) -> None:
        flat[flat == 3] = 4

    assert not verdict_on(case, among_equals).bad
    assert verdict_on(case, beside).kind == "proved"


def test_a_pooled_index_is_judged_in_its_own_image() -> None:
    case = make_case(
        "v0, v1 = torch.nn.functional.max_pool1d(x0, 2, return_indices=True); return v0, v1",
        {"x0": "float32[2, 1, 4]"},
        {"x0": values(1, 2, 5, 4, 3, 3, 8, 9)},
    )

    def moved(at: int):  # type: ignore[no-untyped-def]
        def change(flat: np.ndarray) -> None:
            flat[at] ^= 1

        return change

    assert verdict_on(case, moved(0), 1).kind == "proved"
    assert not verdict_on(case, moved(2), 1).bad
    assert verdict_on(case, moved(3), 1).kind == "proved"


def test_values_of_integers_are_no_indices() -> None:
    case = make_case("v0, v1 = torch.cummax(x0, 0); return v0, v1", {"x0": "int32[4]"}, {"x0": values(3, 1, 3, 4)})
    reference = evaluate(case)
    assert reference.values[0].exact

    def larger(flat: np.ndarray) -> None:
        flat[1] += 1

    assert verdict_on(case, larger, 0).kind == "proved"


def test_a_solution_of_least_squares_is_judged() -> None:
    case = make_case(
        "v0, v1, v2, v3 = torch.linalg.lstsq(x0, x1); return (v0,)", {"x0": "float32[5, 3]", "x1": "float32[5, 2]"}
    )

    def swap(flat: np.ndarray) -> None:
        flat[:2] = flat[1::-1].copy()

    assert verdict_on(case, swap).bad


def test_a_solution_that_is_not_unique_is_left_open() -> None:
    case = make_case(
        "v0, v1, v2, v3 = torch.linalg.lstsq(x0, x1, driver='gelsd'); return (v0,)",
        {"x0": "float32[3, 2]", "x1": "float32[3, 1]"},
        {"x0": values(1, 1, 2, 2, 3, 3)},
    )

    def other(flat: np.ndarray) -> None:
        flat[0] += 1
        flat[1] -= 1

    assert not verdict_on(case, other).bad
