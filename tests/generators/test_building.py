"""Values under construction: what is known of their elements."""

from __future__ import annotations

from random import Random

import pytest
import torch

from misfold.generators.adapting import Adapter
from misfold.generators.building import Builder, Live
from misfold.generators.calling import TORCH_DTYPES, type_of
from misfold.programs.bounds import Bounds
from misfold.programs.types import TensorType


@pytest.mark.parametrize("name", TORCH_DTYPES)
def test_the_range_of_every_element_type_can_be_asked_for(name):
    tensor = torch.tensor([1, 0, 1]).to(TORCH_DTYPES[name])
    assert Live("x1", tensor, type_of(tensor)).range() == (0, 1)


def test_the_range_of_unsigned_values_is_theirs_in_any_layout():
    tensor = torch.tensor([[2**32 - 1, 7], [9, 8]], dtype=torch.int64).to(torch.uint32)
    assert Live("x1", tensor, type_of(tensor)).range() == (7, 2**32 - 1)
    stepped = tensor[:, 1:]
    assert Live("x1", stepped, type_of(stepped)).range() == (7, 8)


@pytest.mark.parametrize("name", ["uint16", "uint32", "uint64"])
def test_a_wide_unsigned_value_is_restricted_to_a_domain_or_refused(name):
    builder = Builder(Bounds())
    live = builder.add_input(TensorType.of(name, (3,)), {"draw": "integers", "low": 1, "high": 5, "seed": 0})
    adapter = Adapter(builder, Random(0), frozenset({"torch.Tensor.clamp", "torch.Tensor.remainder"}), 2)
    assert adapter.restrict(live, {"draw": "integers", "low": 0, "high": 9}) is live
    narrowed = adapter.restrict(live, {"draw": "integers", "low": 0, "high": 0})
    # torch may have no such operator for the type; then there is no value, and no error either.
    assert narrowed is None or narrowed.range() == (0, 0)
