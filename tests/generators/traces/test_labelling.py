"""Labels come from eager, in workers that may die; sources' trials are judged once more; changes are tried and kept."""

from __future__ import annotations

import os
from collections import Counter
from importlib.util import find_spec
from random import Random
from typing import Any

import pytest
import torch

from misfold.generators.traces import Call, Trial, read
from misfold.generators.traces.augmenting import augment, digest, donors
from misfold.generators.traces.changes import CHANGES, MAX_ELEMENTS, change
from misfold.generators.traces.collecting import collect_traces, observed_data, settle
from misfold.generators.traces.drafts import Draft
from misfold.generators.traces.executing import LEFT_OUT, label, prepare
from misfold.generators.traces.labelling import Labeller, heap_checks
from misfold.generators.traces.structure import structure
from misfold.programs.errors import TargetError, UsageError
from misfold.programs.types import TensorType, parse_type

F = "torch.nn.functional."
OWN = ["os:abort", "time:sleep", "os:_exit"]


def call(function, *args, **kwargs):
    args = tuple(parse_type(item) if isinstance(item, str) and "[" in item else item for item in args)
    return Call(function, args, tuple(sorted(kwargs.items())))


@pytest.fixture(scope="module", autouse=True)
def eager():
    grad = torch.is_grad_enabled()
    prepare()
    yield
    torch.set_grad_enabled(grad)


@pytest.fixture(scope="module")
def labeller():
    # a call hangs after a second here
    with Labeller(1, own=OWN, seconds=(4.0, 1.0)) as found:
        yield found


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (call(F + "conv2d", "float32[2, 3, 8, 8]", "float32[4, 3, 3, 3]"), ("", "float32[2, 4, 6, 6]", "")),
        (call("torch.index_select", "float32[2, 3]", 0, "int64[3]"), ("", "float32[3, 3]", "needed")),
        (call("torch.nonzero", "bool[4]"), ("", "int64[4, 1]", "dynamic")),
        (call("torch.linalg.cholesky", "float32[3, 3]"), ("", "float32[3, 3]", "needed")),
        (call("torch.bernoulli", "float32[3, 3]"), ("", "float32[3, 3]", "needed")),
        (call("torch.max", "float32[3]", 0), ("", {"tuple": ["float32[]", "int64[]"]}, "")),
        (call("torch.fft.fft", "float32[3]"), (LEFT_OUT + "a result of torch.complex64", None, "")),
        (call("torch.zeros", (2**38,)), (LEFT_OUT + "no memory", None, "")),
        (call("torch.add", "float32[2]", "float32[3]"), None),
    ],
)
def test_labels(one, expected):
    if expected is None:
        error, outputs, _ = label(one)
        assert error.startswith("RuntimeError: The size of tensor a (N) must match") and outputs is None
    else:
        assert label(one) == expected


def test_only_public_operators_are_called():
    for name in ("torch.load", "torch.Tensor.share_memory_", "builtins.open"):
        with pytest.raises(UsageError, match="not an operator"):
            label(call(name))


def test_elements_do_not_carry_over_from_one_call_to_the_next():
    before = label(call("torch.logical_not", "bool[3]"))
    label(call("torch.Tensor.fill_", "bool[3]", True))
    label(call("torch.Tensor.squeeze_", "float32[3, 1]"))
    assert label(call("torch.logical_not", "bool[3]")) == before
    assert label(call("torch.Tensor.add_", "float32[3]", 1))[1] == "float32[3]"


def test_deaths_are_labels_and_lose_nothing(labeller):
    good = [call("torch.add", f"float32[{size}]", 1) for size in range(1, 40)]
    calls = [*good[:20], call("os:abort"), *good[20:30], call("time:sleep", 1000), *good[30:], call("os:_exit", 3)]
    found = dict(labeller.labels(calls, batch=16))
    assert [found[item] for item in good] == [("", f"float32[{size}]", "") for size in range(1, 40)]
    assert found[call("os:abort")] == ("crash: SIGABRT", None, "")
    assert found[call("time:sleep", 1000)] == ("hang", None, "")
    assert found[call("os:_exit", 3)][0] == "crash: exit"
    assert labeller.deaths == 3 and not labeller.unstable


def test_what_was_not_asked_for_is_not_imported(labeller):
    with pytest.raises(TargetError, match="not among the functions"):
        list(labeller.labels([call("os:getcwd")]))


def settled(labeller, *trials):
    observed = [
        (Trial.from_data(data), Call.from_data(raw) if raw else Trial.from_data(data).call)
        for data, raw in observed_data(trials)
    ]
    dropped = Counter()
    return {trial.call.text(): trial for trial in settle(observed, labeller, dropped)}, dropped


