"""Bounds of single operators: what is exact, what is decided, and what is not."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from misfold.oracles.bounds.analysis import analyse
from misfold.oracles.bounds.rules import RULES
from misfold.programs.parser import parse_graph

from .checking import analysed

RANDOM = torch.Generator().manual_seed(5)
X = torch.randn(4, 6, generator=RANDOM)
WHOLE = torch.randint(-4, 5, (4, 6), generator=RANDOM).float()


@pytest.mark.parametrize(
    "body",
    [
        "v0 = torch.transpose(x0, 0, 1)", "v0 = torch.cat([x0, x0], 1)", "v0 = torch.flip(x0, [1])",
        "v0 = torch.relu(x0)", "v0 = torch.neg(x0)", "v0 = torch.amax(x0, 1)", "v0 = x0[1:, ::2]",
        "v0 = torch.tril(x0)", "v0 = x0.to(torch.float64)", "v0 = torch.gt(x0, 0.5)", "v0 = torch.argmax(x0, 1)",
        "v0 = torch.floor(x0)", "v0 = torch.mul(x0, 2.0)",
    ],
)  # fmt: skip
def test_what_does_not_round_is_exact(body: str) -> None:
    _, error, lost = analysed(body, [X])
    assert lost is None
    assert (error == 0).all()


@pytest.mark.parametrize(
    "body",
    [
        "v0 = torch.sum(x0, 1)", "v0 = torch.cumsum(x0, 1)",
        "v0 = torch.mul(x0, x0)", "v0 = torch.prod(x0, 1)", "v0 = torch.div(x0, 4.0)",
    ],
)  # fmt: skip
def test_small_whole_numbers_are_exact(body: str) -> None:
    assert (analysed(body, [WHOLE])[1] == 0).all()


def test_rounded_elements_decide_a_comparison_only_where_they_are_far_apart() -> None:
    x = torch.tensor([3.0, 3.0, 3.0])
    y = torch.tensor([0.3, 0.4, 0.2])
    _, error, _ = analysed("v0 = torch.mul(x0, 0.1); v1 = torch.gt(v0, x1)", [x, y])
    assert error.tolist() == [np.inf, 0.0, 0.0]


def test_near_ties_leave_an_index_open() -> None:
    x = torch.tensor([[1.0, 1.0, 0.0], [1.0, 2.0, 0.0]])
    _, error, _ = analysed("v0 = torch.softmax(x0, 1); v1 = torch.argmax(v0, 1)", [x])
    assert error.tolist() == [np.inf, 0.0]


def test_masked_attention_scores_stay_known() -> None:
    mask = torch.ones(4, 6, dtype=torch.bool).tril()
    body = "v0 = x0.mul(0.3); v1 = torch.masked_fill(v0, x1, float('-inf')); v2 = torch.softmax(v1, 1)"
    value, error, lost = analysed(body.replace("float('-inf')", "-1e30"), [X, ~mask])
    assert lost is None
    assert np.isfinite(error).all()
    assert (np.abs(value - torch.softmax((X * 0.3).masked_fill(~mask, -1e30), 1).numpy()) <= error).all()


def test_overflow_is_unknown_rather_than_infinite() -> None:
    _, error, _ = analysed("v0 = torch.exp(x0)", [torch.tensor([1.0, 89.0])])
    assert np.isfinite(error[0])
    assert np.isinf(error[1])


def test_denormals_may_be_flushed() -> None:
    tiny = torch.tensor([1e-40])
    _, error, _ = analysed("v0 = torch.mul(x0, 1.0)", [tiny])
    assert error[0] >= 1e-40


def test_float16_may_be_accumulated_in_float16() -> None:
    x = torch.full((1, 200), 0.1, dtype=torch.float16)
    value, error, _ = analysed("v0 = torch.sum(x0, 1)", [x])
    held = np.float16(0)
    for item in x[0].numpy():
        held = np.float16(held + item)
    assert abs(float(held) - value[0]) <= error[0]


def test_a_negative_divisor_turns_the_sign_and_leaves_the_bound() -> None:
    x = torch.randn(1, 1, 4, 4, generator=RANDOM)
    body = "v0 = torch.nn.functional.avg_pool2d(x0, (2, 2), (), (0,), False, True, -3)"
    value, error, _ = analysed(body, [x])
    eager = torch.nn.functional.avg_pool2d(x, (2, 2), (), (0,), False, True, -3)
    assert (error > 0).all()
    assert (np.abs(eager.numpy() - value) <= error).all()


def test_writes_through_views_are_followed() -> None:
    graph = parse_graph(
        'def program(x0: "float32[3, 4]", x1: "float32[4]"):\n'
        "    v0 = torch.mul(x0, 0.1)\n"
        "    v1 = v0[1]\n"
        "    v2 = v1.copy_(x1)\n"
        "    v3 = x0.add_(1.0)\n"
        "    return v0, v3\n"
    )
    x, y = torch.randn(3, 4, generator=RANDOM), torch.randn(4, generator=RANDOM)
    wanted = x.clone() + 1
    found = analyse(graph, [x, y]).values
    error = found["v0"].error
    assert error is not None
    assert bool((error[1] == 0).all()) and bool((error[0] > 0).all())
    assert torch.equal(found["v0"].value[1], y.double())
    assert bool(((found["x0"].value - wanted.double()).abs() <= found["x0"].error).all())  # type: ignore[operator]


def test_running_statistics_are_not_taken_for_what_they_were() -> None:
    graph = parse_graph(
        'def program(x0: "float32[3, 2]", x1: "float32[2]", x2: "float32[2]"):\n'
        "    v0 = torch.nn.functional.batch_norm(x0, x1, x2, training=True)\n"
        "    return (v0,)\n"
    )
    found = analyse(graph, [torch.randn(3, 2, generator=RANDOM), torch.zeros(2), torch.ones(2)]).values
    assert found["x1"].lost is not None
    assert found["v0"].lost is None


def test_what_has_no_rule_says_so_and_spoils_what_depends_on_it() -> None:
    graph = parse_graph(
        'def program(x0: "float32[3, 3]"):\n'
        "    v0 = torch.linalg.inv(x0)\n    v1 = torch.mul(v0, 2.0)\n    v2 = torch.mul(x0, 3.3)\n    return v1, v2\n"
    )
    result = analyse(graph, [torch.eye(3)])
    assert "linalg_inv_ex" in (result.values["v1"].lost or "")
    assert result.values["v2"].lost is None
    assert result.missing == {"linalg_inv_ex"}


def test_there_are_rules_for_every_family() -> None:
    assert len(RULES) > 300
