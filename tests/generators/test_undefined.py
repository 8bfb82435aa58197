"""Calls without a defined meaning are recognised before they run, and their defined neighbours are let through."""

from __future__ import annotations

import pytest
import torch

from misfold.generators.undefined import first_undefined, undefined
from misfold.programs.case import parse_case
from misfold.programs.parser import parse_graph

INT32_MIN = -(2**31)


def why(call: str, **values: torch.Tensor) -> str | None:
    signature = ", ".join(f'{name}: "float32[1]"' for name in values)
    (node,) = parse_graph(f"def program({signature}):\n    v0 = {call}\n    return (v0,)\n").nodes
    return undefined(node, values)


def floats(*items: float) -> torch.Tensor:
    return torch.tensor(items, dtype=torch.float32)


def ints(*items: int, dtype: torch.dtype = torch.int64) -> torch.Tensor:
    return torch.tensor(items, dtype=dtype)


@pytest.mark.parametrize(
    "call", ["x.to(torch.int8)", "x.char()", "torch.sum(x, dtype=torch.int8)", "y.copy_(x)", "x.type_as(y)"]
)
def test_floats_out_of_an_integer_type_s_range(call):
    y = torch.zeros(2, dtype=torch.int8)
    assert "range" in why(call, x=floats(1.0, 300.0), y=y)
    assert "range" in why(call, x=floats(float("nan"), 1.0), y=y)
    assert why(call, x=floats(-100.0, 100.5), y=y) is None


def test_floats_to_bool_and_ints_to_ints_are_defined():
    assert why("x.to(torch.bool)", x=floats(1e30)) is None
    assert why("x.to(torch.int8)", x=ints(1000)) is None


@pytest.mark.parametrize("op", ["floor_divide", "remainder", "fmod", "div"])
def test_the_smallest_integer_by_minus_one(op):
    low = ints(INT32_MIN, 5, dtype=torch.int32)
    assert why(f"torch.{op}(x, y)", x=low, y=ints(3, -1, dtype=torch.int32))
    assert why(f"torch.{op}(x, -1)", x=low)
    assert why(f"torch.{op}(x, y)", x=low, y=ints(3, 2, dtype=torch.int32)) is None
    assert why(f"torch.{op}(x, y)", x=ints(7, dtype=torch.int32), y=ints(-1, dtype=torch.int32)) is None


def test_least_common_multiples_of_the_smallest_integer():
    assert why("torch.lcm(x, y)", x=ints(INT32_MIN, dtype=torch.int32), y=ints(6, dtype=torch.int32))
    assert why("torch.lcm(x, y)", x=ints(4), y=ints(6)) is None


def test_shifts():
    x = ints(1, 1, dtype=torch.int32)
    assert why("torch.bitwise_left_shift(x, y)", x=x, y=ints(0, 32, dtype=torch.int32))
    assert why("torch.bitwise_right_shift(x, y)", x=x, y=ints(0, -1, dtype=torch.int32))
    assert why("x.bitwise_left_shift(40)", x=x)
    assert why("torch.bitwise_left_shift(x, y)", x=x, y=ints(0, 31, dtype=torch.int32)) is None


def test_two_elements_for_one_place():
    x, source = torch.zeros(4), torch.ones(2)
    assert why("torch.scatter(x, 0, y, z)", x=x, y=ints(1, 1), z=source)
    assert why("torch.scatter(x, 0, y, z)", x=x, y=ints(1, 2), z=source) is None
    assert why("torch.scatter_add(x, 0, y, z)", x=x, y=ints(1, 1), z=source) is None
    assert why("x.index_copy(0, y, z)", x=x, y=ints(3, 3), z=source)
    assert why("x.put(y, z)", x=x, y=ints(-1, 3), z=source)
    assert why("x.put(y, z, accumulate=True)", x=x, y=ints(3, 3), z=source) is None
    assert why("torch.index_put(x, (y,), z)", x=x, y=ints(0, -4), z=source)
    assert why("torch.index_put(x, (y,), z)", x=x, y=ints(0, 2), z=source) is None
    table = torch.zeros(3, 3)
    assert why("torch.index_put(x, (y, z), w)", x=table, y=ints(0, 0), z=ints(1, 1), w=source)
    assert why("torch.index_put(x, (y, z), w)", x=table, y=ints(0, 0), z=ints(1, 2), w=source) is None


