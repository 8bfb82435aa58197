"""Watching calls: in torch's test data, in ONNX's, and in a user's script."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import torch

from misfold.generators.traces import read
from misfold.generators.traces.script import trace_script
from misfold.generators.traces.sources import docstring_trials
from misfold.generators.traces.watching import Watcher
from misfold.programs.errors import UsageError

SCRIPT = """
import sys
import torch
from beside import width
net = torch.nn.Linear(3, width)
x = torch.ones(2, 3)
for _ in range(3):
    torch.softmax(net(x), dim=-1)
torch.softmax(net(x), -1)
torch.fft.fft(x)
try:
    x.view(7)
except RuntimeError:
    print("as expected", sys.argv[1:], __name__)
if sys.argv[1:]:
    raise ValueError("asked for")
"""


def test_what_is_called_and_what_comes_back():
    x = torch.ones(2, 3)
    with Watcher("here") as watcher:
        torch.softmax(x, -1).add_(1)
        torch.max(x, 1)
        with pytest.raises(RuntimeError):
            x.view(7)
        torch.nn.functional.max_pool1d(x, 2, return_indices=True)
        torch.fft.fft(x)
    # torch passes all parameters of what it writes in Python on
    assert dict(watcher.calls[-1].call.kwargs)["return_indices"] is True
    assert [(trial.call.text(), trial.error.partition(":")[0]) for trial in watcher.calls[:-1]] == [
        ("torch.softmax(float32[2, 3], -1)", ""),
        ("torch.Tensor.add_(float32[2, 3], 1)", ""),
        ("torch.max(float32[2, 3], 1)", ""),
        ("torch.Tensor.view(float32[2, 3], 7)", "RuntimeError"),
    ]
    assert [str(kind) for kind in watcher.calls[2].output_types()] == ["float32[2]", "int64[2]"]
    assert watcher.refused == {"a result of torch.complex64": 1}
    assert all(trial.origin == "here" for trial in watcher.calls)


def test_large_tensors_are_only_types():
    with Watcher("here") as watcher:
        torch.empty(1).expand(2**30, 64).t()
    assert [trial.call.text() for trial in watcher.calls][-1] == "torch.Tensor.t(float32[1073741824, 64])"


def test_docstrings_are_a_source():
    found = list(docstring_trials("torch.nn.functional.pad"))
    assert {trial.call.function for trial in found} >= {"torch.nn.functional.pad"}
    assert all(trial.origin == "docstring" for trial in found)


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(SCRIPT)
    (tmp_path / "beside.py").write_text("width = 4\n")
    return path


def test_a_script_is_run_and_watched(script, capsys):
    before = list(sys.path), sys.argv
    found = trace_script(script)
    assert (list(sys.path), sys.argv) == before
    assert capsys.readouterr().out == "as expected [] __main__\n"
    texts = {trial.call.text(): trial for trial in found.trials}
    assert found.counts["torch.softmax"] == 4
    assert texts["torch.softmax(float32[2, 4], -1)"].valid
    assert texts["torch.nn.functional.linear(float32[2, 3], float32[4, 3], bias=float32[4])"].origin == "script:mine"
    assert not texts["torch.Tensor.view(float32[2, 3], (7,))"].valid
    assert found.refused == {"a result of torch.complex64": 1} and not found.ended
    sys.modules.pop("beside", None)


def test_a_script_that_fails_keeps_what_it_did(script):
    found = trace_script(script, ["x"])
    assert found.ended == "ValueError: asked for" and len(found.trials) > 2
    sys.modules.pop("beside", None)


def test_what_is_no_script(tmp_path):
    with pytest.raises(UsageError, match="no such file"):
        trace_script(tmp_path / "none.py")
    (tmp_path / "bad.py").write_text("def")
    with pytest.raises(UsageError, match=r"bad\.py:1: not Python"):
        trace_script(tmp_path / "bad.py")


def test_the_command(script, tmp_path):
    output = tmp_path / "out.gz"
    command = [sys.executable, "-m", "misfold.fuzz", "trace", "--json", "-o", str(output), str(script), "--flag"]
    done = subprocess.run(command, capture_output=True, text=True)
    data = json.loads(done.stdout)
    assert done.returncode == 1 and data["ended"] == "ValueError: asked for" and "as expected ['--flag']" in done.stderr
    assert data["functions"]["torch.softmax"] == {"calls": 4, "distinct": 1}
    assert len(list(read(output))) == data["distinct"]


def test_onnx_node_tests_become_calls():
    pytest.importorskip("onnx")
    import numpy as np
    from onnx import TensorProto, helper

    from misfold.generators.traces.onnx_nodes import case_trials

    class Case:
        def __init__(self, node, arrays):
            names = [name for name in node.input if name]
            self.model = helper.make_model(
                helper.make_graph(
                    [node],
                    "g",
                    [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names],
                    [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in node.output],
                ),
                opset_imports=[helper.make_opsetid("", 18)],
            )
            self.data_sets = [(arrays, [])]

    x, w = np.ones((1, 2, 5, 5), np.float32), np.ones((3, 2, 3, 3), np.float32)
    (conv,) = case_trials(Case(helper.make_node("Conv", ["x", "w"], ["y"], strides=[2, 2]), [x, w]))
    assert conv.call.text() == "onnx.Conv(float32[1, 2, 5, 5], float32[3, 2, 3, 3], strides=(2, 2))"
    assert str(conv.outputs) == "float32[1, 3, 2, 2]" and conv.origin == "onnx"
    both = list(case_trials(Case(helper.make_node("Add", ["x", "w"], ["y"]), [x, x])))
    assert [trial.call.function for trial in both] == ["onnx.Add", "torch.add"] and all(item.valid for item in both)
    (clip,) = case_trials(Case(helper.make_node("Clip", ["x", "", "w"], ["y"]), [x, np.float32(3)]))
    assert clip.call.text() == "onnx.Clip(float32[1, 2, 5, 5], None, float32[])"
