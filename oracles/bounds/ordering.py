"""Largest, smallest, sorted: monotone in every operand, so that ends of intervals bound the values.

Indices are decided where elements that compete are further apart than their errors; equal ones leave the choice free.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .arithmetic import whole
from .operands import Operand, operand
from .registry import Applied, rule
from .shadow import INF, Shadow, Undecided, settle


def ends(call: Applied) -> list[tuple[Tensor, Tensor | None]]:
    """The call's results on values, each with its error by the results on both ends; for monotone calls."""
    middle = call.call(lambda item: item.value)
    if all(item.error is None for item in call.shadows()):
        return [(item, None) for item in middle]
    below = call.call(lambda item: item.low() if item.dtype.is_floating_point else item.value)
    above = call.call(lambda item: item.high() if item.dtype.is_floating_point else item.value)
    found = []
    for value, low, high in zip(middle, below, above):
        if value.is_floating_point():
            # inf - inf: infinities that all sides share
            shared = (value == low) & (value == high)
            error = torch.maximum((value - low).abs(), (value - high).abs()).nan_to_num(INF, INF, INF)
            found.append((value, error.where(~shared, 0.0)))
        else:
            found.append((value, None))
    return found


@rule("relu", "relu6", "hardtanh", "clamp", "clamp_min", "clamp_max", "clip", "maximum", "minimum", "fmax", "fmin")
def limited(call: Applied) -> Shadow:
    """Monotone in the element and in its limits."""
    if (found := whole(call)) is not None:
        return found
    dtype = call.dtype
    shadows = call.shadows()
    numbers = [item for item in (*call.args, *call.kwargs.values()) if isinstance(item, float)]
    slack = max((float(operand(item, dtype).error or 0.0) for item in numbers if item == item), default=0.0)
    if any(not item.dtype.is_floating_point for item in shadows):
        # converted to the float type first
        made = {id(item): operand(item, dtype) for item in shadows}

        def change(end: int) -> Any:
            def pick(item: Shadow) -> Tensor:
                chosen: Operand = made[id(item)]
                value: Tensor = chosen.value
                return value if end == 0 or chosen.error is None else value + end * chosen.error

            return pick

        value, low, high = (call.call(change(end))[0] for end in (0, -1, 1))
        error: Tensor | None = torch.maximum((value - low).abs(), (value - high).abs()).nan_to_num(INF, INF, INF)
    else:
        value, error = ends(call)[0]
    if slack:
        # a limit that the type does not hold is rounded when it is used
        hit = torch.zeros_like(value, dtype=torch.bool)
        for number in numbers:
            hit = hit | (value == number)
        error = (torch.zeros_like(value) if error is None else error) + slack * hit
    if error is None:
        return Shadow(value, None, dtype)
    known = error == 0
    return settle(value, error, dtype, lambda: known)


def finish(value: Tensor, error: Tensor | None, own: Tensor) -> Shadow:
    """The shadow of a monotone call's result."""
    if error is None or not own.is_floating_point():
        return Shadow(value, error, own.dtype)
    return settle(value, error, own.dtype, lambda: error == 0)


def chosen(source: Shadow, dim: int, index: Tensor, own: Tensor, sign: float) -> Shadow:
    """Indices of the largest (``sign`` 1) or smallest (-1) along a dimension: decided where no other may win or tie."""
    if source.value.dim() == 0:
        return Shadow(index, None, own.dtype)
    size = source.shape[dim]
    value = source.wide() * sign
    high = value if source.error is None else value + source.error
    low = value if source.error is None else value - source.error
    best = low.amax(dim, keepdim=True)
    rivals = (~(high < best)).sum(dim)
    decided = (rivals == 1) if size > 1 else torch.ones_like(rivals, dtype=torch.bool)
    if source.error is not None:
        decided = decided & source.error.isfinite().all(dim)
    decided = decided & ~value.isnan().any(dim)
    decided = decided.reshape(index.shape)
    if bool(decided.all()):
        return Shadow(index, None, own.dtype)
    return Shadow(index, torch.zeros(index.shape, dtype=torch.float64).where(decided, INF), own.dtype)


@rule("max", "min", "amax", "amin", "aminmax")
def extreme(call: Applied) -> list[Shadow]:
    """The extreme value, and its index where the call gives one."""
    source = call.args[0]
    if call.overload == "other":
        return [limited(call)]
    if not source.dtype.is_floating_point and source.error is not None:
        raise Undecided(f"{call.name} of undecided integers")
    pairs = ends(call)
    found = [finish(value, error, own) for (value, error), own in zip(pairs, call.own)]
    if len(call.own) == 2 and call.name in ("max", "min"):
        sign = 1.0 if call.name == "max" else -1.0
        found[1] = chosen(source, call.args[1], pairs[1][0], call.own[1], sign)
    return found


