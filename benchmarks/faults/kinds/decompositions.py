"""Composite operators taken apart into formulas that are not the same."""

from __future__ import annotations

from typing import Any

from misfold.compiler.graph import decompositions as formulas

from ..catalogue import seeded
from ..witnesses import graph


def _formula(name: str) -> str:
    return f"graph.decompositions:{name}"


@seeded(
    "softmax-without-shift",
    project="TVM, ONNX Runtime",
    models="softmax as exp(x) / sum(exp(x)), which overflows for large x",
    place=_formula("softmax"),
    trigger="softmax of numbers above 88",
    witness=graph(
        'def program(x: "float32[4, 8]"):\n    v0 = torch.mul(x, 20.0)\n    v1 = torch.softmax(v0, 1)\n'
        "    return (v1,)\n"
    ),
)
def _(original: Any, x: Any, dim: int) -> Any:
    powers = formulas.exp(x)
    return powers / powers.sum([dim]).along([dim], x)


@seeded(
    "log-softmax-of-softmax",
    project="ONNX Runtime, Inductor",
    models="log_softmax as log(softmax(x)), which is -inf where softmax underflows",
    place=_formula("log_softmax"),
    trigger="log_softmax of numbers that are more than 104 apart",
    witness=graph(
        'def program(x: "float32[4, 8]"):\n    v0 = torch.mul(x, 20.0)\n    v1 = torch.log_softmax(v0, 1)\n'
        "    return (v1,)\n"
    ),
)
def _(original: Any, x: Any, dim: int) -> Any:
    return formulas.log(formulas.softmax(x, dim))


@seeded(
    "variance-without-correction",
    project="ONNX Runtime, TVM",
    models="the variance of a sample divided by n instead of n - 1",
    place=_formula("var"),
    trigger="var or std with a correction other than 0",
    witness=graph('def program(x: "float32[4, 8]"):\n    v0 = torch.var(x, 1)\n    return (v0,)\n'),
)
def _(original: Any, x: Any, dims: Any, correction: float) -> Any:
    return original(x, dims, 0.0)


@seeded(
    "gelu-approximated",
    project="ONNX Runtime, TVM",
    models="the exact gelu replaced by the approximation through tanh",
    place=_formula("gelu"),
    trigger="gelu without approximation",
    witness=graph(
        'def program(x: "float32[8]"):\n    v0 = torch.mul(x, 0.25)\n    v1 = torch.nn.functional.gelu(v0)\n'
        "    return (v1,)\n"
    ),
)
def _(original: Any, x: Any, approximate: str) -> Any:
    return original(x, "tanh")


@seeded(
    "layer-norm-adds-eps-late",
    project="ONNX Runtime, TVM",
    models="eps added to the standard deviation rather than to the variance",
    place=_formula("layer_norm"),
    trigger="layer_norm or group_norm of rows of small variance",
    witness=graph(
        'def program(x: "float32[4, 8]"):\n    v0 = torch.mul(x, 0.001)\n'
        "    v1 = torch.nn.functional.layer_norm(v0, [8])\n    return (v1,)\n"
    ),
)
def _(original: Any, x: Any, dims: Any, eps: float) -> Any:
    deviation = formulas._deviation(x, dims)
    variance = (deviation * deviation).sum(dims) / formulas.count(x, dims)
    return deviation / (formulas.sqrt(variance) + eps).along(dims, x)


@seeded(
    "elu-without-scale",
    project="ONNX Runtime, TVM",
    models="alpha left out on the negative side of elu, which only shows where it is not 1",
    place=_formula("elu"),
    trigger="elu, celu or selu of negative numbers with an alpha other than 1",
    witness=graph('def program(x: "float32[8]"):\n    v0 = torch.nn.functional.selu(x)\n    return (v0,)\n'),
)
def _(original: Any, x: Any, alpha: float, scale: float, input_scale: float) -> Any:
    return original(x, 1.0, scale, input_scale)


@seeded(
    "group-norm-groups-mixed",
    project="TVM, ONNX Runtime",
    models="group normalisation over one group too large or too small",
    place=_formula("group_norm"),
    trigger="group_norm with several groups",
    witness=graph(
        'def program(x: "float32[2, 4, 3]"):\n    v0 = torch.nn.functional.group_norm(x, 2)\n    return (v0,)\n'
    ),
)
def _(original: Any, x: Any, groups: int, eps: float) -> Any:
    return original(x, 1, eps)
