"""Bit-for-bit agreement: what it takes for right is right by the whole judge too, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from misfold.oracles.agreement import agreement
from misfold.oracles.judge import judge
from misfold.oracles.reference import evaluate
from misfold.programs.case import Case, parse_case
from misfold.programs.parser import parse_graph
from misfold.targets.eager import Eager
from misfold.targets.outcome import Outcome, TensorValue
from misfold.targets.running import run_case

CASE = parse_case(
    """# misfold case, version 1

def program(x0: "float32[2, 3]", x1: "int64[3]"):
    v0: "float32[2, 3]" = torch.exp(x0)
    v1: "int64[3]" = x1.mul_(2)
    v2: "float32[3, 2]" = torch.transpose(x0, 0, 1)
    return (v0, v1, v2)

INPUTS = {
    "x0": {"draw": "normal", "seed": 1},
    "x1": {"draw": "integers", "seed": 2, "low": -4, "high": 4},
}
"""
)


@pytest.fixture(scope="module")
def eager():
    outcome = run_case(Eager(), CASE)
    assert outcome.kind == "values", outcome.failure
    return outcome


def changed(outcome: Outcome, index: int, **fields) -> Outcome:
    values = list(outcome.values)
    values[index] = replace(values[index], **fields)
    return replace(outcome, values=tuple(values))


def flipped(data: bytes, place: int = 0) -> bytes:
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def test_eager_agrees_with_itself_and_the_judge_agrees(eager):
    verdict = agreement(CASE, eager, eager, aliases=True)
    assert verdict is not None and verdict.kind == "ok"
    assert judge(CASE, eager, evaluate(CASE, eager), eager, aliases=True).kind == "ok"


@pytest.mark.parametrize("index", [0, 1, 2])
def test_one_bit_of_an_output_is_for_the_reference_to_judge(eager, index):
    other = changed(eager, index, data=flipped(eager.values[index].data))
    assert agreement(CASE, eager, other, aliases=True) is None


def test_what_is_written_to_an_input_counts_where_the_target_promises_it(eager):
    written = next(index for index, value in enumerate(eager.mutated) if value is not None)
    mutated = list(eager.mutated)
    mutated[written] = replace(mutated[written], data=flipped(mutated[written].data))
    other = replace(eager, mutated=tuple(mutated))
    assert agreement(CASE, eager, other, aliases=True) is None
    assert agreement(CASE, eager, other, aliases=False) is not None
    lost = replace(eager, mutated=tuple(None for _ in eager.mutated))
    assert agreement(CASE, eager, lost, aliases=True) is None


@pytest.mark.parametrize(
    "other",
    [
        lambda eager: changed(eager, 0, dtype="int32"),
        lambda eager: changed(eager, 0, shape=(3, 2)),
        lambda eager: changed(eager, 2, alias=None),
        lambda eager: replace(eager, values=eager.values[:-1]),
        lambda eager: replace(eager, facts={**eager.facts, "stable": False}),
        lambda eager: replace(eager, kind="crash"),
    ],
    ids=["dtype", "shape", "a view that is none", "an output less", "unstable", "no values"],
)
def test_what_differs_besides_bits_never_agrees(eager, other):
    assert agreement(CASE, eager, other(eager), aliases=True) is None


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "bfloat16"])
def test_every_nan_is_the_same_and_zeros_are_not(eager, dtype):
    def outcome(*bits):
        width = {"float16": 2, "bfloat16": 2, "float32": 4, "float64": 8}[dtype]
        data = np.array(bits, f"u{width}").tobytes()
        return replace(eager, values=(TensorValue(dtype, (len(bits),), data, (1,)),), mutated=())

    quiet = {"float16": 0x7E00, "bfloat16": 0x7FC0, "float32": 0x7FC00000, "float64": 0x7FF8 << 48}[dtype]
    sign = {"float16": 15, "bfloat16": 15, "float32": 31, "float64": 63}[dtype]
    one = Case(
        parse_graph(f'def program(x0: "{dtype}[2]"):\n    v0: "{dtype}[2]" = torch.neg(x0)\n    return (v0,)\n'),
        {"x0": {"draw": "normal", "seed": 0}},
    )
    assert agreement(one, outcome(quiet, 5), outcome(quiet + 1, 5), aliases=False) is not None
    assert agreement(one, outcome(quiet, 5), outcome(quiet, 6), aliases=False) is None
    assert agreement(one, outcome(0, 5), outcome(1 << sign, 5), aliases=False) is None
