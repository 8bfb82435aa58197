"""Roundoff, underflow and overflow of the float types, and how errors of many roundings add up."""

from __future__ import annotations

import math

import torch

#: float64 is what the analysis itself computes in; its own rounding is added to that of the program's type.
_OWN = 2.0**-53
#: Unit roundoff, round to nearest: half the distance from 1 to the next number. IEEE 754-2019, table 3.5; bfloat16 has
#: float32's exponents and 8 bits of significand.
UNIT = {
    torch.float16: 2.0**-11 + _OWN,
    torch.bfloat16: 2.0**-8 + _OWN,
    torch.float32: 2.0**-24 + _OWN,
    torch.float64: 2.0**-53 + _OWN,
}
#: What a result near zero may lose: it may be flushed to zero below the smallest normal number. float16's denormals
#: are kept by all that compute it through float32, and rounded.
UNDERFLOW = {
    torch.float16: 2.0**-24,
    torch.bfloat16: 2.0**-126,
    torch.float32: 2.0**-126,
    torch.float64: 2.0**-1022,
}
#: Numbers smaller than this, zero aside, may be taken for zero when they are read.
NORMAL = {torch.float16: 0.0, torch.bfloat16: 2.0**-126, torch.float32: 2.0**-126, torch.float64: 2.0**-1022}
#: Bits of the significand, the leading one included.
BITS = {torch.float16: 11, torch.bfloat16: 8, torch.float32: 24, torch.float64: 53}
#: The largest finite number, less what rounding up to it takes.
LARGEST = {kind: torch.finfo(kind).max * (1 - 4 * unit) for kind, unit in UNIT.items()}


def is_bounded(dtype: torch.dtype) -> bool:
    """Whether errors in this type are known: the four real float types."""
    return dtype in UNIT


def gamma(count: float, dtype: torch.dtype) -> float:
    """Relative error of ``count`` roundings in a row: count·u / (1 - count·u), inf where that makes no sense.

    It bounds the error of a sum of ``count`` + 1 terms, in any order, against the sum of their absolute values (Higham
    2002, section 4.2), and that of a product of as many factors.
    """
    share = max(count, 0.0) * UNIT[dtype]
    return share / (1.0 - share) if share < 0.5 else math.inf
