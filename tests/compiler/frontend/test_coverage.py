"""PyTorch's own samples of its operators: none may come out wrong."""

from __future__ import annotations

import pytest
import torch

from .coverage import Entry, entries, markdown


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


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_no_sample_is_wrong():
    found = list(entries(samples=3))
    assert len(found) > 1500
    assert {(one.operator, one.dtype): one.faults for one in found if one.faults} == {}
    assert sum(not one.reasons for one in found) > 0.7 * len(found)
