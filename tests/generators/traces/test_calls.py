"""Calls and trials as data: equality, text, JSON; files of them, whole and damaged."""

from __future__ import annotations

import gzip

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from misfold.generators.traces import Call, Trial, read, read_header, write
from misfold.generators.traces.structure import dtypes, structure
from misfold.programs.arguments import Symbol
from misfold.programs.dtypes import DTYPES
from misfold.programs.errors import TextError, UsageError
from misfold.programs.types import TensorType, parse_type

tensors = st.builds(TensorType.of, st.sampled_from(sorted(DTYPES)), st.lists(st.integers(0, 9), max_size=4).map(tuple))
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**63), st.floats(), st.text(max_size=9), st.just(...),
    st.just(Symbol("torch.float32")), tensors,
)  # fmt: skip
arguments = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.lists(inner, max_size=3).map(tuple), st.builds(slice, inner, inner, inner)
    ),
    max_leaves=6,
)
calls = st.builds(
    lambda args, kwargs: Call("torch.f", tuple(args), tuple(sorted(kwargs.items()))),
    st.lists(arguments, max_size=3),
    st.dictionaries(st.sampled_from("abc"), arguments, max_size=2),
)
outputs = st.recursive(
    st.one_of(st.none(), st.sampled_from(["int", "float", "bool"]), tensors),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.lists(inner, max_size=3).map(tuple)),
    max_leaves=4,
)
trials = st.one_of(
    st.builds(Trial, calls, outputs, st.just(""), st.just("opinfo"), st.sampled_from(["", "needed", "dynamic"])),
    st.builds(Trial, calls, st.none(), st.just("ValueError: N"), st.just("augmented:dim")),
)


@given(calls)
@settings(max_examples=80, derandomize=True)
def test_a_call_survives_its_data(call):
    again = Call.from_data(call.to_data())
    assert again == call and hash(again) == hash(call) and again.hash == call.hash and again.text() == call.text()


@given(calls, calls)
@settings(max_examples=80, derandomize=True)
def test_equal_texts_mean_equal_data(left, right):
    assert (left == right) == (repr(left.to_data()) == repr(right.to_data()))


def test_numbers_of_different_kinds_are_different_calls():
    assert len({Call("torch.f", (item,)) for item in (1, 1.0, True, "1", (1,), [1], 0.0, -0.0)}) == 8


def test_text_reads_like_the_call():
    call = Call(
        "torch.sum", (parse_type("float32[2, 3]"), (1,)), (("dtype", Symbol("torch.float64")), ("keepdim", True))
    )
    assert call.text() == "torch.sum(float32[2, 3], (1,), dtype=torch.float64, keepdim=True)"
    assert structure(call) == "torch.sum(T2,(int),dtype=torch.float64,keepdim=True)"
    assert dtypes(call) == ("float32",)


@pytest.mark.parametrize(
    "data",
    [
        {"function": "f"},
        {"function": 3, "args": []},
        {"function": "f", "args": ["float99[2]"]},
        {"function": "f", "args": [{"symbol": "os.system"}]},
        {"function": "f", "args": [{"slice": [1]}]},
        {"function": "f", "args": [{"float": "1e3"}]},
        {"function": "f", "args": [], "kwargs": []},
        {"function": "f", "args": [[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]},
    ],
)
def test_what_is_no_call_is_refused(data):
    with pytest.raises(TextError):
        Call.from_data(data)


@given(st.lists(trials, max_size=4))
@settings(max_examples=20, derandomize=True)
def test_files_hold_what_was_written(tmp_path_factory, items):
    path = tmp_path_factory.mktemp("trials") / "t.gz"
    assert write(path, items, {"torch": "1"}, seed=4) == len(items)
    assert list(map(repr, read(path))) == list(map(repr, items))
    assert read_header(path)["versions"] == {"torch": "1"} and read_header(path)["seed"] == 4


def some_file(tmp_path):
    path = tmp_path / "t.gz"
    call = Call("torch.f", (parse_type("float32[2]"),))
    write(path, [Trial(call, None, origin=f"script:{i}") for i in range(200)], {})
    return path


def test_equal_trials_give_equal_bytes(tmp_path):
    first = some_file(tmp_path).read_bytes()
    assert some_file(tmp_path).read_bytes() == first


def damage_cut(data: bytes) -> bytes:
    return data[:-20]


def damage_flip(data: bytes) -> bytes:
    return data[:200] + bytes([data[200] ^ 0xFF]) + data[201:]


def damage_text(data: bytes) -> bytes:
    return b"hello"


def damage_line(data: bytes) -> bytes:
    return gzip.compress(gzip.decompress(data).replace(b'"torch.f"', b"3", 1))


def damage_format(data: bytes) -> bytes:
    return gzip.compress(gzip.decompress(data).replace(b'"format": 1', b'"format": 0'))


def damage_empty(data: bytes) -> bytes:
    return b""


def damage_other(data: bytes) -> bytes:
    return gzip.compress(b'{"kind": "records"}\n')


@pytest.mark.parametrize(
    "damage", [damage_cut, damage_flip, damage_text, damage_line, damage_format, damage_empty, damage_other]
)
def test_a_damaged_file_is_told_in_one_line(tmp_path, damage):
    path = some_file(tmp_path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(UsageError) as caught:
        list(read(path))
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_a_missing_file_and_folder(tmp_path):
    with pytest.raises(UsageError, match="No such file"):
        list(read(tmp_path / "none.gz"))
    with pytest.raises(UsageError, match="cannot be written"):
        write(tmp_path / "no" / "t.gz", [], {})