def test_sources_are_judged_once_more(labeller):
    float3 = parse_type("float32[3]")
    pair = parse_type("float32[]"), parse_type("int64[]")
    found, dropped = settled(
        labeller,
        Trial(call("torch.add", "float32[3]", "float32[3]"), float3, origin="a"),
        Trial(call("torch.add", "float32[3]", other="float32[3]"), float3, origin="b"),
        # seen with elements that no draw has
        Trial(call("torch.take", "float32[3]", "int64[2]"), parse_type("float32[2]"), origin="a"),
        Trial(call("torch.masked_select", "float32[3]", "bool[3]"), parse_type("float32[1]"), origin="a"),
        # failed for a reason that the normal form does not have
        Trial(call("torch.neg", "float32[3]"), None, "RuntimeError: a leaf", "a"),
        Trial(call("torch.add", "float32[3]", "float32[2]"), None, "RuntimeError: sizes", "a"),
        Trial(call("torch.fft.fft", "float32[3]"), float3, origin="a"),
        Trial(call("torch.max", "float32[3]", 0), pair, origin="a"),
    )
    # "other" is no type, so the second spelling is invalid by itself: it keeps what its source saw
    assert found["torch.add(float32[3], float32[3])"] == Trial(
        call("torch.add", "float32[3]", "float32[3]"), float3, origin="a"
    )
    assert found["torch.take(float32[3], int64[2])"].values == "needed"
    assert found["torch.masked_select(float32[3], bool[3])"].values == "dynamic"
    assert found["torch.neg(float32[3])"].valid
    assert found["torch.add(float32[3], float32[2])"].error.startswith("RuntimeError: The size of tensor a (N)")
    assert found["torch.max(float32[3], 0)"] == Trial(call("torch.max", "float32[3]", 0), pair, origin="a")
    assert dropped == {"a result of torch.complex64": 1}


def test_collecting_goes_on_where_it_was_killed(tmp_path):
    """Each source makes its trials once; one that takes its process down is told and costs the others nothing."""
    marks = tmp_path / "marks"

    def source(size):
        def made():
            with open(marks, "a") as file:
                file.write(f"{size}\n")
            if size == 3:
                os.abort()
            yield Trial(call("torch.neg", f"float32[{size}]"), parse_type(f"float32[{size}]"), origin="a")

        return made

    sources = {f"size {size}": source(size) for size in range(1, 12)}
    keep = tmp_path / "kept.gz"
    found = collect_traces(jobs=1, sources=sources, keep=keep)
    assert sorted(next(trial.call.tensors()).shape[0] for trial in found.trials) == [1, 2, *range(4, 12)]
    assert all(trial.valid for trial in found.trials) and list(found.failed) == ["size 3"]
    assert found.summary()["functions"] == 1
    marks.write_text("")
    again = collect_traces(jobs=1, sources=sources, keep=keep)
    assert again.trials == found.trials and marks.read_text() == "3\n"


def test_few_trials_of_one_structure_are_kept():
    trials = [
        Trial(call("torch.neg", f"{dtype}[{size}]"), None, origin="a")
        for size in range(30)
        for dtype in ("float32", "int8")
    ]
    kept = [Trial.from_data(data).call for data, _ in observed_data(trials, structure_cap=9, dtypes_cap=6)]
    assert Counter(next(item.tensors()).dtype.name for item in kept) == {"float32": 5, "int8": 4}


BASES = [
    call(F + "conv2d", "float32[2, 3, 8, 8]", "float32[4, 3, 3, 3]", stride=(2, 1), padding=1),
    call("torch.cat", (parse_type("float32[2, 3]"), parse_type("float32[4, 3]"))),
    call(F + "interpolate", "float32[1, 2, 4, 4]", scale_factor=2.0, mode="nearest", antialias=False),
]


@pytest.mark.parametrize("kind", sorted(CHANGES))
def test_every_kind_of_change_happens(kind):
    given = donors([*BASES, call(F + "conv2d", "float32[2, 3, 8, 8]", "float32[4, 3, 3, 3]", stride=3)])
    given[F + "interpolate"]["str"].append("bilinear")
    found = set()
    for seed in range(60):
        base = BASES[seed % 3]
        draft = Draft(base)
        if CHANGES[kind][0](draft, Random(seed), given[base.function]):
            found.add(draft.call())
    assert found - set(BASES)


def test_changed_calls_are_new_and_small():
    for seed in range(200):
        altered = change(BASES[seed % 3], Random(seed), {})
        assert altered is not None and altered[0] != BASES[seed % 3] and altered[1] in CHANGES
        assert sum(item.elements for item in altered[0].tensors()) <= MAX_ELEMENTS


def test_changes_derive_from_the_seed():
    def made():
        return [change(BASES[0], Random(seed), {}) for seed in range(50)]

    assert made() == made()


