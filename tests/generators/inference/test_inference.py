"""Inference from a few known calls to scored rules, with eager torch as the judge; and its commands."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap

import pytest
import torch

from misfold.generators.inference.material import example, merged
from misfold.generators.inference.operator import Options, infer_operator
from misfold.generators.inference.progressing import WorkFile
from misfold.generators.traces.call import Call, decode_outputs
from misfold.generators.traces.executing import label, prepare
from misfold.programs.errors import UsageError
from misfold.programs.types import TensorType

T = TensorType.of
OPTIONS = Options(rounds=5, calls=30, checks=24)


@pytest.fixture(scope="module", autouse=True)
def _prepared():
    enabled, threads = torch.is_grad_enabled(), torch.get_num_threads()
    prepare()
    yield
    torch.set_grad_enabled(enabled)
    torch.set_num_threads(threads)


def infer(function, *calls):
    """Rules from calls, all labelled in this process: none of these operators crashes."""
    facts = []
    for call in calls:
        error, data, note = label(call)
        facts.append((call, None if error else decode_outputs(data), error, note))
    search = infer_operator(function, facts, OPTIONS)
    calls = next(search)
    while True:
        try:
            calls = search.send([label(call) for call in calls])
        except StopIteration as stop:
            return stop.value


def test_matrix_product():
    (rule,) = infer("torch.mm", Call("torch.mm", (T("float32", (2, 3)), T("float32", (3, 4)))))
    assert rule.usable
    assert rule.text.splitlines()[0] == "output = [self[0], mat2[1]]"
    assert "where self[1] == mat2[0]" in rule.text
    assert rule.dtypes.groups == (0, 0)
    assert rule.scores.precision == rule.scores.recall == rule.scores.shape_accuracy == 1.0
    assert any(item.error for item in rule.evidence)


def test_narrow_takes_its_bounds_from_the_dimension():
    (rule,) = infer("torch.narrow", Call("torch.narrow", (T("float32", (6, 3)), 0, 1, 4)))
    assert rule.usable
    values = {"self[0]": 9, "self[1]": 2, "start": 3, "length": 6}
    assert rule.valid(values)
    assert rule.output_types(values, ("int64",)) == (T("int64", (6, 2)),)
    assert not rule.valid({**values, "length": 7})
    assert not rule.valid({**values, "length": -1})


def test_a_sum_promotes_integers():
    (rule,) = infer("torch.sum", Call("torch.sum", (T("float32", (2, 3)),), (("dim", (1,)),)))
    assert rule.dtypes.families == ("sum(same:0)",)
    assert rule.output_types({"self[0]": 4, "self[1]": 5}, ("int8",)) == (T("int64", (4,)),)


def test_shapes_that_depend_on_elements_have_no_rule():
    (rule,) = infer("torch.nonzero", Call("torch.nonzero", (T("int64", (5,)),)))
    assert not rule.usable
    assert rule.reason == "shapes depend on the tensors' elements"


def test_pooling_in_ceil_mode():
    (rule,) = infer(
        "torch.nn.functional.avg_pool1d",
        Call("torch.nn.functional.avg_pool1d", (T("float32", (2, 3, 17)), 3, 2, 1, True)),
    )
    assert rule.usable
    assert len(rule.symbols) == 6
    for length, kernel, stride, padding in ((17, 3, 2, 1), (10, 4, 3, 2), (9, 2, 4, 1), (23, 5, 1, 0)):
        expected = torch.nn.functional.avg_pool1d(torch.ones(2, 3, length), kernel, stride, padding, True).shape
        values = dict(zip(rule.symbols, (2, 3, length, kernel, stride, padding)))
        assert rule.output_shapes(values) == (tuple(expected),)


def test_examples_are_read_not_run():
    call = example("my:f", "float32[2, 3], int64[()], 4, -1.5, mode='full', axes=(0, 1), dtype=torch.float64")
    assert call.args[:3] == (T("float32", (2, 3)), T("int64", ()), 4)
    assert dict(call.kwargs)["axes"] == (0, 1)


@pytest.mark.parametrize(
    "text", ["print(1)", "float32", "float32[x]", "open('x')", "**a", "*a", "1)(2", "torch.load", "1+1"]
)
def test_bad_examples_are_told(text):
    with pytest.raises(UsageError, match="arguments of a call"):
        example("my:f", text)


def test_equal_calls_count_once():
    call = Call("torch.abs", (T("float32", (2,)),))
    fact = (call, T("float32", (2,)), "", "")
    assert merged([{"torch.abs": [fact]}, {"torch.abs": [fact, fact]}]) == {"torch.abs": [fact]}


def test_work_goes_on_where_it_stopped(tmp_path):
    path = tmp_path / "work"
    work = WorkFile(path, {"seed": 1})
    work.add("torch.abs", {"rules": []})
    work.add("torch.neg", {"rules": [1]})
    work.close()
    with open(path, "ab") as file:
        file.write(b'{"function": "torch.cut", "da')  # killed while it wrote
    again = WorkFile(path, {"seed": 1})
    assert again.done == {"torch.abs": {"rules": []}, "torch.neg": {"rules": [1]}}
    again.add("torch.exp", {"rules": []})
    again.close()
    assert list(WorkFile(path, {"seed": 1}).done) == ["torch.abs", "torch.neg", "torch.exp"]
    assert WorkFile(path, {"seed": 2}).done == {}


def misfold(*arguments, cwd=None):
    command = [sys.executable, "-m", "misfold.fuzz", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=250)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["infer"], "--output"),
        (["infer", "torch.no_such"], "torch.no_such is not an operator"),
        (["infer", "mine:f"], "no call of mine:f to start from"),
        (["infer", "mine:f", "other:g", "--example", "1"], "--example gives arguments of one function"),
        (["rules", "show", "torch.abs", "--rules", "missing.gz"], "missing.gz: no such file"),
        (["rules", "diff", "0.0.1", "0.0.2"], "no rules for torch 0.0.1"),
    ],
)
def test_mistakes_are_one_line(arguments, message, tmp_path):
    from typer.testing import CliRunner

    from misfold.fuzz.cli import make_app
    from misfold.programs.errors import MisfoldError

    result = CliRunner().invoke(make_app(), arguments)
    assert isinstance(result.exception, MisfoldError)
    assert message in str(result.exception)


@pytest.mark.slow
def test_a_users_own_function_and_the_files(tmp_path):
    (tmp_path / "mymodule.py").write_text(
        textwrap.dedent(
            """
            import torch

            def stack_twice(x, times: int):
                if times < 1:
                    raise ValueError("too few")
                return torch.cat([x] * times, dim=0) @ torch.ones(x.shape[1], 5, dtype=x.dtype)
            """
        )
    )
    first = misfold("infer", "mymodule:stack_twice", "--example", "float32[2, 3], 2", "-o", "own.gz", cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    assert "x[0]*times, 5" in first.stdout.replace("times*x[0]", "x[0]*times")
    assert "times >= 1" in first.stdout
    shown = misfold("rules", "show", "mymodule:stack_twice", "--rules", "own.gz", "--json", cwd=tmp_path)
    assert json.loads(shown.stdout)["rules"][0]["cases"]
    assert misfold("rules", "diff", "./own.gz", "./own.gz", cwd=tmp_path).stderr.strip() == "0 differences"
