"""How much one call may be off: the size of the noise that its operands and results get."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from misfold.programs.graph import Node

from . import kinds
from .calls import Call, Tensors
from .exactness import accumulates, magnitude
from .noise import ROUNDOFF, UNDERFLOW, accumulation

#: Roundings that one call may stand for: a library function is good to about 2 units (1 ulp), and random signs with
#: two units at each place exceed the root mean square of honest roundings (0.4 units) five times. Half types are
#: computed in float32 and rounded once, which makes it one unit.
UNITS = {torch.float16: 1.0, torch.bfloat16: 1.0}
OTHER_UNITS = 2.0
#: Below this a float is near enough to the denormals (of all types but float16) for underflow to be looked at.
SMALL = 1e-30
#: Largest relative error of torch's own trigamma, whose series ends early (``bounds.gamma_functions``): far more than
#: rounding in float64. What another library gives is nearer to the truth, and that far from torch's.
TRIGAMMA = 5e-10


def order_of(node: Node) -> int | None:
    """Which derivative of digamma an operator is, digamma itself being 0; None for other operators."""
    name = kinds.base_name(node.op)
    if name in ("digamma", "psi"):
        return 0
    if name != "polygamma":
        return None
    found = [item for item in (*node.args, *node.kwargs.values()) if isinstance(item, int)]
    return int(found[0]) if found else None


def derived(node: Node) -> float:
    """Relative error of a call's derivative in torch's own float64, beyond rounding."""
    return TRIGAMMA if order_of(node) == 0 else 0.0


def amount(dtype: torch.dtype, growth: float = 0.0) -> float:
    """Relative noise for a value of a type: its own rounding, and ``growth`` roundings in what it accumulates in."""
    if dtype not in ROUNDOFF:
        return 0.0
    units = UNITS.get(dtype, OTHER_UNITS)
    return units * (ROUNDOFF[dtype] + growth * accumulation(dtype))


@dataclass
class Rounding:
    """Noise for one call.

    ``inputs`` maps a type to the relative noise of operands of that type. ``outputs`` is that of results, ``scales``
    and ``share`` add a share of another tensor to each. ``underflow`` is the absolute noise of elements not zero.
    """

    inputs: Mapping[torch.dtype, float]
    outputs: float = 0.0
    scales: Sequence[torch.Tensor] = ()
    share: float = 0.0
    underflow: float = 0.0


NONE = Rounding({})


def rounding(
    node: Node, call: Call, own: Tensors, before: Tensors, results: Sequence[torch.Tensor], exact: bool, small: bool
) -> Rounding:
    """The noise of a call whose result is not exact.

    Args:
        call: the widened call.
        own: operands in the program's types, as they were before the call; ``before`` the same in float64.
        results: in the program's types.
        exact: whether all operands are exact.
        small: whether an operand has elements near the denormals.
    """
    floats = [item for item in results if item.dtype in ROUNDOFF]
    if not floats:
        return NONE
    name, dtype = kinds.base_name(node.op), floats[0].dtype
    types = {item.dtype for item in own.values() if item.dtype in ROUNDOFF}
    in_memory = accumulates(node, name)
    if (name in kinds.MOVE and not in_memory) or name in kinds.SELECT:
        # Only a conversion to a coarser type rounds, or a constant that the type cannot hold.
        finest = [ROUNDOFF.get(item.dtype, 1.0 if item.dtype is torch.bool else 0.0) for item in own.values()]
        if not exact and ROUNDOFF[dtype] <= max(finest, default=1.0):
            return NONE
        found = Rounding({}, amount(dtype))
    elif in_memory:
        # Every step rounds in the type of the memory itself.
        growth = 1 + math.sqrt(_length(node, name, before, results))
        found = Rounding({kind: growth * amount(kind) for kind in types}, growth * amount(dtype))
    elif name in kinds.SUM or name == "mean":
        length = _length(node, name, before, results)
        scales = None if name == "mean" else magnitude(call, before, node.uses)
        if scales is None:
            found = Rounding(
                {kind: amount(kind, math.sqrt(length)) for kind in types}, amount(dtype, math.sqrt(length))
            )
        else:
            # Rounding errors of a sum of n terms in any order are at most n·u·Σ|terms|; those of honest orders behave
            # like random walks or better, √n·u·Σ|terms| at most.
            share = accumulation(dtype) * (1 + 2 * math.sqrt(length))
            found = Rounding({}, amount(dtype), scales, share)
    elif name in kinds.ARITHMETIC:
        inner = bool(node.kwargs) or name in ("addcmul", "cross")
        found = Rounding({kind: amount(kind) for kind in types} if inner else {}, amount(dtype))
    else:
        length = _length(node, name, before, results)
        growth = math.sqrt(length) / 4 if length > 1 else 0.0
        own_error = TRIGAMMA if order_of(node) == 1 else 0.0
        found = Rounding({kind: amount(kind, growth) for kind in types}, amount(dtype, growth) + own_error)
        if name in kinds.BOUNDED:
            found.scales = [torch.ones((), dtype=torch.float64).expand(item.shape) for item in results]
            found.share = amount(dtype)
    if small or dtype is torch.float16 or any(bool((item.abs() < SMALL).any()) for item in floats):
        found.underflow = UNDERFLOW[dtype]
    return found


def _length(node: Node, name: str, before: Tensors, results: Sequence[torch.Tensor]) -> int:
    """About how many terms one element of the result sums, never less than 1."""
    operands = [item.numel() for item in before.values()]
    result = max((item.numel() for item in results), default=1)
    if not operands or result == 0 or max(operands) == 0:
        return 1
    if name.startswith("conv") and len(node.uses) > 1:
        weight = before[node.uses[1]]
        return max(weight.numel() // max(weight.shape[0], 1), weight.numel() // max(weight.shape[-1], 1), 1)
    if name in kinds.BILINEAR and len(operands) > 1:
        return max(int(math.sqrt(operands[0] * operands[1] / result)), 1)
    if name in kinds.REDUCING or name in ("cumsum", "logcumsumexp") or name in kinds.IN_MEMORY or "linalg" in node.op:
        return max(*(max(item.shape, default=1) for item in before.values()), 1)
    return max(max(operands) // result, 1)
