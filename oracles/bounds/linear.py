"""What is linear in each operand: its value, its magnitude, and errors by their difference."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ..exactness import grid_of
from .operands import BITS, combine
from .precision import gamma
from .shadow import INF, Shadow, bounded_type, denormal_error

Linear = Callable[..., Tensor]


def linear(
    function: Linear, operands: Sequence[Shadow], terms: float, dtype: torch.dtype, *, whole: bool = True,
    factors: float | None = None,
) -> Shadow:  # fmt: skip
    """The shadow of a sum of up to ``terms`` products, one factor from each operand, in any order.

    Args:
        function: linear in each argument, with no negative coefficients; it is called on values, on their absolute
            values, and on those with errors added. The difference of the last two is what the errors can do, and the
            last is what all partial sums stay below.
        operands: what it is called on.
        terms: how many products one element sums.
        dtype: of the result.
        whole: whether sums of small whole numbers are exact, which they are unless the function divides.
        factors: roundings of each product and of the result beyond those of the sum; by default as many as operands.
    """
    bounded_type(dtype)
    values = [item.wide() for item in operands]
    value = function(*values)
    if not value.numel():
        return Shadow(value, None, dtype)
    plain = all(item.error is None for item in operands)
    sizes = [item.abs() for item in values]
    bound = reach = function(*sizes)
    if not plain:
        reach = function(*(item.size() for item in operands))
    elif whole and fits(values, reach, dtype):
        return Shadow(value, denormal_error(value, dtype), dtype)
    extra = float(len(operands)) if factors is None else factors
    grown = gamma(max(terms - 1, 0) + extra, dtype)
    # The two magnitudes are themselves rounded in float64, and so is their difference.
    own = gamma(2 * terms + 4, torch.float64)
    if grown == INF:
        return Shadow(value, torch.full_like(value, INF), dtype)
    error = None if plain else (reach - bound).clamp_min(0.0)
    units = 1.0
    found = combine(value, reach * (grown + own) if error is None else error + reach * (grown + own), value.abs(),
                    units, dtype)  # fmt: skip
    if found.error is None:
        return found
    # A partial sum may overflow where the sum does not.
    largest = torch.finfo(dtype).max / 2
    if float(reach.max()) > largest or not bool(reach.isfinite().all()):
        return Shadow(value, found.error.where(reach <= largest, INF), dtype)
    return found


def fits(values: Sequence[Tensor], reach: Tensor, dtype: torch.dtype) -> bool:
    """Whether exact operands lie on grids so coarse that every partial sum, in any order, is a number of the type."""
    quantum = 0
    for item in values:
        grid = grid_of(item)
        if grid is None:
            return False
        quantum += grid.quantum
    return float(reach.max()) <= 2.0 ** (BITS[dtype] + quantum)
