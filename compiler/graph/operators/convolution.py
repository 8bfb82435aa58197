"""Convolution: what deep learning calls so, a cross-correlation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from misfold.compiler.graph.ir import TensorType

from .base import operator
from .checks import check_kind, shown, want
from .window import slide


@operator("convolution", 2, {"strides": "ints", "dilations": "ints", "groups": "int"})
def convolution(inputs: Sequence[TensorType], attributes: Mapping[str, Any]) -> list[TensorType]:
    """[N, C, *spatial] × [O, C/groups, *window] → [N, O, *windows]: output channel o is in group o // (O/groups) and
    sums ``x[n, group·C/groups + c, position·strides + k·dilations] · w[o, c, k]`` over c and k, in any order, as
    ``dot`` does. No padding."""
    x, w = inputs
    groups = attributes["groups"]
    want(x.dtype == w.dtype, f"convolution: operands must have one dtype, unlike {x.dtype} and {w.dtype}")
    check_kind("convolution", x.dtype, ("int", "uint", "float"))
    shapes = f"{shown(x.shape)} and {shown(w.shape)}"
    want(x.rank == w.rank >= 3, f"convolution takes [N, C, *spatial] and [O, C/groups, *window], not {shapes}")
    want(groups > 0, f"convolution: groups must be positive, not {groups}")
    want(
        w.shape[1] * groups == x.shape[1] and w.shape[0] % groups == 0,
        f"convolution: {groups} groups do not divide the channels of {shapes}",
    )
    moved = slide("convolution", x.shape[2:], w.shape[2:], attributes["strides"], attributes["dilations"])
    return [TensorType(x.dtype, (x.shape[0], w.shape[0], *moved))]
