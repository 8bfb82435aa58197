"""Norms of differences, and vectors scaled to a largest norm."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from .arithmetic import sum_of
from .operands import Operand
from .precision import UNDERFLOW, UNIT, gamma
from .reductions import root
from .registry import Applied, rule
from .shadow import INF, Shadow, Undecided, bounded_type, settle

#: What torch adds to a norm before it divides by it, in ``renorm``.
TINY = 1e-7
#: From so many rows on, torch takes Euclidean distances from a matrix product unless it is told not to.
ROWS = 25


def norm_of(source: Shadow, p: float, dims: tuple[int, ...], keep: bool, dtype: torch.dtype) -> Shadow:
    """A p-norm along dimensions, by powers, sum and root; see ``reductions.norm``."""
    bounded_type(dtype)
    if not (p == 0 or p >= 1):
        raise Undecided(f"a norm of order {p}")
    if p == 0:
        if source.error is not None and bool(((source.value.abs() <= source.error) & (source.error > 0)).any()):
            raise Undecided("a norm of order 0 asks whether nearly zero is zero")
        return Shadow((source.value != 0).sum(dims, keep).double(), None, dtype)
    value = torch.linalg.vector_norm(source.value, p, dims, keep)
    error = None if source.error is None else torch.linalg.vector_norm(source.error, p, dims, keep)
    if p == math.inf:
        return Shadow(value, error, dtype)
    terms = math.prod(source.shape[dim] for dim in dims)
    grown = gamma(terms + (2 if p in (1, 2) else 10), dtype)
    if grown == INF:
        raise Undecided("a norm of too many elements for its type")
    reach = value if error is None else value + error
    slack = reach * (grown + 8 * UNIT[dtype]) + (UNDERFLOW[dtype] * max(terms, 1)) ** (1 / p)
    total = slack if error is None else error + slack
    return settle(value, total.where(reach <= torch.finfo(dtype).max ** (1 / p) / 2, INF), dtype)


def _difference(left: Shadow, right: Shadow, dtype: torch.dtype) -> Shadow:
    return sum_of(Operand(left.wide(), left.error), Operand(right.wide(), right.error), 1, dtype, -1.0)


def _row(item: Shadow, at: int) -> Shadow:
    return Shadow(item.value.unsqueeze(at), None if item.error is None else item.error.unsqueeze(at), item.dtype)


@rule("_cdist_forward")
def between_two(call: Applied) -> Shadow:
    """Of all pairs of rows: of their difference, or as sqrt(x² - 2xy + y²) where torch does so."""
    dtype = bounded_type(call.dtype)
    left, right = call.args[0], call.args[1]
    p, mode = float(call.args[2]), call.args[3]
    rows = max(left.shape[-2], right.shape[-2])
    if p == 2.0 and mode != 2 and (mode == 1 or rows > ROWS):
        size = left.size().square().sum(-1)[..., :, None] + right.size().square().sum(-1)[..., None, :]
        apart = (left.wide().unsqueeze(-2) - right.wide().unsqueeze(-3)).square().sum(-1)
        grown = gamma(2 * left.shape[-1] + 6, dtype)
        if grown == INF or left.error is not None or right.error is not None:
            raise Undecided("distances of rounded elements by a matrix product")
        found = root(settle(apart, 2 * size * grown + UNDERFLOW[dtype], dtype), dtype)
        assert found.error is not None
        # what is negative counts as zero here
        reach = (apart + 2 * size * grown).sqrt() * (1 + 8 * UNIT[dtype])
        return Shadow(found.value, found.error.where(found.error.isfinite(), reach), dtype)
    return norm_of(_difference(_row(left, -2), _row(right, -3), dtype), p, (-1,), False, dtype)


@rule("_pdist_forward")
def among_rows(call: Applied) -> Shadow:
    """Of all pairs of rows of one matrix."""
    dtype = bounded_type(call.dtype)
    source = call.args[0]
    first, second = torch.triu_indices(source.shape[0], source.shape[0], 1)

    def rows(places: Tensor) -> Shadow:
        return Shadow(source.value[places], None if source.error is None else source.error[places], source.dtype)

    return norm_of(_difference(rows(first), rows(second), dtype), float(call.get(1, "p", 2.0)), (-1,), False, dtype)


@rule("renorm")
def renormed(call: Applied) -> Shadow:
    """Slices whose norm is larger than allowed, times what it is allowed over what it is."""
    dtype = bounded_type(call.dtype)
    source, p, dim, most = call.args[0], float(call.args[1]), int(call.args[2]), float(call.args[3])
    dims = tuple(at for at in range(source.value.dim()) if at != dim % source.value.dim())
    wide = Shadow(source.wide(), source.error, dtype)
    norm = norm_of(wide, p, dims, True, dtype)

    def factor(height: Tensor) -> Tensor:
        return torch.where(height > most, most / (height + TINY), 1.0)

    share = factor(norm.value)
    low, high = norm.value, norm.value
    if norm.error is not None:
        low, high = (norm.value - norm.error).clamp_min(0.0), norm.value + norm.error
    # the small number that is added is lost in a half type, and jumps where the norm is just what is allowed
    slip = torch.maximum((factor(low) - share).abs(), (share - factor(high)).abs())
    slip = slip + torch.where(high > most, TINY / (low + TINY) + 4 * UNIT[dtype], 0.0)
    value = wide.value * share
    error = wide.size() * slip + value.abs() * (2 * UNIT[dtype]) + UNDERFLOW[dtype]
    error = torch.where((high <= most).expand(value.shape), 0.0, error)
    if wide.error is not None:
        error = error + wide.error * (share + slip)
    return settle(value, error.nan_to_num(INF, INF, INF), dtype)
