"""Making records: what is observed of a call, what is found out by running it, what is refused and why."""

from __future__ import annotations

import os
import signal
import time

import pytest
import torch

from misfold.generators.collect import collect
from misfold.generators.collect.processes import fork_map
from misfold.generators.collect.recording import Call, Inexpressible, Recorder, beneath, describe
from misfold.generators.collect.sources import docstring_calls, documented, namesakes
from misfold.generators.collect.verifying import Refused, verify
from misfold.generators.records import Record, RecordBase

F = torch.nn.functional


@pytest.fixture(autouse=True)
def seeded():
    torch.set_num_threads(1)
    torch.manual_seed(0)


def observed(function, *args, **kwargs) -> Call:
    with Recorder() as recorder:
        function(*args, **kwargs)
    (call,) = recorder.calls
    return call


def record(function, *args, **kwargs) -> Record:
    return Record.from_data(verify(observed(function, *args, **kwargs)))


# -- observing --------------------------------------------------------------------------------------------------------


def test_outermost_calls_are_recorded_by_public_name():
    x = torch.ones(2, 2)
    with Recorder() as recorder:
        F.softmax(x, -1).add_(1)
        x[0, 1:]
        torch.einsum("ij->i", x)
        F.max_pool1d(x, 2, return_indices=True)
    assert [call.op for call in recorder.calls] == [
        "torch.nn.functional.softmax",
        "torch.Tensor.add_",
        "torch.Tensor.__getitem__",
        "torch.einsum",
        "torch.nn.functional.max_pool1d",
    ]
    assert recorder.calls[-1].kwargs["return_indices"] is True


def test_one_function_under_two_names_is_recorded_under_both():
    x, y = torch.ones(2, 3), torch.ones(3, 2)
    with Recorder() as recorder:
        torch.mm(x, y)
    assert {"torch.mm", "torch.spmm"} == {call.op for call in recorder.calls}
    assert len({repr(call.args) for call in recorder.calls}) == 1


def test_operators_beneath_functions_written_in_python():
    x = torch.ones(2)
    with Recorder() as recorder, beneath():
        F.relu(x)
        F.celu(x, 2.0)
    assert [call.op for call in recorder.calls] == ["torch.relu", "torch.celu"]
    assert recorder.calls[1].args[1:] == (2.0,)
    with Recorder() as recorder:
        F.relu(x)
    assert [call.op for call in recorder.calls] == ["torch.nn.functional.relu"]


def test_namesakes_of_other_namespaces_and_in_place():
    found = {(function.__name__, writes) for function, writes in namesakes(F.relu)}
    assert found == {("relu", False), ("relu_", True)}
    assert (torch.exp_, True) in namesakes(torch.Tensor.exp_)
    assert (torch.special.exp2, False) in namesakes(torch.exp2)


def test_tensors_are_copied_before_the_call_writes_them():
    x = torch.zeros(3)
    call = observed(x.add_, 1)
    assert torch.equal(call.tensors[0], torch.zeros(3))


def test_a_tensor_used_twice_is_one_input_and_strides_stay():
    x = torch.randn(3, 2).t()
    call = describe("torch.add", (x, x), {})
    assert call.args == (call.args[0], call.args[0])
    assert len(call.tensors) == 1
    assert call.tensors[0].stride() == (1, 2)


@pytest.mark.parametrize(
    "argument", [torch.zeros(2, dtype=torch.complex64), torch.eye(2).to_sparse(), torch.zeros(2**15), 1j, lambda x: x]
)
def test_what_the_language_cannot_say_is_refused(argument):
    with pytest.raises(Inexpressible):
        describe("torch.add", (argument,), {})


def test_docstring_examples_are_run():
    assert "torch.add" in documented()
    assert {call.op for call in docstring_calls("torch.add")} >= {"torch.add"}


# -- finding out ------------------------------------------------------------------------------------------------------


def test_a_pointwise_operator_is_free_of_shapes_and_values():
    found = record(torch.add, torch.randn(3, 4), torch.randn(3, 4))
    assert found.pointwise and found.exact and found.gradient
    assert set(found.free) == set(found.zero) == {3, 4}
    assert {recipe["draw"] for recipe in found.recipes.values()} == {"normal"}
    assert set(found.edges) == {"x0", "x1"}


