"""Composite functions that bring tensors to one scale, and the statistics they need. Floats only.

All are computed in the dtype of their input: whoever builds a graph casts f16 and bf16 up before and down after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from misfold.compiler.graph.ir import TensorType

from .base import operator
from .checks import check_dim, check_dims, check_kind, shown, want
from .reduction import without


def _floats(name: str, x: TensorType) -> TensorType:
    check_kind(name, x.dtype, ("float",))
    return TensorType(x.dtype, x.shape)


@operator("softmax", 1, {"dim": "int"}, composite=True)
def softmax(inputs: Sequence[TensorType], attributes: Mapping[str, Any]) -> list[TensorType]:
    """e^(x - m) / Σ e^(x - m) along ``dim``, with m the largest element. NaN where all are -inf."""
    check_dim("softmax", attributes["dim"], inputs[0].rank)
    return [_floats("softmax", inputs[0])]


@operator("log_softmax", 1, {"dim": "int"}, composite=True)
def log_softmax(inputs: Sequence[TensorType], attributes: Mapping[str, Any]) -> list[TensorType]:
    """(x - m) - log Σ e^(x - m) along ``dim``, with m the largest element. NaN where all are -inf."""
    check_dim("log_softmax", attributes["dim"], inputs[0].rank)
    return [_floats("log_softmax", inputs[0])]


def _reduced(name: str, inputs: Sequence[TensorType], attributes: Mapping[str, Any]) -> list[TensorType]:
    x = _floats(name, inputs[0])
    check_dims(name, attributes["dims"], x.rank)
    return [TensorType(x.dtype, without(x.shape, attributes["dims"]))]


@operator("logsumexp", 1, {"dims": "ints"}, composite=True)
def logsumexp(inputs: Sequence[TensorType], attributes: Mapping[str, Any]) -> list[TensorType]:
    """m + log Σ e^(x - m) along ``dims``, which disappear; m is the largest element, or 0 where that is infinite: -inf
    where all are -inf or there are none."""
    return _reduced("logsumexp", inputs, attributes)


@operator("mean", 1, {"dims": "ints"}, composite=True)
def mean(inputs: Sequence[TensorType], attributes: Mapping[str, Any]) -> list[TensorType]:
    """Σ x / n along ``dims``, which disappear. NaN where there are none."""
    return _reduced("mean", inputs, attributes)


@operator("var", 1, {"dims": "ints", "correction": "number"}, composite=True)
def var(inputs: Sequence[TensorType], attributes: Mapping[str, Any]) -> list[TensorType]:
    """Σ (x - mean)² / max(n - correction, 0) along ``dims``, which disappear, in two passes."""
    want(type(attributes["correction"]) is not bool, "var: correction must be an int or a float")
    return _reduced("var", inputs, attributes)


@operator("layer_norm", 1, {"dims": "ints", "eps": "float"}, composite=True)
def layer_norm(inputs: Sequence[TensorType], attributes: Mapping[str, Any]) -> list[TensorType]:
    """(x - mean) / sqrt(var + eps), both along ``dims`` and the latter without correction; no affine part."""
    check_dims("layer_norm", attributes["dims"], inputs[0].rank)
    return [_floats("layer_norm", inputs[0])]


@operator("group_norm", 1, {"groups": "int", "eps": "float"}, composite=True)
def group_norm(inputs: Sequence[TensorType], attributes: Mapping[str, Any]) -> list[TensorType]:
    """[N, C, *]: as ``layer_norm`` over each group of C/groups neighbouring channels; no affine part."""
    (x,), groups = inputs, attributes["groups"]
    want(x.rank >= 2, f"group_norm takes [N, C, *], not {shown(x.shape)}")
    want(groups > 0 and x.shape[1] % groups == 0, f"group_norm: {groups} groups do not divide {x.shape[1]} channels")
    return [_floats("group_norm", x)]
