"""What reads or writes the parts of a float: its sign, its exponent, its neighbours."""

from __future__ import annotations

import math

import torch

from .arithmetic import product_of
from .casts import crossing
from .operands import Operand, operand
from .precision import NORMAL, UNDERFLOW, UNIT
from .registry import Applied, rule
from .shadow import INF, Shadow, Undecided, bounded_type, denormal_error, settle


@rule("copysign")
def signed_as(call: Applied) -> Shadow:
    """One operand's magnitude with the other's sign, which a zero's is not followed."""
    dtype = bounded_type(call.dtype)
    left, right = operand(call.args[0], dtype), operand(call.args[1], dtype)
    value = torch.copysign(torch.as_tensor(left.value, dtype=torch.float64), torch.as_tensor(right.value))
    limit = 0.0 if right.error is None else right.error
    open_ = torch.as_tensor(abs(right.value) <= limit).expand(value.shape)
    error = torch.zeros_like(value) if left.error is None else torch.as_tensor(left.error).expand(value.shape)
    if isinstance(call.args[1], int | float) and not isinstance(call.args[1], bool) and call.args[1] != 0:
        open_ = torch.zeros_like(open_)
    if left.error is None and not bool(open_.any()):
        return settle(value, denormal_error(value, dtype), dtype)
    return settle(value, error + torch.where(open_, 2 * value.abs() + 2 * error, 0.0), dtype)


@rule("nextafter")
def neighbour(call: Applied) -> Shadow:
    """The next number: of the type, or of a wider one in which operands are held, so within two units of the value."""
    dtype = bounded_type(call.dtype)
    left = call.args[0]
    error = torch.zeros(()) if left.error is None else left.error
    value = left.wide().expand(call.own[0].shape)
    size = value.abs() + error
    # from 2^k down the step is half as long as up; from 0 it is a denormal, which may be flushed
    step = size * (4 * UNIT[dtype]) + max(NORMAL[dtype], UNDERFLOW[dtype])
    return settle(value, (error + step).expand(value.shape), dtype)


@rule("frexp")
def parted(call: Applied) -> list[Shadow]:
    """Fraction and exponent: both exact where the exponent is decided."""
    dtype = bounded_type(call.own[0].dtype)
    source = call.args[0]
    value, exponent = torch.frexp(source.value)
    if source.error is None:
        return [Shadow(value, None, dtype), Shadow(exponent, None, call.own[1].dtype)]
    # a denormal that is flushed has another exponent: it is within its error of zero
    same = torch.frexp(source.low()).exponent == torch.frexp(source.high()).exponent
    same = same & (crossing(source, 0.0) == 0)
    blank = torch.zeros_like(value)
    scaled = torch.ldexp(source.error, -exponent)
    return [
        Shadow(value, scaled.where(same, 1.5), dtype),
        Shadow(exponent, blank.where(same, INF), call.own[1].dtype),
    ]


@rule("angle")
def direction(call: Applied) -> Shadow:
    """0 for positive numbers, π for negative ones."""
    dtype = bounded_type(call.dtype)
    source = call.args[0]
    if source.value.is_complex():
        raise Undecided("complex numbers are not followed")
    wide = source.wide()
    half_turn = torch.where(wide < 0, torch.tensor(math.pi, dtype=torch.float64), 0.0)
    value = half_turn.where(~wide.isnan(), wide)
    error = half_turn * (2 * UNIT[dtype])
    if source.error is not None:
        error = torch.maximum(error, torch.where(crossing(source, 0.0) > 0, math.pi * (1 + UNIT[dtype]), 0.0))
    return settle(value, error, dtype)


@rule("ldexp")
def shifted(call: Applied) -> Shadow:
    """a·2^b, as a product with a power."""
    dtype = bounded_type(call.dtype)
    left, power = operand(call.args[0], dtype), operand(call.args[1], dtype)
    size = torch.exp2(torch.as_tensor(power.value, dtype=torch.float64))
    error = size * (8 * UNIT[dtype])
    if power.error is not None:
        error = error + size * torch.expm1(math.log(2) * power.error)
    factor = settle(size, error, dtype)
    return product_of(left, Operand(factor.value, factor.error), 1, dtype)
