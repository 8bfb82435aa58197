"""Where the elements of PyTorch's tensors lie."""

from __future__ import annotations

from collections.abc import Sequence

import torch


def strides_of(tensor: torch.Tensor) -> tuple[int, ...] | None:
    """Strides in elements; None: row-major."""
    return None if tensor.is_contiguous() else tuple(tensor.stride())


def has_own_places(shape: Sequence[int], strides: Sequence[int]) -> bool:
    """Whether no two elements share memory, so that a tensor of these strides can be written.

    Sufficient, not necessary: each dimension must step over all that smaller strides reach.
    """
    reach = 0
    for stride, size in sorted((stride, size) for stride, size in zip(strides, shape) if size != 1):
        if stride <= reach:
            return False
        reach += (size - 1) * stride
    return True


def dense_order(shape: Sequence[int], strides: Sequence[int]) -> tuple[int, ...] | None:
    """The dimensions from the outermost in memory to the innermost, if the elements fill memory without gaps."""
    order = sorted(range(len(shape)), key=lambda dim: (-strides[dim], -shape[dim]))
    expected = 1
    for dim in reversed(order):
        if shape[dim] != 1 and strides[dim] != expected:
            return None
        expected *= shape[dim]
    return tuple(order)
