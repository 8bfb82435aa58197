"""One call, one spelling; one failure, one label."""

from __future__ import annotations

import pytest

from misfold.generators.traces.arguments import argument_text
from misfold.generators.traces.call import Call
from misfold.generators.traces.errors import is_death, normal_error
from misfold.generators.traces.signatures import canonical
from misfold.programs.arguments import Symbol
from misfold.programs.types import parse_type

X, W, MASK = parse_type("float32[2, 3, 8, 8]"), parse_type("float32[4, 3, 3, 3]"), parse_type("bool[2]")
F = "torch.nn.functional."


def call(function, *args, **kwargs):
    return Call(function, args, tuple(sorted(kwargs.items())))


CONV, POOL, VIEW = F + "conv2d", F + "max_pool2d", "torch.Tensor.view"


@pytest.mark.parametrize(
    ("spellings", "expected"),
    [
        (
            [call(CONV, X, W, None, 2), call(CONV, X, weight=W, stride=2), call(CONV, X, W, stride=2, bias=None)],
            f"{CONV}({X}, {W}, stride=2)",
        ),
        ([call("torch.sum", X, 1), call("torch.sum", X, dim=1), call("torch.sum", X, axis=1)], f"torch.sum({X}, 1)"),
        ([call(VIEW, X, 6, -1), call(VIEW, X, [6, -1]), call(VIEW, X, (6, -1))], f"{VIEW}({X}, (6, -1))"),
        ([call(VIEW, X, 7), call(VIEW, X, [7])], f"{VIEW}({X}, (7,))"),
        ([call(POOL, X, 2, 3), call(POOL, X, 2, stride=3)], f"{POOL}({X}, 2, stride=3)"),
        ([call("torch.softmax", X, -1), call("torch.softmax", X, dim=-1)], f"torch.softmax({X}, -1)"),
        ([call(F + "softmax", X, -1, 3), call(F + "softmax", X, dim=-1)], f"{F}softmax({X}, dim=-1)"),
        # a method's object is not the schema's first argument here
        ([call("torch.Tensor.where", X, MASK, 1.0)], f"torch.Tensor.where({X}, {MASK}, 1.0)"),
        ([call("torch.where", MASK, 1.0, X)], f"torch.where({MASK}, 1.0, {X})"),
        # torch tells lists from tuples when it indexes
        ([call("torch.Tensor.__getitem__", X, [0, 1])], f"torch.Tensor.__getitem__({X}, [0, 1])"),
        ([call("torch.Tensor.__getitem__", X, (0, 1))], f"torch.Tensor.__getitem__({X}, (0, 1))"),
        # what fits no signature stays as it is
        ([call("torch.abs", X, 1, 2)], f"torch.abs({X}, 1, 2)"),
        ([call("torch.Tensor.to", X, Symbol("torch.int8"))], f"torch.Tensor.to({X}, torch.int8)"),
    ],
)
def test_spellings_of_one_call(spellings, expected):
    assert {canonical(item).text() for item in spellings} == {expected}


def test_the_normal_form_is_its_own():
    for item in (call(F + "conv2d", X, W, None, 2), call("torch.Tensor.view", X, 6, -1), call("torch.sum", X, axis=1)):
        assert canonical(canonical(item)) == canonical(item)


def test_calls_that_differ_stay_different():
    calls = [call("torch.sum", X, 1), call("torch.sum", X, (1,)), call("torch.sum", X), call("torch.sum", X, 1, True)]
    assert len({canonical(item) for item in calls}) == len(calls)


@pytest.mark.parametrize(
    ("kind", "message", "expected"),
    [
        ("RuntimeError", "shape '[2, -1]' is invalid for size 7", "RuntimeError: shape '[N]' is invalid for size N"),
        ("IndexError", "out of range [-2, 1], got 2\nmore", "IndexError: out of range [N], got N"),
        ("RuntimeError", "not implemented for 'UInt16'", "RuntimeError: not implemented for 'UInt16'"),
        ("RuntimeError", "cannot be converted to int8_t", "RuntimeError: cannot be converted to int8_t"),
        ("RuntimeError", "mat1 and mat2 (13x13 and 1x7)", "RuntimeError: mat1 and mat2 (N and N)"),
        ("KeyError", "", "KeyError"),
        (
            "TypeError",
            "sum() received an invalid combination of arguments - got (Tensor, int)",
            "TypeError: sum() received an invalid combination",
        ),
    ],
)
def test_labels_hold_no_numbers(kind, message, expected):
    assert normal_error(kind, message) == expected


def test_failures_that_differ_in_numbers_are_one():
    assert normal_error("E", "sizes [2, 3] and 0.5, -4") == normal_error("E", "sizes [1, 2, 3] and 1e-05, 7")


def test_deaths_are_told_from_refusals():
    assert is_death("crash: SIGFPE") and is_death("hang") and not is_death("RuntimeError: hang") and not is_death("")


def test_text_of_nested_arguments():
    assert argument_text((1, [slice(None, 2)], ..., "a")) == "(1, [slice(None, 2, None)], ..., 'a')"
