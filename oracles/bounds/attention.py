"""Scaled dot-product attention: whole, in blocks, or with the softmax's denominator divided out at the end."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from .arithmetic import product_of, sum_of
from .linear import linear
from .operands import Operand
from .precision import UNIT
from .registry import Applied, rule
from .shadow import INF, Shadow, Undecided, bounded_type, unknown
from .softmax import bounded_softmax


def _like(item: Shadow, other: Shadow) -> Shadow:
    """Keys or values with as many heads as queries."""
    if item.value.dim() < 4 or item.shape[-3] == other.shape[-3]:
        return item
    repeats = other.shape[-3] // item.shape[-3]

    def stretch(tensor: Tensor) -> Tensor:
        return tensor.repeat_interleave(repeats, -3)

    return Shadow(stretch(item.wide()), None if item.error is None else stretch(item.error), item.dtype)


def attention(
    query: Shadow, key: Shadow, value: Shadow, mask: Shadow | None, causal: bool, scale: float | None,
    dtype: torch.dtype,
) -> Shadow:  # fmt: skip
    """softmax(query·keyᵀ·scale + mask)·value, the scale being applied to either factor, halved over both, or after."""
    bounded_type(dtype)
    if not all(item.value.numel() for item in (query, key, value)):
        raise Undecided("attention over nothing")
    key, value = _like(key, query), _like(value, query)
    factor = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    turned = Shadow(key.wide().mT, None if key.error is None else key.error.mT, key.dtype)
    scores = linear(torch.matmul, [query, turned], query.shape[-1], dtype, whole=False, factors=5)
    scores = product_of(
        Operand(scores.value, scores.error), Operand(factor, abs(factor) * 3 * UNIT[dtype], True), 3, dtype
    )
    if causal:
        allowed = torch.ones(scores.shape[-2:], dtype=torch.bool).tril()
        scores = _hidden(scores, allowed)
    elif mask is not None and mask.dtype is torch.bool:
        if mask.error is not None:
            raise Undecided("attention with an undecided mask")
        scores = _hidden(scores, mask.value)
    elif mask is not None:
        scores = sum_of(Operand(scores.value, scores.error), Operand(mask.wide(), mask.error), 1, dtype)
    empty = (scores.value == -INF).all(-1, keepdim=True)
    weights = bounded_softmax(scores, -1, dtype)
    if bool(empty.any()):
        blank = torch.full_like(weights.value, INF)
        weights = Shadow(
            weights.value.where(~empty, 0.0), (weights.error if weights.error is not None else blank * 0).where(
                ~empty, INF), dtype
        )  # fmt: skip
    return linear(torch.matmul, [weights, value], key.shape[-2], dtype, whole=False, factors=6)


def _hidden(scores: Shadow, allowed: Tensor) -> Shadow:
    error = None if scores.error is None else scores.error.where(allowed, 0.0)
    return Shadow(scores.value.where(allowed, -INF), error, scores.dtype)


@rule("_scaled_dot_product_flash_attention_for_cpu", "_scaled_dot_product_attention_math")
def attended(call: Applied) -> list[Shadow]:
    """The result; what is kept beside it for a backward pass is not followed."""
    query, key, value = call.args[:3]
    if call.name == "_scaled_dot_product_attention_math":
        mask, dropout, causal = call.get(3, "attn_mask"), call.get(4, "dropout_p", 0.0), call.get(5, "is_causal", False)
    else:
        dropout, causal = call.get(3, "dropout_p", 0.0), call.get(4, "is_causal", False)
        mask = call.kwargs.get("attn_mask")
    if dropout:
        raise Undecided("dropout draws random numbers")
    scale: Any = call.kwargs.get("scale")
    found = attention(query, key, value, mask, causal, scale, call.dtype)
    return [found, *(unknown(item, f"{call.name} keeps it for a backward pass") for item in call.own[1:])]
