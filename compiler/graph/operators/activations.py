"""Composite elementwise functions of neural networks. The formulas are those of PyTorch's functions of these names;
``graph.decompositions`` computes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from misfold.compiler.graph.ir import TensorType

from .base import operator
from .checks import check_kind, check_one_of, want


def _same(name: str, inputs: Sequence[TensorType], kinds: Sequence[str] = ("float",)) -> list[TensorType]:
    check_kind(name, inputs[0].dtype, kinds)
    return [TensorType(inputs[0].dtype, inputs[0].shape)]


def _register(name: str, attributes: Mapping[str, str], kinds: Sequence[str], doc: str) -> None:
    def infer(inputs: Sequence[TensorType], attributes: Mapping[str, Any]) -> list[TensorType]:
        return _same(name, inputs, kinds)

    infer.__doc__ = doc
    operator(name, 1, attributes, composite=True)(infer)


_FLOATS, _NUMBERS = ("float",), ("int", "uint", "float")

for _name, _attributes, _kinds, _doc in (
    ("sigmoid", {}, _FLOATS, "1 / (1 + e^-x)."),
    ("silu", {}, _FLOATS, "x · sigmoid(x)."),
    ("softplus", {"beta": "float", "threshold": "float"}, _FLOATS,
     "log(1 + e^(beta·x)) / beta; x where beta·x > threshold."),
    ("elu", {"alpha": "float", "scale": "float", "input_scale": "float"}, _FLOATS,
     "scale · (x where x > 0, else alpha · (e^(input_scale·x) - 1)); NaN for NaN."),
    ("hardsigmoid", {}, _FLOATS, "min(max(x + 3, 0), 6) / 6."),
    ("hardswish", {}, _FLOATS, "x · min(max(x + 3, 0), 6) / 6."),
    ("leaky_relu", {"slope": "float"}, _FLOATS, "x where x > 0, else slope · x."),
    ("relu", {}, _NUMBERS, "max(x, 0)."),
    ("rsqrt", {}, _FLOATS, "1 / sqrt(x)."),
    ("reciprocal", {}, _FLOATS, "1 / x."),
    ("mish", {}, _FLOATS, "x · tanh(log(1 + e^x))."),
    ("sign", {}, _NUMBERS, "-1, 0 or 1; 0 for NaN and for zeros of both signs."),
):  # fmt: skip
    _register(_name, _attributes, _kinds, _doc)


@operator("gelu", 1, {"approximate": "str"}, composite=True)
def gelu(inputs: Sequence[TensorType], attributes: Mapping[str, Any]) -> list[TensorType]:
    """``none``: x · (1 + erf(x/√2)) / 2. ``tanh``: x · (1 + tanh(√(2/π) · (x + 0.044715·x³))) / 2."""
    check_one_of("gelu", "approximate", attributes["approximate"], ("none", "tanh"))
    return _same("gelu", inputs)


@operator("hardtanh", 1, {"low": "number", "high": "number"}, composite=True)
def hardtanh(inputs: Sequence[TensorType], attributes: Mapping[str, Any]) -> list[TensorType]:
    """min(max(x, low), high): ``high`` where low > high. The bounds are floats for floats, and rounded to the dtype;
    ints in range for integers."""
    made = _same("hardtanh", inputs, _NUMBERS)
    dtype = inputs[0].dtype
    for name in ("low", "high"):
        value = attributes[name]
        fits = type(value) is float if dtype.is_float else type(value) is int and dtype.min <= value <= dtype.max
        want(fits, f"hardtanh: {name} must be a number of {dtype}, not {value!r}")
    return made
