"""The reference against definitions written as loops, and composites against formulas in f64."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from misfold.compiler.dtypes import BY_NAME, F32, I64
from misfold.compiler.errors import AssertionFailed
from misfold.compiler.graph.arithmetic import NUMPY, Array
from misfold.compiler.graph.builder import Builder
from misfold.compiler.graph.evaluate import evaluate
from misfold.compiler.graph.ir import TensorType


def _run(operator: str, *arrays: Any, **attributes: Any) -> list[Array]:
    builder = Builder()
    found = [np.asarray(array) for array in arrays]
    names = {str(dtype): name for name, dtype in NUMPY.items()}
    inputs = [builder.input(TensorType(BY_NAME[names[str(array.dtype)]], array.shape)) for array in found]
    return evaluate(builder.finish(builder.apply(operator, *inputs, **attributes)), found)


_CHANCE = np.random.default_rng(1)


def _integers(*shape: int) -> Array:
    return _CHANCE.integers(-4, 5, shape).astype(np.float32)


def test_convolution_is_its_definition() -> None:
    x, w = _integers(2, 4, 7, 6), _integers(6, 2, 3, 2)
    (found,) = _run("convolution", x, w, strides=(2, 1), dilations=(1, 3), groups=2)
    assert found.shape == (2, 6, 3, 3)
    for n, o, i, j in np.ndindex(*found.shape):
        group = o // 3
        total = sum(
            x[n, group * 2 + c, 2 * i + k, j + 3 * m] * w[o, c, k, m]
            for c, k, m in itertools.product(range(2), range(3), range(2))
        )
        assert found[n, o, i, j] == total


@pytest.mark.parametrize("nan", [False, True])
def test_windows_tell_what_they_took(nan: bool) -> None:
    inner = _integers(2, 4, 5)
    if nan:
        inner[0, 1, 1] = inner[0, 1, 2] = np.nan
    padded = np.full((2, 6, 7), 9.0, np.float32)  # larger than anything, but never taken
    padded[:, 1:5, 1:6] = inner
    geometry: dict[str, Any] = {"op": "max", "sizes": (3, 2), "strides": (1, 2), "dilations": (1, 1)}
    values, indices = _run("argwindow", padded, **geometry, extents=(4, 5), low=(1, 1))
    for b, i, j in np.ndindex(*values.shape):
        best, at = -math.inf, -1
        for k, m in itertools.product(range(3), range(2)):
            row, column = i + k - 1, 2 * j + m - 1
            if 0 <= row < 4 and 0 <= column < 5:
                value = inner[b, row, column]
                if value > best or at < 0 or value != value:
                    best, at = value, row * 5 + column
        assert indices[b, i, j] == at
        np.testing.assert_equal(values[b, i, j], best)


def test_sorting_is_stable_and_nan_is_largest() -> None:
    x = np.array([2.0, np.nan, -0.0, 2.0, 0.0, -np.inf, np.nan], np.float32)
    assert _run("sort", x, dim=0, descending=False)[1].tolist() == [5, 2, 4, 0, 3, 1, 6]
    assert _run("sort", x, dim=0, descending=True)[1].tolist() == [1, 6, 0, 3, 2, 4, 5]


def test_choosing_reductions_and_scans() -> None:
    x = np.array([1.0, 3.0, np.nan, 3.0, np.nan], np.float32)
    assert _run("argreduce", x, op="max", dim=0)[0] == 2
    assert _run("argreduce", x[:2], op="min", dim=0)[0] == 0
    assert _run("argreduce", np.array([1, 3, 3, 0, 0], np.int8), op="max", dim=0)[0] == 1
    values, indices = _run("argscan", np.array([1.0, 1.0, 0.0, 2.0, np.nan, 5.0, np.nan], np.float32), op="max", dim=0)
    assert indices.tolist() == [0, 1, 1, 3, 4, 4, 6]
    np.testing.assert_equal(values, [1, 1, 1, 2, np.nan, np.nan, np.nan])


def test_scatters_run_in_order() -> None:
    x, indices = np.zeros(3, np.float32), np.array([1, 1, 2, 1])
    updates = np.array([1, 2, 3, 4], np.float32)
    assert _run("scatter", x, updates, indices, op="replace")[0].tolist() == [0, 4, 3]
    assert _run("scatter", x, updates, indices, op="add")[0].tolist() == [0, 7, 3]


@pytest.mark.parametrize("index", [-1, 3])
def test_indices_out_of_range_end_the_run(index: int) -> None:
    x, where = np.zeros(3, np.float32), np.array([0, index])
    with pytest.raises(AssertionFailed, match=f"index {index} is out of range"):
        _run("gather", x, where)
    with pytest.raises(AssertionFailed, match=f"index {index} is out of range"):
        _run("scatter", x, np.zeros(2, np.float32), where, op="add")


def test_padding_goes_between_neighbours() -> None:
    (found,) = _run("pad", np.array([1, 2, 3]), low=(1,), high=(2,), interior=(1,), value=9)
    assert found.tolist() == [9, 1, 9, 2, 9, 3, 9, 9]


def test_inputs_are_checked() -> None:
    builder = Builder()
    graph = builder.finish([builder.input(TensorType(F32, (2,)))])
    for wrong in ([], [np.zeros(2)], [np.zeros(3, np.float32)]):
        with pytest.raises(ValueError):
            evaluate(graph, wrong)
    given = np.zeros(2, np.float32)
    assert not np.shares_memory(evaluate(graph, [given])[0], given)


def _erf(x: Array) -> Array:
    return np.vectorize(math.erf)(x)


_X = np.array([[-30.0, -3.5, -1.0, -0.25], [0.0, 0.5, 2.0, 40.0], [1.0, 1.0, 1.0, 1.0]])
_SHIFTED = _X - _X.max(1, keepdims=True)


@pytest.mark.parametrize(
    ("name", "attributes", "expected"),
    [
        ("sigmoid", {}, lambda x: 1 / (1 + np.exp(-x))),
        ("silu", {}, lambda x: x / (1 + np.exp(-x))),
        ("gelu", {"approximate": "none"}, lambda x: x * (1 + _erf(x / math.sqrt(2))) / 2),
        ("gelu", {"approximate": "tanh"},
         lambda x: x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))) / 2),
        ("softplus", {"beta": 2.0, "threshold": 3.0}, lambda x: np.where(2 * x > 3, x, np.log1p(np.exp(2 * x)) / 2)),
        ("elu", {"alpha": 1.5, "scale": 2.0, "input_scale": 0.5},
         lambda x: np.where(x > 0, 2 * x, 3 * np.expm1(np.minimum(x, 0) / 2))),
        ("hardtanh", {"low": -1.0, "high": 0.75}, lambda x: np.clip(x, -1, 0.75)),
        ("hardsigmoid", {}, lambda x: np.clip(x + 3, 0, 6) / 6),
        ("hardswish", {}, lambda x: x * np.clip(x + 3, 0, 6) / 6),
        ("leaky_relu", {"slope": 0.25}, lambda x: np.where(x > 0, x, x / 4)),
        ("relu", {}, lambda x: np.maximum(x, 0)),
        ("rsqrt", {}, lambda x: x**-0.5),
        ("reciprocal", {}, lambda x: 1 / x),
        ("mish", {}, lambda x: x * np.tanh(np.log1p(np.exp(x)))),
        ("sign", {}, np.sign),
        ("softmax", {"dim": 1}, lambda x: np.exp(_SHIFTED) / np.exp(_SHIFTED).sum(1, keepdims=True)),
        ("log_softmax", {"dim": 1}, lambda x: _SHIFTED - np.log(np.exp(_SHIFTED).sum(1, keepdims=True))),
        ("logsumexp", {"dims": (1,)}, lambda x: np.log(np.exp(x).sum(1))),
        ("mean", {"dims": (0, 1)}, lambda x: x.mean()),
        ("var", {"dims": (1,), "correction": 1}, lambda x: x.var(1, ddof=1)),
        ("layer_norm", {"dims": (1,), "eps": 0.5},
         lambda x: (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 0.5)),
        ("group_norm", {"groups": 4, "eps": 0.5}, lambda x: 0 * x),
    ],
)  # fmt: skip
def test_composites_are_their_formulas(
    name: str, attributes: dict[str, Any], expected: Callable[[Array], Array]
) -> None:
    with np.errstate(all="ignore"):
        wanted = np.asarray(expected(_X))
    (found,) = _run(name, _X, **attributes)
    np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-15)
    (single,) = _run(name, _X.astype(np.float32), **attributes)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, wanted, rtol=1e-4, atol=1e-6)


def test_infinities_in_composites() -> None:
    x = np.array([[-np.inf, -np.inf], [np.inf, 1.0], [1000.0, 1000.0], [np.nan, 0.0]], np.float32)
    (found,) = _run("logsumexp", x, dims=(1,))
    np.testing.assert_allclose(found, [-np.inf, np.inf, 1000 + math.log(2), np.nan], rtol=1e-6)
    assert _run("logsumexp", np.zeros((1, 0), np.float32), dims=(1,))[0].tolist() == [-np.inf]
    np.testing.assert_equal(
        _run("softmax", x, dim=1)[0], np.array([[np.nan] * 2, [np.nan] * 2, [0.5] * 2, [np.nan] * 2])
    )
    assert np.isnan(_run("mean", np.zeros((1, 0), np.float32), dims=(1,))[0]).all()


def test_sums_of_integers_wrap() -> None:
    assert _run("reduce", np.full(3, 100, np.int8), op="add", dims=(0,))[0] == 44
    assert _run("scan", np.full(3, 100, np.int8), op="add", dim=0)[0].tolist() == [100, -56, 44]
    assert _run("reduce", np.zeros((0, 2), np.uint64), op="min", dims=(0,))[0].tolist() == [2**64 - 1] * 2
    assert _run("dot", np.full((1, 1, 2), 2**62), np.full((1, 2, 1), 2))[0].tolist() == [[[0]]]
    assert I64.max == 2**63 - 1
