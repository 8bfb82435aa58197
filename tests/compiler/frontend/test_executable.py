"""Compiled graphs as functions of tensors: what they take, what they give, where it lies, what they write."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from misfold.compiler.driver import compile_graph
from misfold.compiler.errors import AssertionFailed
from misfold.compiler.frontend import import_exported
from misfold.compiler.frontend.executable import Executable, arrays
from misfold.compiler.pipelines import named
from misfold.targets.exporting import export


def executable(function: Callable[..., Any], *inputs: torch.Tensor, pipeline: str = "O2") -> Executable:
    imported = import_exported(export(function, inputs))
    return Executable(imported, compile_graph(imported.graph, named(pipeline)))


def test_results_lie_as_in_eager():
    x = torch.randn(3, 4)

    def function(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        doubled = x * 2
        return doubled, (x.t() + 1), doubled.t(), (x.sum(1, keepdim=True) + 1).expand(3, 4)

    expected, actual = function(x), executable(function, x)(x)
    for one, other in zip(expected, actual, strict=True):
        assert (one.shape, one.stride()) == (other.shape, other.stride())
        torch.testing.assert_close(other, one)


def test_results_are_new_at_each_call():
    run = executable(lambda x: x + 1, torch.zeros(3))
    (first,), (second,) = run(torch.zeros(3)), run(torch.ones(3))
    assert first.tolist() == [1, 1, 1]
    assert second.tolist() == [2, 2, 2]


def test_an_input_is_not_changed_unless_the_program_writes_it():
    x, y = torch.randn(4, 3).t(), torch.randn(3, 4)
    before = x.clone(), y.clone()
    run = executable(lambda x, y: x.softmax(0) @ y.t(), x, y)
    run(x, y)
    assert torch.equal(x, before[0]) and torch.equal(y, before[1])


@pytest.mark.parametrize(
    "make", [lambda: torch.ones(4, 3), lambda: torch.ones(3, 4).t(), lambda: torch.ones(8, 3)[::2]]
)
def test_written_inputs_are_written_where_they_lie(make):
    compiled_for = torch.ones(4, 3)

    def function(x: torch.Tensor) -> torch.Tensor:
        x.mul_(3)
        return x.sum()

    x = make()
    place = x.data_ptr()
    (total,) = executable(function, compiled_for)(x)
    assert total == 36
    assert x.data_ptr() == place
    assert torch.equal(x, torch.full((4, 3), 3.0))


def test_an_input_that_is_expanded_may_be_read():
    run = executable(lambda x: x * 2, torch.ones(2, 3))
    assert run(torch.tensor(5.0).expand(2, 3))[0].tolist() == [[10.0] * 3] * 2


@pytest.mark.parametrize(
    "argument", [torch.ones(2, 3, dtype=torch.float64), torch.ones(3, 2), torch.ones(6), 1.0, None, torch.ones(2, 3, 1)]
)
def test_another_type_or_shape_is_refused(argument):
    run = executable(lambda x: x * 2, torch.ones(2, 3))
    with pytest.raises(TypeError, match=r"input 0 \(\w+\) must be a tensor of torch.float32, shape \[2, 3\]"):
        run(argument)


def test_parameters_are_those_of_the_module():
    layer = torch.nn.Linear(3, 2)
    run = executable(lambda x: torch.nn.functional.linear(x, layer.weight, layer.bias), torch.ones(4, 3))
    x = torch.randn(4, 3)
    torch.testing.assert_close(run(x)[0], layer(x).detach())


@pytest.mark.parametrize("pipeline", ["O0", "O2"])
def test_an_index_out_of_range_ends_the_call(pipeline):
    run = executable(lambda x, i: torch.index_select(x, 0, i), torch.ones(3), torch.tensor([0, 2]), pipeline=pipeline)
    assert run(torch.arange(3.0), torch.tensor([2, 0]))[0].tolist() == [2, 0]
    with pytest.raises(AssertionFailed, match="index"):
        run(torch.ones(3), torch.tensor([0, 3]))


def test_arrays_are_the_inputs():
    x, y = torch.randn(3, 2).t(), torch.tensor([1.5, -2.0], dtype=torch.bfloat16)
    imported = import_exported(export(lambda x, y: x.sum(1) + y, (x, y)))
    first, second = arrays(imported, [x, y])
    assert first.tolist() == x.tolist()
    assert str(second.dtype) == "bfloat16" and second.astype(float).tolist() == [1.5, -2.0]
