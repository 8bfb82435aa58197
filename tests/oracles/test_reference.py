"""The reference: float64 values, spreads that measure conditioning, and their form as bytes."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import pytest
import torch

from misfold.oracles.reference import Reference, evaluate
from misfold.targets.eager import Eager
from misfold.targets.running import run_case
from misfold.targets.torch_values import make_inputs

from .programs import HARD, integers, make_case, values

_GRADIENT = {"draw": "normal", "seed": 3, "requires_grad": True}


@pytest.mark.parametrize("name", HARD)
def test_is_the_same_after_packing(name: str) -> None:
    reference = evaluate(HARD[name])
    assert reference.valid
    assert Reference.unpack(reference.pack()) == reference


@pytest.mark.parametrize("name", HARD)
def test_plain_data_is_that_of_the_fields(name: str) -> None:
    for item in (evaluate(HARD[name]), run_case(Eager(), HARD[name])):
        data = item.to_data()
        assert data == asdict(item)
        assert type(item).from_data(data) == item


@pytest.mark.parametrize("name", HARD)
def test_inputs_drawn_before_serve_eager_and_then_the_reference(name: str) -> None:
    case = HARD[name]
    inputs = make_inputs(case)
    eager = run_case(Eager(), case, inputs=inputs)
    assert replace(eager, seconds={}) == replace(run_case(Eager(), case), seconds={})
    assert all(torch.equal(one, two) for one, two in zip(inputs, make_inputs(case), strict=True))
    assert evaluate(case, eager, inputs) == evaluate(case, eager)


@pytest.mark.parametrize("data", [b"", b"\x80", b"\x93\x01\x02\x03", b"\xc1 nonsense"])
def test_other_bytes_are_no_reference(data: bytes) -> None:
    with pytest.raises(ValueError):
        Reference.unpack(data)


def test_is_deterministic() -> None:
    case = HARD["bfloat16 chain"]
    assert evaluate(case) == evaluate(case)


def test_a_program_that_eager_rejects_is_not_valid() -> None:
    case = make_case("v0 = torch.matmul(x0, x1); return (v0,)", {"x0": "float32[2, 3]", "x1": "float32[2, 3]"})
    reference = evaluate(case)
    assert not reference.valid
    assert reference.reason is not None
    assert "torch.matmul" in reference.reason


def test_float64_values_are_those_of_exact_inputs() -> None:
    case = make_case("v0 = torch.exp(x0); return (v0,)", {"x0": "float16[4]"}, {"x0": values(0.0, 1.0, 2.0, 3.0)})
    found = evaluate(case).values[0].values()
    assert np.allclose(found, np.exp([0.0, 1.0, 2.0, 3.0]), rtol=1e-15)


def test_roundings_that_the_program_asks_for_do_not_hide_in_the_reference() -> None:
    case = make_case("v0 = x0.half(); v1 = v0.float(); return (v1,)", {"x0": "float32[1]"}, {"x0": values(1.0002)})
    found = evaluate(case).values[0]
    assert found.values()[0] == float(np.float32(1.0002))
    # ... but count as possible errors: half an ulp of float16 is 2^-11
    assert 2.0**-11 <= found.spreads()[0] <= 2.0**-9


def test_the_spread_follows_the_type() -> None:
    def spread(dtype: str) -> float:
        case = make_case("v0 = torch.exp(x0); return (v0,)", {"x0": f"{dtype}[50]"})
        found = evaluate(case).values[0]
        return float(np.median(found.spreads() / np.abs(found.values())))

    assert 2.0**-24 < spread("float32") < 2.0**-20
    assert 2.0**-8 < spread("bfloat16") < 2.0**-4


def test_the_spread_follows_the_conditioning() -> None:
    def spread(shift: float) -> float:
        case = make_case(
            "v0 = torch.mean(x0, 1, True); v1 = torch.sub(x0, v0); return (v1,)",
            {"x0": "float32[6, 40]"},
            {"x0": {"draw": "normal", "seed": 1, "shift": shift}},
        )
        return float(np.median(evaluate(case).values[0].spreads()))

    assert spread(10_000.0) > 100 * spread(1.0)


def test_steps_are_decided_except_at_the_threshold() -> None:
    case = make_case(
        "v0 = torch.div(x0, 3.0); v1 = torch.floor(v0); v2 = v1.to(torch.int32); return (v2,)",
        {"x0": "float32[6]"},
        {"x0": values(1, 2, 3, 4, 6, 7)},
    )
    assert evaluate(case).values[0].mask().tolist() == [True, True, False, True, False, True]


def test_equality_is_decided_except_near_it() -> None:
    case = make_case(
        "v0 = torch.mul(x0, 0.1); v1 = torch.eq(v0, x1); return (v1,)",
        {"x0": "float32[3]", "x1": "float32[3]"},
        {"x0": values(3, 5, 7), "x1": values(0.3, 0.6, 0.7)},
    )
    assert evaluate(case).values[0].mask().tolist() == [False, True, False]


def test_given_values_on_a_threshold_are_decided() -> None:
    case = make_case(
        "v0 = torch.floor(x0); v1 = v0.to(torch.int32); return (v1,)", {"x0": "float32[3]"}, {"x0": values(1, 2, 2.5)}
    )
    assert evaluate(case).values[0].exact


def test_a_flip_spreads_to_what_depends_on_it() -> None:
    case = make_case(
        "v0 = torch.div(x0, 3.0); v1 = torch.floor(v0); v2 = torch.mul(v1, 10.0); return (v2,)",
        {"x0": "float32[2]"},
        {"x0": values(3, 4)},
    )
    spread = evaluate(case).values[0].spreads()
    assert spread[0] >= 10.0
    assert spread[1] < 1e-3


def test_infinity_that_rounding_may_avoid_is_undecided() -> None:
    case = make_case(
        "v0 = torch.mul(x0, 0.1); v1 = torch.sub(v0, x1); v2 = torch.log(v1); return (v2,)",
        {"x0": "float32[2]", "x1": "float32[2]"},
        {"x0": values(3, 9), "x1": values(0.3, 0.3)},
    )
    spread = evaluate(case).values[0].spreads()
    assert np.isinf(spread[0])
    assert np.isfinite(spread[1])


def test_writes_in_place_reach_every_name_of_the_memory() -> None:
    case = make_case(
        "v0 = x0[:, 1]; v1 = v0.mul_(2.0); v2 = torch.sum(x0, 1); return v2, v1",
        {"x0": "float32[2, 3]"},
        {"x0": integers(1, 5)},
    )
    eager = run_case(Eager(), case)
    reference = evaluate(case, eager)
    assert reference.values[0].exact
    assert [item is not None for item in reference.mutated] == [True]


def test_gradients_have_float64_values() -> None:
    case = make_case("v0 = torch.mul(x0, x0); return (v0,)", {"x0": "float32[3]"}, {"x0": {**_GRADIENT}})
    reference = evaluate(case)
    (gradient,) = reference.gradients
    assert gradient is not None
    squares = evaluate(case).values[0].values()
    # d(x²) with cotangents 1, 2, -1
    assert np.allclose(np.abs(gradient.values()), 2 * np.sqrt(squares) * [1, 2, 1], rtol=1e-12)


def test_gradients_at_an_inexact_kink_are_not_judged() -> None:
    case = make_case(
        "v0 = torch.mul(x0, 0.1); v1 = torch.sub(v0, x1); v2 = torch.relu(v1); return (v2,)",
        {"x0": "float32[2]", "x1": "float32[2]"},
        {"x0": values(3, 9, requires_grad=True), "x1": values(0.3, 0.3)},
    )
    (gradient,) = evaluate(case).gradients
    assert gradient is not None
    assert gradient.spreads()[0] > 0.05
    assert gradient.spreads()[1] < 1e-5


def test_what_eager_repeats_differently_is_not_exact() -> None:
    case = make_case("v0 = torch.add(x0, 1); return (v0,)", {"x0": "int32[3]"})
    eager = run_case(Eager(), case)
    other = run_case(Eager(), case.with_seed(5))
    assert evaluate(case, eager).values[0].exact
    assert evaluate(case, other).values[0].reason == "eager differs from run to run"
