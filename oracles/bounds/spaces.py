"""Evenly spaced numbers: from the start, from the end, or from whichever is nearer, in the type or in float64."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from .operands import operand
from .precision import UNDERFLOW, UNIT
from .registry import Applied, rule
from .shadow import INF, Shadow, settle

#: Roundings of a step, of its product and of the sum, against the larger of the ends.
UNITS = 8.0


def _ends(call: Applied) -> tuple[float, float, float]:
    """Both ends and the error of an element between them; for integers, as float32 would have it."""
    dtype = call.dtype if call.dtype.is_floating_point else torch.float32
    values, slack = [], 0.0
    for item in call.args[:2]:
        found: Any = operand(item, dtype)
        values.append(float(found.value))
        slack += 0.0 if found.error is None else float(found.error)
    return values[0], values[1], slack + (abs(values[0]) + abs(values[1])) * (UNITS * UNIT[dtype]) + UNDERFLOW[dtype]


def _spaced(call: Applied) -> tuple[Tensor, float]:
    start, end, slack = _ends(call)
    return torch.linspace(start, end, int(call.args[2]), dtype=torch.float64), slack


@rule("linspace")
def linear(call: Applied) -> Shadow:
    """``steps`` numbers from one end to the other; cut to integers where that is decided."""
    value, slack = _spaced(call)
    if call.dtype.is_floating_point:
        return settle(value, torch.full_like(value, slack), call.dtype)
    cut = value.trunc()
    # compilers cut, round down or compute in integers: decided where nothing of that makes a difference
    same = ((value - slack).floor() == (value + slack).floor()) & (value >= 0)
    return Shadow(cut.to(call.dtype), torch.zeros_like(value).where(same, INF), call.dtype)


@rule("logspace")
def logarithmic(call: Applied) -> Shadow:
    """Powers of a base, whose exponents are evenly spaced."""
    if not call.dtype.is_floating_point:
        value = call.own[0].detach()
        return Shadow(value, torch.full(value.shape, INF, dtype=torch.float64), call.dtype)
    exponent, slack = _spaced(call)
    base = float(call.get(3, "base", 10.0))
    value = torch.pow(torch.full_like(exponent, base), exponent)
    if not base > 0:
        return Shadow(value, torch.full_like(value, INF), call.dtype)
    # the power as an exponential of a product rounds that too
    height = abs(math.log(base))
    change = height * slack + exponent.abs() * (height * 4 * UNIT[call.dtype])
    error = value * torch.expm1(change) + value * (8 * UNIT[call.dtype]) + UNDERFLOW[call.dtype]
    return settle(value, error.nan_to_num(INF, INF, INF), call.dtype)
