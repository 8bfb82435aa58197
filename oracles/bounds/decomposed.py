"""Operators that are followed through PyTorch's own decompositions, where these are how everybody computes them."""

from __future__ import annotations

from functools import cache
from typing import Any

#: Losses and functions whose formula has no better or worse form, so that its roundings are those of any honest
#: evaluation: sums, products, absolute values, and functions that have rules of their own.
_NAMES = frozenset(
    """
    binary_cross_entropy binary_cross_entropy_with_logits dist glu huber_loss l1_loss mse_loss multi_margin_loss
    multilabel_margin_loss_forward nll_loss2d_forward nll_loss_forward smooth_l1_loss soft_margin_loss
    """.split()
)


@cache
def _table() -> Any:
    import torch._decomp

    return torch._decomp.decomposition_table


def decomposition(name: str, function: Any) -> Any:
    """The decomposition of an operator that is to be followed through it, or None."""
    if name not in _NAMES:
        return None
    return _table().get(function)
