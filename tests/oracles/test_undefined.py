"""Calls whose result nothing defines are recognised by their operands, and their defined neighbours are judged."""

from __future__ import annotations

import pytest
import torch

from misfold.oracles.undefined import undefined
from misfold.programs.parser import parse_graph

LOW = -(2**31)


def why(call: str, result: torch.dtype = torch.float32, **values: torch.Tensor) -> str | None:
    signature = ", ".join(f'{name}: "float32[1]"' for name in values)
    (node,) = parse_graph(f"def program({signature}):\n    v0 = {call}\n    return (v0,)\n").nodes
    return undefined(node, values, [torch.zeros(1, dtype=result)])


def ints(*items: int) -> torch.Tensor:
    return torch.tensor(items, dtype=torch.int32)


@pytest.mark.parametrize(
    ("call", "bad", "good"),
    [
        ("x.to(torch.int8)", {"x": torch.tensor([128.0])}, {"x": torch.tensor([-128.9, 126.9])}),
        ("torch.fmod(x, -1)", {"x": ints(LOW)}, {"x": ints(LOW + 1)}),
        ("torch.floor_divide(x, y)", {"x": ints(LOW), "y": ints(-1)}, {"x": ints(LOW), "y": ints(2)}),
        ("torch.neg(x)", {"x": ints(LOW)}, {"x": ints(LOW + 1)}),
        ("torch.bitwise_left_shift(x, y)", {"x": ints(1), "y": ints(32)}, {"x": ints(1), "y": ints(31)}),
        ("torch.bitwise_right_shift(x, y)", {"x": ints(1), "y": ints(-1)}, {"x": ints(1), "y": ints(0)}),
        ("torch.pow(x, y)", {"x": ints(2), "y": ints(-1)}, {"x": ints(-2), "y": ints(1)}),
        ("torch.unravel_index(x, (2, 3))", {"x": ints(0, 6)}, {"x": ints(0, 5)}),
        ("torch.unravel_index(x, 4)", {"x": ints(-1)}, {"x": ints(3)}),
        (
            "torch.nn.functional.scaled_dot_product_attention(x, y, z)",
            {"x": torch.zeros(1, 1), "y": torch.zeros(1, 1), "z": torch.zeros(3, 0)},
            {"x": torch.zeros(1, 1), "y": torch.zeros(3, 1), "z": torch.zeros(3, 0)},
        ),
        ("torch.unique(x, sorted=False)", {"x": ints(3, 0)}, {"x": ints(3)}),
        ("x.unique(False)", {"x": ints(3, 0)}, {"x": ints(3)}),
        (
            "torch.nn.functional.embedding_bag(x, y, z, include_last_offset=True)",
            {"x": ints(0, 1), "y": torch.zeros(2, 1), "z": ints(0, 1)},
            {"x": ints(0, 1), "y": torch.zeros(2, 1), "z": ints(0, 2)},
        ),
        (
            "torch.embedding_bag(y, x, z, False, 0, False, None, True)",
            {"y": torch.zeros(2, 1), "x": ints(0, 1), "z": ints(0, 1)},
            {"y": torch.zeros(2, 1), "x": ints(0, 1), "z": ints(0, 2)},
        ),
        (
            "torch.embedding_bag(y, indices=x, offsets=z, include_last_offset=True)",
            {"y": torch.zeros(2, 1), "x": ints(0, 1), "z": ints(0, 1)},
            {"y": torch.zeros(2, 1), "x": ints(0, 1), "z": ints(0, 2)},
        ),
        (
            "torch.index_copy(x, 0, y, z)",
            {"x": torch.zeros(3), "y": ints(1, 1), "z": torch.ones(2)},
            {"x": torch.zeros(3), "y": ints(1, 0), "z": torch.ones(2)},
        ),
        (
            "x.put(y, z)",
            {"x": torch.zeros(3), "y": ints(-1, 2).long(), "z": torch.ones(2)},
            {"x": torch.zeros(3), "y": ints(-1, 0).long(), "z": torch.ones(2)},
        ),
    ],
)
def test_operands_decide(call: str, bad: dict[str, torch.Tensor], good: dict[str, torch.Tensor]) -> None:
    integers = all(not item.is_floating_point() for item in bad.values()) or "int8" in call
    result = (torch.int8 if "int8" in call else torch.int32) if integers else torch.float32
    assert why(call, result, **bad)
    assert why(call, result, **good) is None


def test_elements_need_not_be_sorted() -> None:
    x = torch.tensor([3.0, 0.0, 5.0])
    for arguments, is_open in (("2, 0, True, False", True), ("1, 0, True, False", False), ("2, 0, True, True", False)):
        for call in (f"torch.topk(x, {arguments})", f"x.topk({arguments})"):
            text = f'def program(x: "float32[3]"):\n    v0, v1 = {call}\n    return v0, v1\n'
            (node,) = parse_graph(text).nodes
            assert (undefined(node, {"x": x}, []) is not None) == is_open, call


@pytest.mark.parametrize("function", ["torch.linalg.inv_ex", "torch.linalg.cholesky_ex"])
def test_what_lapack_failed_on_is_undefined(function: str) -> None:
    text = f'def program(x: "float32[2, 2]"):\n    v0, v1 = {function}(x)\n    return v0, v1\n'
    (node,) = parse_graph(text).nodes
    call = getattr(torch.linalg, function.rpartition(".")[2])
    for matrix, expected in ((torch.zeros(2, 2), True), (torch.eye(2), False)):
        assert (undefined(node, {"x": matrix}, list(call(matrix))) is not None) == expected


def test_arguments_may_be_given_by_keyword() -> None:
    values = {"x": torch.zeros(3), "y": ints(1, 1).long(), "z": torch.ones(2)}
    assert why("torch.scatter(x, dim=0, index=y, src=z)", **values)
    assert why("torch.index_put(x, indices=(y,), values=z)", **values)
    assert why("torch.index_put(x, indices=(y,), values=z, accumulate=True)", **values) is None
