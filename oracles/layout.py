"""Whether eager itself minds the memory layout of operands: kernels that ignore strides read what is not theirs."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from misfold.programs.aliasing import may_be_view
from misfold.programs.graph import Node

from .calls import Call, Tensors
from .kinds import base_name, is_random

#: Operators whose result is defined by memory rather than by elements.
_READERS = frozenset("as_strided as_strided_copy as_strided_scatter".split())
# Elements that differ by more than this share of the largest one differ by more than by the order of a sum.
_SHARE = {torch.float16: 0.1, torch.bfloat16: 0.1}
_OTHER_SHARE = 0.01


def layout_agrees(node: Node, call: Call, own: Tensors, results: Sequence[torch.Tensor]) -> tuple[bool, str | None]:
    """Run a call again on contiguous copies of its operands, if some are not contiguous.

    Args:
        own: operands in the program's types; the call must not write them.
        results: what it gave on them.

    Returns:
        Whether the results are the same bit for bit, and why they cannot be trusted if they are far apart.
    """
    odd = any(not item.is_contiguous() for item in own.values())
    if not odd or base_name(node.op) in _READERS or is_random(node):
        return True, None
    if may_be_view(node) and any(_shares(item, own) for item in results):
        return True, None
    try:
        with torch.no_grad():
            again = call({name: item.contiguous() for name, item in own.items()})
    except (RuntimeError, TypeError, ValueError, IndexError, NotImplementedError):
        return True, None
    same = True
    for left, right in zip(results, again, strict=False):
        if left.shape == right.shape and torch.equal(left, right):
            continue
        same = False
        if not _near(left, right):
            return False, f"eager's {node.op} gives something else on the same elements in contiguous memory"
    return same, None


def _shares(item: torch.Tensor, own: Tensors) -> bool:
    pointer = item.untyped_storage().data_ptr()
    return any(other.untyped_storage().data_ptr() == pointer for other in own.values())


def _near(left: torch.Tensor, right: torch.Tensor) -> bool:
    if left.shape != right.shape or not left.is_floating_point():
        return False
    share = _SHARE.get(left.dtype, _OTHER_SHARE)
    left, right = left.double(), right.double()
    finite = left.isfinite()
    if not torch.equal(finite, right.isfinite()) or not torch.equal(left.isnan(), right.isnan()):
        return False
    left, right = left.where(finite, 0.0), right.where(finite, 0.0)
    return left.numel() == 0 or bool(((left - right).abs() <= share * left.abs().max()).all())
