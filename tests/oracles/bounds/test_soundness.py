"""Honest evaluations stay inside the bounds, whatever their order, blocking, formula and precision."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from misfold.oracles.honesty import FAMILIES

from .checking import analysed

SCALES = (1e-3, 0.3, 1.0, 8.0)


def made(name: str, seed: int, kind: type, scale: float, shift: float) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    return [(random.normal(size=shape) * scale + shift).astype(kind) for shape in FAMILIES[name].shapes]


@pytest.mark.parametrize("name", FAMILIES)
@settings(max_examples=25, deadline=None, derandomize=True, database=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    kind=st.sampled_from([np.float32, np.float32, np.float16]),
    scale=st.sampled_from(SCALES),
    shift=st.sampled_from([0.0, 0.0, 1.0, -3.0]),
)
def test_honest_evaluations_stay_inside(name: str, seed: int, kind: type, scale: float, shift: float) -> None:
    inputs = made(name, seed, kind, scale, shift)
    value, error, lost = analysed(FAMILIES[name].body, [torch.from_numpy(item) for item in inputs])
    known = np.isfinite(error)
    with np.errstate(all="ignore"):
        for honest, result in FAMILIES[name].evaluate(inputs, np.random.default_rng(seed), kind):
            wrong = known & ~(np.abs(result.astype(np.float64) - value) <= error)
            assert not wrong.any(), (honest, lost, result[wrong][:3], value[wrong][:3], error[wrong][:3])


@pytest.mark.parametrize("name", FAMILIES)
def test_float32_is_bounded_where_nothing_is_odd(name: str) -> None:
    inputs = made(name, 7, np.float32, 1.0, 0.0)
    value, error, lost = analysed(FAMILIES[name].body, [torch.from_numpy(item) for item in inputs])
    assert lost is None
    # Far above rounding, far below the values: a bound that says something.
    assert np.isfinite(error).all()
    assert float(np.median(error / np.maximum(np.abs(value), 1e-2))) < 1e-4


def test_a_wrong_evaluation_is_outside() -> None:
    inputs = made("sum", 3, np.float32, 1.0, 0.0)
    value, error, _ = analysed(FAMILIES["sum"].body, [torch.from_numpy(item) for item in inputs])
    short = inputs[0][:, :-1].sum(-1)
    assert (np.abs(short - value) > error).all()
