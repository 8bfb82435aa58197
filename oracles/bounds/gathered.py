"""What several elements in one place amount to: bags of rows, reductions by index, the most frequent element."""

from __future__ import annotations

import torch
from torch import Tensor

from .linear import linear
from .ordering import ends, finish
from .registry import Applied, rule
from .shadow import INF, Shadow, Undecided

#: Rows longer than this are not compared pair by pair.
LONGEST = 1024


@rule("_embedding_bag_forward_only", "_embedding_bag")
def bags(call: Applied) -> list[Shadow]:
    """Sums, means or maxima of rows, and where they were."""
    weight = call.args[0]
    if any(item is not weight and item.error is not None for item in call.shadows()):
        raise Undecided("bags that depend on rounding, or weighted by rounded numbers")
    mode = int(call.get(4, "mode", 0))
    rest = [Shadow(own.detach(), None, own.dtype) for own in call.own[1:]]
    if mode == 2:
        (value, error), *_ = ends(call)
        return [finish(value, error, call.own[0]), *rest]

    def function(item: Tensor) -> Tensor:
        result: Tensor = call.call(lambda shadow: item if shadow is weight else shadow.value)[0]
        return result

    if call.get(6, "per_sample_weights") is not None:
        raise Undecided("bags with weights")
    terms = max(int(call.args[1].value.numel()), 1)
    found = linear(function, [weight], terms, call.dtype, whole=mode == 0, factors=1.0 if mode == 0 else 3.0)
    return [found, *rest]


@rule("index_reduce")
def by_index(call: Applied) -> Shadow:
    """Largest and smallest are monotone; products and means are not followed."""
    reduce = call.get(4, "reduce")
    if reduce not in ("amax", "amin"):
        raise Undecided(f"index_reduce by {reduce}")
    (value, error), *_ = ends(call)
    return finish(value, error, call.own[0])


@rule("mode")
def most_frequent(call: Applied) -> list[Shadow]:
    """Decided on exact elements where one value is more frequent than any other; its index where it occurs once."""
    source = call.args[0]
    if source.error is not None:
        raise Undecided("mode compares rounded elements")
    dim = int(call.get(1, "dim", -1))
    value, index = (own.detach() for own in call.own)
    if source.value.dim() == 0:
        return [Shadow(value.double() if value.is_floating_point() else value, None, value.dtype),
                Shadow(index, None, index.dtype)]  # fmt: skip
    rows = source.value.movedim(dim, -1)
    if rows.shape[-1] > LONGEST:
        raise Undecided("the most frequent of too many elements")
    counts = (rows.unsqueeze(-1) == rows.unsqueeze(-2)).sum(-1)
    most = counts.amax(-1, keepdim=True)
    # every one of the most frequent value's occurrences has that count, and so have those of rivals
    alone = ((counts == most).sum(-1, keepdim=True) == most).squeeze(-1)
    once = alone & (most.squeeze(-1) == 1)
    blank = torch.zeros(alone.shape, dtype=torch.float64)

    def shaped(decided: Tensor) -> Tensor | None:
        return None if bool(decided.all()) else blank.where(decided, INF).reshape(value.shape)

    wide = value.double() if value.is_floating_point() else value
    return [Shadow(wide, shaped(alone), value.dtype), Shadow(index, shaped(once), index.dtype)]


@rule("lu_unpack")
def unpacked(call: Applied) -> list[Shadow]:
    """A permutation and two triangles of what was factorised."""
    data, pivots = call.args[0], call.args[1]
    if pivots.error is not None:
        raise Undecided("pivots that depend on rounding")
    values = call.call(lambda item: item.value)
    if data.error is None:
        return [Shadow(value, None, own.dtype) for value, own in zip(values, call.own)]
    least = min(data.shape[-2:])
    lower, upper = data.error[..., :, :least].tril(-1), data.error[..., :least, :].triu()
    errors = [None, lower if values[1].numel() else None, upper if values[2].numel() else None]
    return [Shadow(value, error, own.dtype) for value, error, own in zip(values, errors, call.own)]
