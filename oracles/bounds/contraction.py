"""Matrix products and convolutions: sums of products in any order and blocking, with or without FMA.

Algorithms that trade additions for accuracy (Strassen, Winograd, by Fourier transform) satisfy weaker, normwise bounds
(Higham 2002, chapter 23) and are not taken in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from .arithmetic import product_of, sum_of
from .linear import linear
from .operands import Operand, operand
from .registry import Applied, rule
from .shadow import Shadow, Undecided


def product(
    call: Applied, function: Callable[..., Tensor], operands: list[Shadow], terms: int, dtype: torch.dtype
) -> Shadow:
    """A product of shadows, undecided for integers with undecided elements."""
    if not dtype.is_floating_point:
        if any(item.error is not None for item in call.shadows()):
            raise Undecided(f"{call.name} of undecided elements")
        return Shadow(call.own[0].detach(), None, dtype)
    return linear(function, operands, max(terms, 1), dtype)


@rule("mm", "bmm", "mv", "dot", "vdot", "ger", "outer")
def multiplied(call: Applied) -> Shadow:
    """Products along the last dimension of the first operand."""
    left, right = call.args[0], call.args[1]
    terms = 1 if call.name in ("ger", "outer") else left.shape[-1]
    function = torch.dot if call.name == "vdot" else call.function
    return product(call, function, [left, right], terms, call.dtype)


#: The product inside each, and how many leading dimensions of the operands it sums over as well.
_ADDED: dict[str, Callable[..., Tensor]] = {
    "addmm": torch.mm,
    "baddbmm": torch.bmm,
    "addbmm": lambda left, right: torch.bmm(left, right).sum(0),
    "addmv": torch.mv,
    "addr": torch.outer,
    "_addmm_activation": torch.mm,
}


@rule("addmm", "baddbmm", "addbmm", "addmv", "addr")
def multiplied_and_added(call: Applied) -> Shadow:
    """beta·input + alpha·(a·b): the input may be the first or the last term that is added."""
    start, left, right = call.args[:3]
    if not call.dtype.is_floating_point:
        return product(call, torch.mm, [], 1, call.dtype)
    terms = 1 if call.name == "addr" else left.shape[-1]
    if call.name == "addbmm":
        terms *= left.shape[0]
    # one more for the input, which counts as a term
    inner = product(call, _ADDED[call.name], [left, right], terms + 1, call.dtype)
    total = Operand(inner.value, inner.error)
    for key, position in (("alpha", 4), ("beta", 3)):
        scale = call.get(position, key, 1)
        if scale != 1 and key == "alpha":
            found = product_of(total, operand(scale, call.dtype), 1, call.dtype)
            total = Operand(found.value, found.error)
    given = operand(start, call.dtype)
    beta = call.get(3, "beta", 1)
    if beta == 0:
        return Shadow(total.value, total.error, call.dtype)
    if beta != 1:
        found = product_of(given, operand(beta, call.dtype), 1, call.dtype)
        given = Operand(found.value, found.error)
    return _added(given, total, inner, left, right, _ADDED[call.name], call.dtype)


def _added(
    given: Operand, total: Operand, inner: Shadow, left: Shadow, right: Shadow, function: Callable[..., Tensor],
    dtype: torch.dtype,
) -> Shadow:  # fmt: skip
    if given.error is None and total.error is None:
        found = sum_of(given, total, 1, dtype)
        if found.error is None:
            return found
    return sum_of(given, total, 2, dtype)


@rule("convolution", "_convolution", "mkldnn_convolution", "convolution_overrideable", "thnn_conv2d", "slow_conv3d")
def convolved(call: Applied) -> Shadow:
    """Sums over channels and the window, and the bias."""
    if call.name not in ("convolution", "_convolution"):
        raise Undecided(f"no error bound is known for {call.name}")
    source, weight, bias = call.args[:3]
    transposed = call.get(6, "transposed", False)
    groups = call.get(8, "groups", 1)
    window = 1
    for size in weight.shape[2:]:
        window *= size
    channels = weight.shape[0] // groups if transposed else weight.shape[1]
    settings = call.args[3:9]

    def function(left: Tensor, right: Tensor) -> Tensor:
        result: Tensor = torch.ops.aten.convolution(left, right, None, *settings)
        return result

    inner = product(call, function, [source, weight], channels * window + 1, call.dtype)
    if bias is None or not call.dtype.is_floating_point:
        return inner
    shape = (-1, *(1 for _ in call.own[0].shape[2:]))
    given = operand(bias, call.dtype)
    error: Any = None if given.error is None else given.error.reshape(shape)
    given = Operand(given.value.reshape(shape), error)
    total = Operand(inner.value, inner.error)
    return _added(given, total, inner, source, weight, function, call.dtype)


@rule("_trilinear")
def trilinear(call: Applied) -> Shadow:
    """Sums of products of three."""
    shadows = list(call.args[:3])
    rest = call.args[3:]
    terms = 1
    for item in call.args[6]:
        sizes = [shadow.shape[item] for shadow in shadows if shadow.value.dim() > item]
        terms *= max(sizes, default=1)
    dims = call.own[0].numel() or 1
    total = max(shadow.value.numel() for shadow in shadows)
    terms = max(terms, total // dims, 1) * max(total, 1) if terms == 1 else terms * max(total // dims, 1)
    return product(call, lambda *tensors: call.function(*tensors, *rest), shadows, terms, call.dtype)