def test_sizes_keep_equalities():
    draft_kinds = [
        altered[0]
        for seed in range(400)
        if (altered := change(call("torch.mm", "float32[2, 5]", "float32[5, 9]"), Random(seed), {})) is not None
        and altered[1] == "sizes"
    ]
    equal = [kinds[0].shape[1] == kinds[1].shape[0] for kinds in (list(item.tensors()) for item in draft_kinds)
             if len(kinds[0].shape) == len(kinds[1].shape) == 2]  # fmt: skip
    assert sum(equal) > 0.7 * len(equal) > 10


TRACES = [
    Trial(call("torch.mm", "float32[2, 5]", "float32[5, 9]"), parse_type("float32[2, 9]"), origin="opinfo"),
    Trial(call("torch.sum", "float32[2, 5]", 1), parse_type("float32[2]"), origin="opinfo"),
    Trial(call("torch.sum", "float32[2, 5]", 3), None, "IndexError: N", "opinfo-error"),
    Trial(call("onnx.Abs", "float32[2, 5]"), parse_type("float32[2, 5]"), origin="onnx"),
]


def test_augmentation_is_resumed_where_it_was_killed(tmp_path):
    whole, half = tmp_path / "whole.gz", tmp_path / "half.gz"
    options = {"versions": {"torch": "1"}, "budget": 24, "jobs": 1}
    found = augment(TRACES, whole, **options)
    trials = list(read(whole))
    assert trials[: len(TRACES)] == TRACES
    calls = [trial.call for trial in trials]
    assert len(set(calls)) == len(calls) == found.kept + len(TRACES)
    assert found.tried >= found.kept > 40 and 0.2 < found.valid / found.kept < 0.9
    assert all(trial.origin.startswith("augmented:") for trial in trials[len(TRACES) :])
    assert not any(item.function.startswith("onnx.") for item in calls[len(TRACES) :])
    per = Counter(structure(item) for item in calls)
    assert per["torch.mm(T2,T2)"] > 12 and len(per) > 5
    # killed while the last block was being written
    data = whole.read_bytes()
    half.write_bytes(data[:-30])
    again = augment(TRACES, half, **options)
    assert half.read_bytes() == data
    assert again.summary() == {**found.summary(), "path": str(half)}
    # nothing is left to do
    augment(TRACES, half, **options)
    assert half.read_bytes() == data
    with pytest.raises(UsageError, match="another run"):
        augment(TRACES, half, **{**options, "seed": 1})
    half.write_bytes(b"hello")
    with pytest.raises(UsageError, match="not a file of trials"):
        augment(TRACES, half, **options)
    assert half.read_bytes() == b"hello"


def test_a_digest_tells_lists_of_trials_apart():
    assert digest(TRACES) == digest(list(TRACES)) != digest(TRACES[1:]) != digest(TRACES[::-1])


def test_a_result_with_a_size_below_zero_is_a_finding_on_eager():
    from misfold.generators.traces.errors import is_death
    from misfold.generators.traces.executing import label
    from misfold.programs.types import TensorType

    error, outputs, _ = label(Call("torch.Tensor.expand", (TensorType.of("float64", ()), (-1, 0, 2)), ()))
    assert error == "impossible: a size below zero" and outputs is None
    assert is_death(error)


@pytest.mark.skipif(not heap_checks(), reason="the C library has no checked allocator")
def test_calls_that_write_out_of_bounds_die():
    # The running mean has fewer elements than channels, which this operator does not check.
    types = [TensorType.of("float32", shape) for shape in ((4, 512), (512,), (512,), (1,), (1,))]
    call = Call("torch.native_batch_norm", (*types, True, 0.1, 1e-5))
    with Labeller(1) as labeller:
        ((_, (error, _, _)),) = labeller.labels([call])
    assert error.startswith("crash")


@pytest.mark.skipif(find_spec("onnxruntime") is None, reason="needs onnxruntime")
def test_onnx_operators_are_executed_by_onnx_runtime():
    def told(*shapes: tuple[int, ...], function: str = "onnx.Conv", **attributes: object) -> Any:
        types = tuple(TensorType.of("float32", shape) for shape in shapes)
        return label(Call(function, types, tuple(sorted(attributes.items()))))

    assert told((1, 3, 8, 8), (4, 3, 3, 3), pads=(1, 1, 1, 1)) == ("", "float32[1, 4, 8, 8]", "")
    assert told((1, 3, 8, 8), (4, 2, 3, 3))[0].startswith("Fail")
    assert told((2, 3), function="onnx.NoSuch")[0].startswith(LEFT_OUT)
    assert told((4, 3), function="onnx.Split", axis=0)[0].startswith(LEFT_OUT)
    assert told((2, 3), function="onnx.TopK")[0] != ""
