"""Counts of elements by bins: an element whose bin is not decided may be in any that its error reaches.

Edges lie at low + i·(high - low)/bins, and elements are put between them by a quotient or by comparing, so that one
that is within a few roundings of an edge may go either way. Elements exactly at the ends of the range belong to it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .precision import BITS, UNIT
from .registry import Applied, rule
from .shadow import INF, Shadow, Undecided, bounded_type, settle

#: Roundings between an element and its place, in unit roundoffs of the place and of the ends against the width.
UNITS = 8.0


def counted(place: Tensor, slack: Tensor, inside: Tensor, bins: int, dtype: torch.dtype) -> Shadow:
    """How many elements there are in each of ``bins`` bins.

    Args:
        place: of each element, in bins from the lower end of the range.
        slack: how far honest evaluations may see it from there; 0 where it is decided by comparing exact numbers.
        inside: where an element is exactly at the upper end, which is in the last bin.
    """
    place = torch.where(inside, bins - 0.5, place)
    slack = torch.where(inside, 0.0, slack)
    first, last = (place - slack).floor(), (place + slack).floor()
    index = place.floor()
    value, error = torch.zeros(bins, dtype=torch.float64), torch.zeros(bins, dtype=torch.float64)
    within = (index >= 0) & (index < bins)
    value.index_add_(0, index[within].long(), torch.ones(int(within.sum()), dtype=torch.float64))
    open_ = (first != last) & (last >= 0) & (first < bins)
    for low, high in zip(
        first[open_].clamp(0, bins - 1).long().tolist(), last[open_].clamp(0, bins - 1).long().tolist()
    ):
        error[low : high + 1] += 1
    if float((value + error).max()) > 2.0 ** BITS[dtype]:
        raise Undecided("a count that the type cannot hold")
    return Shadow(value, error if bool(open_.any()) else None, dtype)


def _range(source: Shadow, low: float, high: float, margin: float) -> tuple[float, float]:
    """Ends of the range; equal ends mean those of the data, and a margin around a single number."""
    value = source.wide()
    if low != high:
        return low, high
    if source.error is not None:
        raise Undecided("the range of the bins is that of rounded elements")
    if value.numel():
        low, high = float(value.min()), float(value.max())
    return (low - margin, high + margin) if low == high else (low, high)


def _placed(source: Shadow, low: float, high: float, bins: int, dtype: torch.dtype) -> Shadow:
    value, unit = source.wide().reshape(-1), UNIT[dtype]
    width = high - low
    if not width > 0 or not bool(value.isfinite().all()):
        raise Undecided("a histogram without a finite range")
    place = (value - low) / width * bins
    # ends that are no elements may be rounded to the type
    held = all(float(torch.tensor(end, dtype=torch.float64).to(dtype)) == end for end in (low, high))
    slack = (place.abs() + (abs(low) + abs(high)) / width * bins) * (UNITS * unit)
    if source.error is not None:
        error = source.error.reshape(-1)
        slack = slack + error * bins / width
        exact = error == 0
    else:
        exact = torch.ones_like(value, dtype=torch.bool)
    exact = exact & held
    slack = torch.where(exact & (value == low), 0.0, slack)
    # far outside or exactly outside: compared, not placed
    outside = exact & ((value < low) | (value > high))
    place = torch.where(outside, -1.0, place)
    slack = torch.where(outside, 0.0, slack)
    return counted(place, slack, exact & (value == high), bins, dtype)


@rule("histc")
def by_equal_widths(call: Applied) -> Shadow:
    """Counts in the type of the elements."""
    dtype = bounded_type(call.dtype)
    source, bins = call.args[0], int(call.get(1, "bins", 100))
    low, high = (float(call.get(at, name, 0)) for at, name in ((2, "min"), (3, "max")))
    return _placed(source, *_range(source, low, high, 1.0), bins, dtype)


@rule("histogram")
def with_edges(call: Applied) -> list[Shadow]:
    """Counts or densities, and edges; weights are left undecided."""
    dtype = bounded_type(call.dtype)
    source = call.args[0]
    density = bool(call.kwargs.get("density", False))
    if call.kwargs.get("weight") is not None:
        raise Undecided("a histogram of weights")
    if call.overload == "bins_tensor":
        edges = call.args[1]
        if source.error is not None or edges.error is not None:
            raise Undecided("a histogram of rounded elements between given edges")
        if density:
            raise Undecided("a density between given edges")
        # compared with exact edges: nothing rounds
        return [Shadow(own.double(), None, dtype) for own in call.own]
    bins = int(call.get(1, "bins", 100))
    given = call.kwargs.get("range")
    low, high = (float(given[0]), float(given[1])) if given else (0.0, 0.0)
    low, high = _range(source, low, high, 0.5)
    steps = torch.arange(bins + 1, dtype=torch.float64)
    edges = low + steps * ((high - low) / bins)
    edges[-1] = high
    slack = torch.full_like(edges, (abs(low) + abs(high)) * (UNITS * UNIT[dtype]))
    counts = _placed(source, low, high, bins, dtype)
    return [_density(counts, edges, slack, dtype) if density else counts, Shadow(edges, slack, dtype)]


def _density(counts: Shadow, edges: Tensor, slack: Tensor, dtype: torch.dtype) -> Shadow:
    """Counts over their sum and the widths of their bins."""
    width = edges.diff()
    total = counts.value.sum()
    loose = torch.zeros_like(counts.value) if counts.error is None else counts.error
    least_total, least_width = total - loose.sum(), width - 2 * slack[0]
    value = counts.value / (total * width)
    most = (counts.value + loose) / (least_total * least_width)
    # the sum has as many roundings as there are bins, but whole numbers have none
    error = (most - (counts.value - loose) / ((total + loose.sum()) * (width + 2 * slack[0]))) + most * 8 * UNIT[dtype]
    known = (least_total > 0) & (least_width > 0)
    return settle(value, error.where(known, INF).nan_to_num(INF, INF, INF), dtype)