def test_domains_are_found_by_trying():
    assert record(torch.log, torch.rand(5) + 0.5).recipes["x0"]["low"] > 0
    assert record(torch.acosh, torch.rand(5) + 1.5).recipes["x0"]["low"] > 1
    bounded = record(torch.asin, torch.rand(5)).recipes["x0"]
    assert -1 < bounded["low"] < 0 < bounded["high"] < 1
    cholesky = record(torch.linalg.cholesky, torch.eye(3) * 2 + 0.1)
    assert cholesky.recipes["x0"]["draw"] == "definite"


def test_an_index_is_tied_to_the_dimension_it_indexes():
    found = record(torch.index_select, torch.randn(5, 7), 1, torch.tensor([0, 3, 2]))
    assert found.index == {"x1": 7}
    assert found.recipes["x1"] == {"draw": "integers", "low": 0, "high": 6, "seed": 1}
    assert set(found.free) >= {5, 7}


def test_sizes_that_the_arguments_name_are_not_free():
    found = record(torch.reshape, torch.randn(4, 6), (6, 4))
    assert found.free == ()


def test_contracted_sizes_are_free_together():
    found = record(torch.matmul, torch.randn(5, 3), torch.randn(3, 4))
    assert set(found.free) == {3, 4, 5}
    assert not found.pointwise


def test_memory_is_watched():
    written = record(torch.Tensor.mul_, torch.randn(3), 2.0)
    assert (written.writes, written.aliases) == (("x0",), {"v0": "x0"})
    viewed = record(torch.Tensor.transpose, torch.randn(3, 2), 0, 1)
    assert (viewed.writes, viewed.aliases) == ((), {"v0": "x0"})
    statistics = record(F.batch_norm, torch.randn(4, 2), torch.zeros(2), torch.ones(2), None, None, True)
    assert set(statistics.writes) == {"x1", "x2"}


def test_exactness_and_dynamic_shapes():
    assert not record(torch.exp, torch.randn(3)).exact
    assert not record(torch.mean, torch.randn(3)).exact
    assert record(torch.relu, torch.randn(3)).exact
    assert record(torch.nonzero, torch.tensor([0, 1, 2, 0, 3, 0])).dynamic
    assert not record(torch.nonzero, torch.randn(3)).gradient


@pytest.mark.parametrize(
    ("function", "arguments", "reason"),
    [
        (torch.bernoulli, (torch.rand(9),), "random"),
        (F.dropout, (torch.rand(100), 0.5, True), "not deterministic"),
        (torch.fft.fft, (torch.rand(4),), "something else than strided real tensors"),
        (torch.equal, (torch.ones(2), torch.ones(2)), "something else than strided real tensors"),
        (torch.scatter, (torch.zeros(3), 0, torch.tensor([1, 1]), torch.ones(2)), "two elements for one place"),
        (torch.full, ((2,), float("nan")), "not finite"),
    ],
)
def test_calls_that_make_no_record_say_why(function, arguments, reason):
    with pytest.raises(Refused, match=reason):
        record(function, *arguments)


def test_names_that_only_other_names_lead_to_have_records():
    names = set(RecordBase.load().operators)
    assert {
        "torch.relu",
        "torch.Tensor.relu_",
        "torch.exp_",
        "torch.mm",
        "torch.hardshrink",
        "torch.embedding",
    } <= names


# -- processes --------------------------------------------------------------------------------------------------------


def test_children_that_crash_hang_print_or_raise_harm_nobody(capfd):
    def work(item):
        if item == "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        if item == "hang":
            time.sleep(60)
        if item == "raise":
            raise ValueError("no good")
        print("noise")
        return {"item": item}

    items = ["fine", "crash", "hang", "raise", "big" * 10**6]
    results = {result.index: result for result in fork_map(work, items, jobs=2, seconds=1.0)}
    assert results[0].data == {"item": "fine"}
    assert results[1].failure == "signal 11"
    assert results[2].failure == "timeout"
    assert "no good" in results[3].failure
    assert results[4].data == {"item": items[4]}
    assert "noise" not in capfd.readouterr().out


@pytest.mark.slow
def test_a_collection_is_reproducible_and_loads(tmp_path):
    first = collect(tmp_path / "a", only="cumprod")
    second = collect(tmp_path / "b", only="cumprod")
    assert first.path.read_bytes() == second.path.read_bytes()
    assert "records of" in str(first)
    records = RecordBase.load(path=first.path)
    assert {"torch.cumprod", "torch.Tensor.cumprod", "torch.Tensor.cumprod_"} <= set(records.operators)
