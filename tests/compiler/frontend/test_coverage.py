"""PyTorch's own samples of its operators: none may come out wrong."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest
import torch

from .checking import compiled, evaluated
from .coverage import DTYPES, Entry, entries, in_children, markdown


def test_table():
    found = [
        Entry("add", torch.float32, 3, [], []),
        Entry("add", torch.int64, 2, ["aten.add.Tensor: no | here"], []),
        Entry("nonzero", torch.float32, 0, ["depends on data", "depends on data"], []),
    ]
    assert markdown(found).splitlines()[2:] == [
        "| add | yes |  | 2/3 |  | aten.add.Tensor: no \\| here |",
        "| nonzero | no |  |  |  | depends on data |",
    ]


def test_a_crash_is_a_fault_of_its_operator():
    def crashing(graph: Any, arrays: Any) -> Any:
        os.kill(os.getpid(), signal.SIGKILL)

    found = list(in_children(["add"], 1, crashing))
    assert [(one.operator, one.passed, one.faults) for one in found] == [
        ("add", 0, ["the process died: status 9"])
    ] * len(DTYPES)


def test_a_few_operators_compiled():
    found = list(in_children(["add", "cumsum"], 2, compiled))
    assert [one.operator for one in found] == ["add"] * 4 + ["cumsum"] * 3
    assert all(one.passed == 2 and not one.reasons and not one.faults for one in found)


def test_what_differs_is_wrong():
    def zeros(graph: Any, arrays: Any) -> Any:
        return [one * 0 for one in evaluated(graph, arrays)]

    (found,) = entries(["exp"], 1, [torch.float32], zeros)
    assert found.passed == 0 and len(found.faults) == 1


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("compute", [evaluated, compiled])
def test_no_sample_is_wrong(compute):
    found = list(in_children((), 3, compute))
    assert len(found) > 1500
    assert {(one.operator, one.dtype): one.faults for one in found if one.faults} == {}
    assert sum(not one.reasons for one in found) > 0.7 * len(found)
