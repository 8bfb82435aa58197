"""What eager refuses, compiled programs refuse too: they give no answer, and do not die."""

from __future__ import annotations

import pytest
import torch

from misfold.compiler.errors import AssertionFailed

from .through_dynamo import compiled


def ints(*items: int, dtype: torch.dtype = torch.int64) -> torch.Tensor:
    return torch.tensor(items, dtype=dtype)


DIVISIONS = {
    "remainder": torch.remainder,
    "fmod": torch.fmod,
    "floor": torch.floor_divide,
    "truncated": lambda a, b: torch.div(a, b, rounding_mode="trunc"),
}


@pytest.mark.parametrize("name", DIVISIONS)
def test_integers_by_zero(fresh, name):
    function = DIVISIONS[name]
    run = compiled(function)
    x, good, bad = ints(7, -8, 9), ints(1, 3, -2), ints(1, 0, -2)
    assert torch.equal(run(x, good), function(x, good))
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        run(x, bad)
    assert torch.equal(run(x, good), function(x, good))
    halves = x.to(torch.float32), bad.to(torch.float32)
    assert torch.equal(torch.nan_to_num(run(*halves)), torch.nan_to_num(function(*halves)))


def test_by_the_number_zero_and_nothing_at_all(fresh):
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        compiled(lambda x: x % 0)(ints(1))
    assert compiled(lambda a, b: torch.fmod(a[:0], b))(ints(1), ints(0)).numel() == 0


REFUSED = {
    "a matrix of another type": (lambda a: a @ a.to(torch.float64), torch.ones(2, 2)),
    "a vector of another type": (lambda a: a @ ints(1, 2).to(torch.int32), torch.ones(2, 2)),
    "no such dimension": (lambda a: torch.softmax(a, 5), torch.ones(3)),
    "an index of int16": (lambda a: torch.index_select(a, 0, ints(0, dtype=torch.int16)), torch.ones(3)),
    "an index that is no vector": (lambda a: torch.index_select(a, 0, ints(0).reshape(1, 1)), torch.ones(3)),
    "an index beyond a number": (lambda a: torch.index_select(a, 0, ints(1)), torch.tensor(1.0)),
    "an unknown side": (lambda a: torch.searchsorted(a, 1.0, side="between"), torch.ones(3)),
    "opposite sides": (lambda a: torch.searchsorted(a, 1.0, side="left", right=True), torch.ones(3)),
    "a sorter of floats": (lambda a: torch.searchsorted(a, a, sorter=a), torch.zeros(3)),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_eager_refuses_is_refused(fresh, name):
    function, operand = REFUSED[name]
    for call in (function, compiled(function)):
        with pytest.raises((RuntimeError, IndexError, ValueError, AssertionFailed)):
            call(operand)
