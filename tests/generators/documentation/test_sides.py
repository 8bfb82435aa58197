"""Sides: calls through torch.compile and as programs of targets; calls drawn by types; scripts of differences."""

from __future__ import annotations

import subprocess
import sys
from itertools import islice
from random import Random

import pytest

pytest.importorskip("torch")

import torch

from misfold.generators.documentation import survey
from misfold.generators.documentation.readers.modules import Documentation
from misfold.generators.documentation.schemas import drawn_by_types
from misfold.generators.documentation.script import difference
from misfold.generators.documentation.sides import STAMPED, _guarded, graph_of, outcome
from misfold.generators.documentation.trying import draws_of, serve
from misfold.generators.traces.call import Call
from misfold.generators.traces.drawing import SAFE, WIDE
from misfold.programs.types import TensorType
from misfold.targets.protocol import Unsupported

TENSOR = TensorType.of("float32", (2, 3))
INDEX = TensorType.of("int64", (2, 3))


def test_eager_and_compiled_are_told_for_both_draws():
    good = serve({"call": Call("torch.add", (TENSOR, TENSOR)).to_data(), "sides": ["eager"]})
    assert good["draws"] == [SAFE, WIDE] and good["eager"] == [("", "float32[2, 3]")] * 2
    assert good["sides"]["eager"] == {"results": [("", "float32[2, 3]")] * 2, "graphs": 1, "runs": 2}
    bad = serve({"call": Call("torch.add", (TENSOR, TensorType.of("float32", (7,)))).to_data(), "sides": []})
    assert bad["eager"][0][0].startswith("RuntimeError")


def test_wild_elements_are_no_indices():
    found = serve({"call": Call("torch.gather", (TENSOR, 1, INDEX)).to_data(), "sides": ["eager"]})
    (safe, wild), (same, refused) = found["eager"], found["sides"]["eager"]["results"]
    assert safe[0] == same[0] == ""
    assert "out of bounds" in wild[0] and "out of bounds" in refused[0]


def test_what_trusts_its_integers_gets_no_wild_ones():
    assert draws_of(Call("torch.nn.functional.embedding_bag", (INDEX, TENSOR))) == (SAFE,)
    assert draws_of(Call("torch.gather", (TENSOR, 1, INDEX))) == (SAFE, WIDE)
    assert draws_of(Call("torch.eye", (3,))) == (SAFE,)


def test_calls_as_programs():
    graph = graph_of(Call("torch.topk", (TENSOR, 2), (("largest", False),)))
    assert [value.name for value in graph.inputs] == ["x0"] and len(graph.returns) == 2
    assert len(graph_of(Call("torch.stack", ((TENSOR, TENSOR), 0))).inputs) == 2
    # What eager torch refuses is a program all the same: a target may accept it.
    assert graph_of(Call("torch.add", (TENSOR, TensorType.of("float32", (7,))))).returns == ("v0",)
    with pytest.raises(Unsupported, match="result of bool"):
        graph_of(Call("torch.allclose", (TENSOR, TENSOR)))


def test_memory_that_is_written_is_told():
    def overrun(tensors):
        storage = tensors[0].untyped_storage()
        end = tensors[0].storage_offset() * 4 + tensors[0].numel() * 4
        storage[end] = 7
        return tensors[0].clone()

    error, _ = outcome(lambda: _guarded(overrun, [torch.ones(4)], False))
    assert error.startswith(STAMPED) and "behind" in error
    assert outcome(lambda: _guarded(lambda tensors: tensors[0] + 1, [torch.ones(4)], False)) == ("", "float32[4]")


@pytest.mark.parametrize(
    "function", ["torch.add", "torch.nn.functional.smooth_l1_loss", "torch.nn.functional.conv2d", "torch.linalg.qr"]
)
def test_calls_by_types_are_of_the_signature_and_repeat(function):
    calls = list(islice(drawn_by_types(function, Random(3)), 40))
    assert calls == list(islice(drawn_by_types(function, Random(3)), 40))
    assert len(set(calls)) > 20
    assert all(any(True for _ in call.tensors()) or call.args for call in calls)
    assert all(isinstance(call.args[0], TensorType | float | int | bool) for call in calls)


def test_budgets_meet_all_operators_in_turn():
    items = [
        survey.Surveyed(Documentation(f"torch.{name}", "text", None, ()), {}) for name in ("add", "mul", "sub", "div")
    ]
    tried = list(survey.plan_by_types(items, 6, 1))
    assert {item.api for item, _ in tried[:4]} == {item.api for item in items}
    assert len(tried) == 6


@pytest.mark.slow
@pytest.mark.parametrize(("side", "status"), [("aot_eager", 0), ("tvm", 1)])
def test_a_script_shows_a_difference(tmp_path, side, status):
    if side == "tvm":
        pytest.importorskip("tvm")
    path = tmp_path / "script.py"
    path.write_text(difference(Call("torch.gather", (TENSOR, 1, INDEX)), side, wild=True))
    found = subprocess.run([sys.executable, str(path)], capture_output=True, text=True)
    assert found.returncode == status, found.stdout + found.stderr
    assert "eager:    refused" in found.stdout
