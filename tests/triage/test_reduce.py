"""Reduction and surgery on graphs: smaller, still valid, still failing."""

from __future__ import annotations

import itertools

import pytest

from misfold.programs.case import Case, parse_case
from misfold.programs.errors import GraphError
from misfold.targets.eager import Eager
from misfold.targets.outcome import TensorValue
from misfold.targets.running import run_case
from misfold.triage.reduce import capture
from misfold.triage.reduce.cuts import keep_nodes, keep_returns, live_nodes
from misfold.triage.reduce.driver import reduce_case

CASE = parse_case(
    """# misfold case, version 1
def program(x0: "float32[2, 3]", x1: "float32[3]", x2: "bfloat16[2]"):
    v0: "float32[2, 3]" = torch.add(x0, x1)
    v1: "float32[2, 3]" = torch.exp(v0)
    v2: "float32[3, 2]" = v1.t()
    v3: "float32[3, 2]" = v2.add_(1.0)
    v4: "float32[3]" = torch.sum(v3, 1)
    v5: "bfloat16[2]" = torch.mul(x2, x2)
    v6: "float32[3]" = torch.relu(v4)
    return v6, v5, v1
INPUTS = {
    "x0": {"draw": "normal", "seed": 1},
    "x1": {"draw": "normal", "seed": 2},
    "x2": {"draw": "normal", "seed": 3},
}
"""
)


def captured(case: Case) -> dict[str, TensorValue]:
    raw = capture.serve({"case": case.text})["values"]
    return {name: TensorValue(**value) for name, value in raw.items()}


def test_writers_of_memory_that_is_read_are_live() -> None:
    assert live_nodes(CASE.graph, ["v5"]) == [5]
    assert live_nodes(CASE.graph, ["v4"]) == [0, 1, 2, 3, 4]
    assert keep_returns(CASE, {"v5"}).graph.operators == ("torch.mul",)


def test_cut_cases_run_and_give_the_same_values() -> None:
    whole = run_case(Eager(), CASE)
    tail = keep_nodes(CASE, [4, 6], captured(CASE))
    assert [value.name for value in tail.graph.inputs] == ["v3"]
    part = run_case(Eager(), tail)
    assert part.values[0].data == whole.values[0].data


def test_nothing_left_is_an_error_not_an_empty_case() -> None:
    with pytest.raises(GraphError):
        keep_nodes(CASE, [], {})


@pytest.mark.parametrize("op", ["torch.exp", "torch.Tensor.add_", "torch.sum", "torch.relu", "torch.mul"])
def test_one_operator_that_fails_is_found_alone(op: str) -> None:
    tests = itertools.count()

    def fails(case: Case) -> bool:
        next(tests)
        return run_case(Eager(), case).kind == "values" and op in case.graph.operators

    reduced = reduce_case(CASE, fails, captured, budget=400)
    assert reduced.graph.operators == (op,)
    assert next(tests) <= 400
    assert all(recipe["draw"] == "constant" for recipe in reduced.recipes.values())


def test_a_pair_that_fails_only_together_is_kept() -> None:
    def fails(case: Case) -> bool:
        return {"torch.exp", "torch.sum"} <= set(case.graph.operators)

    reduced = reduce_case(CASE, fails, captured, budget=400)
    assert set(reduced.graph.operators) == {"torch.exp", "torch.sum"}


def test_the_budget_is_kept() -> None:
    count = itertools.count()

    def fails(case: Case) -> bool:
        return next(count) < 0

    assert reduce_case(CASE, fails, captured, budget=5) == CASE
    assert next(count) == 5