@rule("argmax", "argmin")
def extreme_index(call: Applied) -> Shadow:
    """The index of the extreme value."""
    source = call.args[0]
    dim = call.get(1, "dim")
    index = call.call(lambda item: item.value)[0]
    if dim is None:
        error = None if source.error is None else source.error.reshape(-1)
        source, dim = Shadow(source.value.reshape(-1), error, source.dtype), 0
    return chosen(source, dim, index, call.own[0], 1.0 if call.name == "argmax" else -1.0)


def isolated(source: Shadow, dim: int) -> Tensor:
    """Which elements are further from all others along a dimension than their errors: their rank is certain.

    In rows with a NaN none is.
    """
    value = source.wide()
    error = torch.zeros_like(value) if source.error is None else source.error
    ordered, order = value.sort(dim)
    low, high = (end.gather(dim, order) for end in (value - error, value + error))
    size = value.shape[dim]
    below, above = torch.full_like(ordered, -INF), torch.full_like(ordered, INF)
    if size > 1:
        below.narrow(dim, 1, size - 1).copy_(high.narrow(dim, 0, size - 1).cummax(dim).values)
        above.narrow(dim, 0, size - 1).copy_(low.flip(dim).cummin(dim).values.flip(dim).narrow(dim, 1, size - 1))
    # an infinity is apart from what is finite
    apart = (
        ((low > below) | (below == -INF)) & ((high < above) | (above == INF)) & ~value.isnan().any(dim, keepdim=True)
    )
    if size > 1:
        # but not from another infinity
        same = torch.zeros_like(apart)
        equal = ordered.narrow(dim, 1, size - 1) == ordered.narrow(dim, 0, size - 1)
        same.narrow(dim, 1, size - 1).logical_or_(equal)
        same.narrow(dim, 0, size - 1).logical_or_(equal)
        apart = apart & ~same
    apart = apart & error.gather(dim, order).isfinite()
    found: Tensor = torch.zeros_like(apart).scatter(dim, order, apart)
    return found


def certain(source: Shadow, dim: int, index: Tensor) -> Tensor:
    """Which indices along a dimension are of elements that nothing competes with; ``index`` may have lost it."""
    apart = isolated(source, dim)
    wide = index if index.dim() == apart.dim() else index.unsqueeze(dim)
    return apart.gather(dim, wide).reshape(index.shape)


def _dim(call: Applied) -> int | None:
    """The dimension along which a call orders elements; None: all elements."""
    for position, item in enumerate(call.function._schema.arguments):
        if item.name == "dim":
            dim = call.get(position, "dim", item.default_value if item.has_default_value() else None)
            return dim if isinstance(dim, int) else None
    return None


@rule("sort", "argsort", "topk", "kthvalue", "median", "nanmedian", "msort", "cummax", "cummin", "_cummax_helper")
def ordered(call: Applied) -> list[Shadow]:
    """Order statistics are monotone in every element."""
    source = call.args[0]
    if not source.dtype.is_floating_point and source.error is not None:
        raise Undecided(f"{call.name} of undecided integers")
    pairs = ends(call)
    found = [finish(value, error, own) for (value, error), own in zip(pairs, call.own)]
    indices = [at for at, own in enumerate(call.own) if not own.is_floating_point() and own.dtype is torch.int64]
    if source.dtype is torch.int64 and call.name != "argsort":
        indices = indices[1:]
    dim = _dim(call)
    for at in indices:
        if source.value.dim() == 0 or not source.value.numel() or dim is None:
            decided = torch.ones(found[at].shape, dtype=torch.bool)
            if dim is None and source.value.numel() > 1:
                decided = torch.zeros(found[at].shape, dtype=torch.bool)
        else:
            decided = certain(source, dim, found[at].value)
        if not bool(decided.all()):
            blank = torch.zeros(decided.shape, dtype=torch.float64)
            found[at] = Shadow(found[at].value, blank.where(decided, INF), found[at].dtype)
    return found


@rule("max_pool2d_with_indices", "max_pool3d_with_indices", "adaptive_max_pool2d", "adaptive_max_pool3d",
      "max_pool2d", "max_pool1d", "max_pool3d")  # fmt: skip
def pooled(call: Applied) -> list[Shadow]:
    """Maxima of windows; the indices, within an image, are decided of elements that differ from all others there."""
    pairs = ends(call)
    found = [finish(value, error, own) for (value, error), own in zip(pairs, call.own)]
    if len(found) == 2:
        source = call.args[0]
        dims = int(call.name[call.name.index("pool") + 4])
        kept = source.value.shape[:-dims]
        flat = Shadow(
            source.value.reshape(*kept, -1),
            None if source.error is None else source.error.reshape(*kept, -1),
            source.dtype,
        )
        index = found[1].value
        decided = certain(flat, len(kept), index.reshape(*kept, -1)).reshape(index.shape)
        if not bool(decided.all()):
            blank = torch.zeros(index.shape, dtype=torch.float64)
            found[1] = Shadow(index, blank.where(decided, INF), found[1].dtype)
    return found
