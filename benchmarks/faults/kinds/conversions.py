"""Operators of the framework translated into the wrong computation."""

from __future__ import annotations

from typing import Any

from ..catalogue import seeded
from ..witnesses import graph


def _aten(path: str) -> str:
    return f"frontend.aten.{path}"


@seeded(
    "sub-without-alpha",
    project="ONNX Runtime, TVM",
    models="a rarely given argument is not read: alpha of sub",
    place=_aten("arithmetic:sub"),
    trigger="torch.sub with alpha",
    witness=graph(
        'def program(x: "float32[8]", y: "float32[8]"):\n    v0 = torch.sub(x, y, alpha=3)\n    return (v0,)\n'
    ),
)
def _(original: Any, c: Any, a: Any, b: Any, alpha: Any = 1) -> Any:
    return original(c, a, b)


@seeded(
    "sub-turned-round-by-broadcast",
    project="ONNX Runtime, TVM",
    models="operands exchanged so that the larger comes first, for an operator that does not commute",
    place=_aten("arithmetic:sub"),
    trigger="sub with a first operand of fewer dimensions than the second",
    witness=graph('def program(x: "float32[4]", y: "float32[3, 4]"):\n    v0 = torch.sub(x, y)\n    return (v0,)\n'),
)
def _(original: Any, c: Any, a: Any, b: Any, alpha: Any = 1) -> Any:
    turned = hasattr(b, "rank") and a.rank < b.rank and alpha == 1
    return original(c, b, a) if turned else original(c, a, b, alpha)


@seeded(
    "fmod-is-remainder",
    project="TVM, XLA",
    models="fmod translated to the remainder with the sign of the divisor",
    place=_aten("arithmetic:fmod"),
    trigger="fmod of operands of different signs",
    witness=graph('def program(x: "int32[16]"):\n    v0 = torch.fmod(x, 4)\n    return (v0,)\n'),
)
def _(original: Any, c: Any, a: Any, b: Any) -> Any:
    a, b = c.operands(a, b)
    return a % b


@seeded(
    "padding-always-counts",
    project="ONNX Runtime, TVM",
    models="count_include_pad=False of average pooling is ignored",
    place=_aten("pooling:_divisor"),
    trigger="avg_pool with padding and count_include_pad=False",
    witness=graph(
        'def program(x: "float32[1, 1, 8]"):\n'
        "    v0 = torch.nn.functional.avg_pool1d(x, 4, 4, 2, count_include_pad=False)\n    return (v0,)\n"
    ),
)
def _(original: Any, x: Any, made: Any, window: Any, stride: Any, low: Any, include: bool, divisor: Any) -> Any:
    return original(x, made, window, stride, low, True, divisor)


@seeded(
    "transposed-kernel-not-flipped",
    project="TVM, ONNX Runtime",
    models="a transposed convolution as a convolution with the kernel as it is",
    place=_aten("convolution:convolve_transposed"),
    trigger="conv_transpose, and the derivative of a convolution",
    witness=graph(
        'def program(x: "float32[1, 2, 6]", w: "float32[2, 3, 3]"):\n'
        "    v0 = torch.nn.functional.conv_transpose1d(x, w)\n    return (v0,)\n"
    ),
)
def _(original: Any, x: Any, weight: Any, stride: Any, padding: Any, dilation: Any, more: Any, groups: int) -> Any:
    return original(x, weight.reverse(range(2, weight.rank)), stride, padding, dilation, more, groups)


