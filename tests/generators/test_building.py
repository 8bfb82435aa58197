"""Values under construction: what is known of their elements."""

from __future__ import annotations

from math import ceil, floor
from random import Random

import pytest
import torch

from misfold.generators.adapting import Adapter, within
from misfold.generators.building import Builder, Live
from misfold.generators.calling import TORCH_DTYPES, type_of
from misfold.programs.arguments import Ref
from misfold.programs.bounds import Bounds
from misfold.programs.dtypes import DTYPES
from misfold.programs.operators import operator_names
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


@pytest.mark.parametrize("low, high", [(-2.0, 2.0), (0.0, 9.0), (0.5, 9.0), (0.25, 1.0), (-9.0, 0.5)])
@pytest.mark.parametrize("dtype", ["float32", "int64"])
def test_a_value_is_restricted_by_one_call_whichever_end_is_outside(dtype, low, high):
    for seed in range(12):
        builder = Builder(Bounds())
        kind = TensorType.of(dtype, (7,))
        live = builder.add_input(kind, {"draw": "integers", "low": -4 + seed // 2, "high": 4 + seed, "seed": seed})
        domain = {"draw": "integers", "low": ceil(low), "high": floor(high)} if dtype == "int64" else {
            "draw": "uniform", "low": low, "high": high
        }  # fmt: skip
        adapter = Adapter(builder, Random(seed), operator_names(), 1)
        narrowed = adapter.restrict(live, domain)
        assert narrowed is not None and len(builder.nodes) == (narrowed is not live)
        if builder.nodes and builder.nodes[0].op.rpartition(".")[2] not in ("sin", "cos", "tanh", "erf", "softsign"):
            assert within(narrowed, domain) or builder.nodes[0].op.rpartition(".")[2] in ("sigmoid", "expit")


def test_adapting_keeps_to_the_calls_that_are_allowed():
    builder = Builder(Bounds())
    live = builder.add_input(TensorType.of("int32", (3,)), {"draw": "integers", "low": 1, "high": 5, "seed": 0})
    calls = frozenset({"torch.Tensor.to(int32)", "torch.sin(float32)", "torch.Tensor.double"})
    allowed = frozenset({"torch.Tensor.to", "torch.sin", "torch.Tensor.double", "torch.Tensor.half"})
    adapter = Adapter(builder, Random(0), allowed, 50, calls)
    assert adapter.may("torch.Tensor.double", live) and adapter.may("torch.Tensor.to", live)
    assert not adapter.may("torch.sin", live) and not adapter.may("torch.Tensor.half", live)
    for _ in range(20):
        for dtype in ("float32", "float64", "float16"):
            made = adapter.cast(live, DTYPES[dtype])
            assert made is None or made.type.dtype.name == dtype
    # Conversion to the type of another value takes two tensors, of types that are not among the calls.
    used = {(node.op, len(node.uses)) for node in builder.nodes}
    assert used == {("torch.Tensor.to", 1), ("torch.Tensor.double", 1)}


@pytest.mark.parametrize("name", ["uint16", "uint32", "uint64"])
def test_a_wide_unsigned_value_is_restricted_to_a_domain_or_refused(name):
    builder = Builder(Bounds())
    live = builder.add_input(TensorType.of(name, (3,)), {"draw": "integers", "low": 1, "high": 5, "seed": 0})
    adapter = Adapter(builder, Random(0), frozenset({"torch.Tensor.clamp", "torch.Tensor.remainder"}), 2)
    assert adapter.restrict(live, {"draw": "integers", "low": 0, "high": 9}) is live
    narrowed = adapter.restrict(live, {"draw": "integers", "low": 0, "high": 0})
    # torch may have no such operator for the type; then there is no value, and no error either.
    assert narrowed is None or narrowed.range() == (0, 0)


def test_what_python_refuses_by_arithmetic_is_refused():
    builder = Builder(Bounds())
    live = builder.add_input(TensorType.of("float32", (2, 4)), {"draw": "normal", "seed": 0})
    assert builder.apply("torch.nn.functional.group_norm", [Ref(live.name), 0], {}) is None
    assert builder.apply("torch.nn.functional.group_norm", [Ref(live.name), 2], {}) is not None