def test_scattering_repeats_only_along_the_dimension():
    x, source = torch.zeros(3, 2), torch.ones(2, 2)
    assert why("torch.scatter(x, 0, y, z)", x=x, y=torch.tensor([[0, 0], [1, 1]]), z=source) is None
    assert why("torch.scatter(x, 0, y, z)", x=x, y=torch.tensor([[0, 1], [0, 2]]), z=source)


def test_writes_to_memory_that_overlaps_or_is_read():
    row = torch.zeros(3)
    assert "overlapping" in why("x.add_(1)", x=row.expand(2, 3))
    assert "reads" in why("x.add_(y)", x=row[1:], y=row[:-1])
    assert why("x.add_(y)", x=row, y=torch.ones(3)) is None
    assert why("torch.add(x, y)", x=row, y=row) is None
    assert why("x.t().add_(1)".replace(".t()", ""), x=torch.zeros(2, 3).t()) is None


def test_sequences_that_must_be_sorted():
    assert why("torch.searchsorted(x, y)", x=floats(1, 3, 2), y=floats(1))
    assert why("torch.searchsorted(x, y)", x=floats(1, 2, 2), y=floats(1)) is None
    assert why("torch.bucketize(y, x)", y=floats(1), x=floats(2, 1))
    assert why("torch.searchsorted(x, y, sorter=z)", x=floats(2, 1), y=floats(1), z=ints(1, 0)) is None
    assert why("torch.searchsorted(x, y, sorter=z)", x=floats(2, 1), y=floats(1), z=ints(0, 1))


def test_series_that_take_forever():
    assert "forever" in why("torch.special.polygamma(2, x)", x=floats(1.0, -1e7))
    assert "forever" in why("torch.special.zeta(x, y)", x=floats(2.0), y=floats(-1e7))
    assert why("torch.special.polygamma(2, x)", x=floats(1e9, -9.5)) is None


def test_degrees_that_take_forever():
    assert why("torch.special.laguerre_polynomial_l(x, y)", x=floats(0.5), y=ints(2**40))
    assert why("torch.special.laguerre_polynomial_l(x, y)", x=floats(0.5), y=ints(5)) is None


def test_least_squares_by_a_driver_without_a_beginning():
    values = {"x": torch.eye(2), "y": torch.ones(2, 1)}
    assert why("torch.linalg.lstsq(x, y)", **values)
    assert why("torch.linalg.lstsq(x, y, driver='gelsy')", **values)
    assert why("torch.linalg.lstsq(x, y, driver='gelsd')", **values) is None


def test_a_sum_of_products_fits_where_it_is_added_in_place():
    factors = {"b": torch.ones(5, 2, 2), "c": torch.ones(5, 2, 7)}
    assert why("a.addbmm_(b, c)", a=torch.zeros(2, 7), **factors) is None
    for shape in ((), (7,), (1, 7)):
        assert "larger" in str(why("a.addbmm_(b, c)", a=torch.zeros(shape), **factors))


def test_statistics_of_each_channel():
    call = "torch.native_batch_norm(x, w, None, m, v, True, 0.1, 1e-5)"
    fitting = {"w": torch.ones(3), "m": torch.zeros(3), "v": torch.ones(3)}
    assert why(call, x=torch.ones(2, 3), **fitting) is None
    for name in fitting:
        assert "channels" in str(why(call, x=torch.ones(2, 3), **(fitting | {name: torch.ones(2)})))


def test_labels_are_classes():
    call = "torch.nn.functional.ctc_loss(scores, labels, (4,), (2,))"
    scores = torch.zeros(4, 1, 3)
    assert why(call, scores=scores, labels=ints(1, 2).reshape(1, 2)) is None
    assert why(call, scores=scores, labels=ints(1, 3).reshape(1, 2)) == "a label that is no class"


def test_a_program_stops_before_what_it_must_not_call():
    text = (
        '# misfold case, version 1\n\ndef program(x0: "float32[2, 3]", x1: "float32[4]", x2: "float32[3]"):\n'
        "    v0 = torch.relu(x0)\n"
        "    v1, v2, v3 = torch.native_batch_norm(v0, None, None, x1, x2, True, 0.1, 1e-05)\n    return (v1,)\n\n"
        'INPUTS = {"x0": {"draw": "normal", "seed": 1}, "x1": {"draw": "normal", "seed": 2}, '
        '"x2": {"draw": "normal", "seed": 3}}\n'
    )
    assert "native_batch_norm" in str(first_undefined(parse_case(text)))
    assert first_undefined(parse_case(text.replace('x1: "float32[4]"', 'x1: "float32[3]"'))) is None