@seeded(
    "groups-interleaved",
    project="TVM, ONNX Runtime",
    models="channels of a grouped convolution dealt out one by one instead of in blocks",
    place=_aten("convolution:convolve"),
    trigger="a convolution with several groups of several channels",
    witness=graph(
        'def program(x: "float32[1, 4, 6]", w: "float32[2, 2, 3]"):\n'
        "    v0 = torch.nn.functional.conv1d(x, w, None, 1, 0, 1, 2)\n    return (v0,)\n"
    ),
)
def _(original: Any, x: Any, weight: Any, stride: Any, low: Any, high: Any, dilation: Any, groups: int) -> Any:
    if groups > 1:
        batch, channels, *rest = x.shape
        x = x.reshape(batch, channels // groups, groups, *rest).transpose(1, 2).reshape(*x.shape)
    return original(x, weight, stride, low, high, dilation, groups)


@seeded(
    "negative-indices-stay",
    project="ONNX Runtime, Inductor",
    models="negative positions are not counted from the end",
    place="frontend.tensor:Tensor.wrapped",
    trigger="index, take or index_fill with a negative position",
    witness=graph(
        'def program(x: "float32[8]", i: "int64[3]"):\n    v0 = torch.take(x, i)\n    return (v0,)\n', i=[-1, 2, -3]
    ),
    shows="run-error",
)
def _(original: Any, self: Any, size: int) -> Any:
    from misfold.compiler.dtypes import I64

    return self.cast(I64)


@seeded(
    "scatter-reduce-includes-self",
    project="Inductor, TVM",
    models="include_self=False of scatter_reduce is ignored",
    place=_aten("scattering:_reduced"),
    trigger="scatter_reduce or index_reduce with include_self=False",
    witness=graph(
        'def program(x: "int64[4]", i: "int64[4]", s: "int64[4]"):\n'
        "    v0 = torch.scatter_reduce(x, 0, i, s, 'sum', include_self=False)\n    return (v0,)\n",
        i=[0, 0, 2, 3],
        x=[5, 6, 7, 8],
    ),
)
def _(original: Any, x: Any, updates: Any, places: Any, reduce: str, include_self: bool) -> Any:
    return original(x, updates, places, reduce, True)


@seeded(
    "topk-of-the-largest-only",
    project="ONNX Runtime, TVM",
    models="largest=False of topk is ignored",
    place=_aten("sorting:topk"),
    trigger="topk with largest=False",
    witness=graph(
        'def program(x: "float32[9]"):\n    v0, v1 = torch.topk(x, 3, 0, False)\n    return (v0,)\n',
        x=[3.0, -1.0, 7.0, 5.0, 0.0, 2.0, -4.0, 9.0, 8.0],
    ),
)
def _(original: Any, c: Any, x: Any, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    return original(c, x, k, dim)


@seeded(
    "cumulative-product-is-a-sum",
    project="TVM",
    models="two operators that share a translation: the second gets the first one's",
    place=_aten("reductions:cumulative"),
    trigger="cumprod",
    witness=graph('def program(x: "int64[6]"):\n    v0 = torch.cumprod(x, 0)\n    return (v0,)\n'),
)
def _(original: Any, c: Any, x: Any, dim: int, dtype: Any = None) -> Any:
    x = x.cast(c.dtype).cast(c.computing)
    return x.one("scan", op="add", dim=dim % x.rank) if x.rank else x


@seeded(
    "index-put-never-accumulates",
    project="Inductor, ONNX Runtime",
    models="accumulate=True of index_put is ignored: of values for one place the last one stays",
    place=_aten("scattering:index_put"),
    trigger="index_put with accumulate=True, and the derivative of indexing",
    witness=graph(
        'def program(x: "int64[4]", i: "int64[3]", y: "int64[3]"):\n'
        "    v0 = torch.index_put(x, (i,), y, True)\n    return (v0,)\n",
        i=[1, 1, 3],
    ),
)
def _(original: Any, c: Any, x: Any, indices: Any, values: Any, accumulate: bool = False) -> Any:
    return original(c, x, indices, values, False)


@seeded(
    "clamp-without-lower-bound",
    project="ONNX Runtime",
    models="of two optional bounds only the second is looked at when both are given",
    place=_aten("arithmetic:clamp"),
    trigger="clamp with both bounds",
    witness=graph('def program(x: "float32[8]"):\n    v0 = torch.clamp(x, -3.0, 5.0)\n    return (v0,)\n'),
)
def _(original: Any, c: Any, x: Any, min: Any = None, max: Any = None) -> Any:
    return original(c, x, min if max is None else None, max)
