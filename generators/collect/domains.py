"""Which values an operator takes: recipes that a sample tensor suggests, in the order in which they are tried.

The most general comes first, so that a record says as little about values as the operator demands; what remains in
doubt is decided by execution (see ``verifying``).
"""

from __future__ import annotations

from typing import Any

import torch

from ..calling import is_finite
from ..undefined import last_name

Recipe = dict[str, Any]

# A literal longer than this is no longer readable in a case file.
MAX_VALUES = 64

#: Floats: unrestricted; inside (-1, 1); positive; inside (0, 1); above 1. Away from the ends, where functions such as
#: atanh or log are infinite.
FLOATS: tuple[Recipe, ...] = (
    {"draw": "normal"},
    {"draw": "uniform", "low": -0.9, "high": 0.9},
    {"draw": "uniform", "low": 0.1, "high": 2.0},
    {"draw": "uniform", "low": 0.1, "high": 0.9},
    {"draw": "uniform", "low": 1.1, "high": 3.0},
)

# Operators that trust their integer arguments: a wrong one is read or written out of bounds, or aborts the process.
# Their integers are kept as the sample has them.
UNCHECKED = frozenset(
    "embedding_bag ctc_loss max_unpool1d max_unpool2d max_unpool3d lu_unpack lu_solve ldl_solve".split()
)
# Arguments that have to be sorted: no recipe but the literal draws such.
SORTED = frozenset({"searchsorted", "bucketize"})


def general(tensor: torch.Tensor) -> Recipe:
    """The recipe that says least about a tensor of this element type."""
    if tensor.dtype is torch.bool:
        return {"draw": "bernoulli"}
    if tensor.is_floating_point():
        return dict(FLOATS[0])
    return {"draw": "integers", "low": -9 if tensor.dtype.is_signed else 0, "high": 9}


def literal(tensor: torch.Tensor) -> Recipe | None:
    """The sample's own elements, if they are few and finite."""
    if tensor.numel() > MAX_VALUES or not is_finite(tensor):
        return None
    return {"draw": "values", "values": tensor.flatten().tolist()}


def candidates(op: str, tensor: torch.Tensor, cautious: bool) -> list[Recipe]:
    """Recipes to try for one argument, most general first. ``cautious``: nothing beyond what the sample holds."""
    last = last_name(op)
    found: list[Recipe] = []
    if tensor.dtype is torch.bool:
        found = [{"draw": "bernoulli"}, {"draw": "constant", "value": True}, {"draw": "constant", "value": False}]
    elif tensor.is_floating_point():
        found = [dict(item) for item in FLOATS] if last not in SORTED else [dict(FLOATS[0])]
        found += _observed(tensor)
    elif last not in UNCHECKED:
        if not cautious and last not in SORTED:
            found = [general(tensor)]
        found += _observed(tensor)
    own = literal(tensor)
    if own is not None:
        found.append(own)
    return found


def _observed(tensor: torch.Tensor) -> list[Recipe]:
    """Recipes for a tensor like this one: its range, a permutation, a positive definite matrix."""
    found: list[Recipe] = []
    if tensor.numel() == 0 or not is_finite(tensor):
        return found
    low, high = (item.item() for item in torch.aminmax(tensor))
    whole = not tensor.is_floating_point() or bool((tensor == tensor.round()).all())
    if whole and abs(low) < 2**31 and abs(high) < 2**31:
        found.append({"draw": "integers", "low": int(low), "high": int(high)})
        if tensor.dim() and not tensor.is_floating_point():
            line = torch.arange(tensor.shape[-1], dtype=tensor.dtype)
            if bool((tensor.sort(-1).values == line).all()):
                found.append({"draw": "permutation"})
    if tensor.is_floating_point() and low < high:
        found.append({"draw": "uniform", "low": float(low), "high": float(high)})
    if tensor.is_floating_point() and tensor.dim() >= 2 and tensor.shape[-1] == tensor.shape[-2]:
        found.append({"draw": "definite"})
    return found
