"""Tensors for the types in a call: four draws that tell calls which are invalid from calls with unlucky elements.

- ``SAFE``: floats in (0.1, 0.9), square matrices with a heavy diagonal, so that they can be inverted and factorised;
  integers 0, which index anything; booleans True.
- ``WIDE``: floats from a normal distribution, integers 1 to 97, alternating booleans: what demands anything of its
  elements refuses these.
- ``LINE``: floats in (0.1, 0.9), so probabilities, whatever the shape; integers 0, 1, 2, … so permutations.
- ``ONES``: ones.
"""

from __future__ import annotations

from functools import lru_cache

import torch

from misfold.programs.types import TensorType

from ..calling import TORCH_DTYPES

SAFE, WIDE, LINE, ONES = range(4)
DRAWS = (SAFE, WIDE, LINE, ONES)
# Prime, above any dimension that traces have, within int8.
_HIGH = 97


@lru_cache(maxsize=8192)
def _base(kind: TensorType, draw: int) -> torch.Tensor:
    dtype, shape = TORCH_DTYPES[kind.dtype.name], kind.shape
    generator = torch.Generator().manual_seed(draw)
    if draw == ONES:
        return torch.ones(shape, dtype=dtype)
    if kind.dtype.is_float:
        if draw == WIDE:
            return torch.randn(shape, generator=generator).to(dtype)
        values = torch.rand(shape, generator=generator) * 0.8 + 0.1
        if draw == SAFE and len(shape) > 1 and shape[-1] == shape[-2]:
            values = values + torch.eye(shape[-1]) * shape[-1]
        return values.to(dtype)
    flat = torch.arange(kind.elements)
    if kind.dtype.kind == "bool":
        if draw == SAFE:
            return torch.ones(shape, dtype=dtype)
        # At least one element is False, so that what counts elements sees a difference.
        return (flat % 2 == 1).reshape(shape)
    if draw == SAFE:
        return torch.zeros(shape, dtype=dtype)
    if draw == LINE:
        # Small types would wrap, which makes a negative index of a position.
        return (flat % _HIGH).reshape(shape).to(dtype)
    return torch.randint(1, _HIGH + 1, shape, generator=generator).to(dtype)


def tensor(kind: TensorType, draw: int) -> torch.Tensor:
    """A fresh contiguous tensor of a type; the same elements at every call. ``kind``'s strides are not looked at."""
    return _base(kind, draw).clone()
