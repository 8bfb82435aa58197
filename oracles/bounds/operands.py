"""Operands of arithmetic as values and errors: type conversions and constants bring errors of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from .precision import BITS, UNDERFLOW, UNIT
from .shadow import Shadow, bounded_type, denormal_error, plus, settle


class Operand:
    """A float operand, broadcast against others: ``value`` in float64 and ``error`` (None: exact).

    ``constant``: a number of Python.
    """

    __slots__ = ("constant", "error", "value")

    def __init__(self, value: Any, error: Any, constant: bool = False):
        self.value, self.error, self.constant = value, error, constant


def operand(item: Any, dtype: torch.dtype) -> Operand:
    """An argument as an operand of an operation whose result has the float type ``dtype``.

    An integer tensor is converted to the type first, which rounds; a number may be held in the type or in float64.
    """
    if isinstance(item, Shadow):
        value = item.wide()
        error = item.error
        if not item.dtype.is_floating_point and item.dtype is not torch.bool and value.numel():
            if float(value.abs().max()) > 2.0 ** BITS[dtype]:
                error = plus(error, value.abs() * UNIT[dtype])
        elif BITS.get(item.dtype, 0) > BITS[dtype] and not bool(holds(value, dtype).all()):
            # a single number in a wider type, which may be rounded to this one before it is used
            error = plus(error, value.abs() * UNIT[dtype])
        return Operand(value, error)
    number = float(item)
    held = float(torch.tensor(number, dtype=torch.float64).to(dtype))
    error = None if held == number or number != number else abs(number) * UNIT[dtype] + UNDERFLOW[dtype]
    return Operand(number, error, True)


def magnitude(item: Operand) -> Any:
    """Upper bounds of absolute values."""
    size = abs(item.value)
    return size if item.error is None else size + item.error


def holds(value: Tensor, dtype: torch.dtype) -> Tensor:
    """Where numbers are exactly of a type."""
    if dtype is torch.float64:
        # Every float64 is one; but what was rounded to get it is whole at most by chance above 2^52.
        return (value == value.round()) & (value.abs() < 2.0 ** (BITS[dtype] - 1))
    return value.to(dtype).double() == value


def combine(
    value: Tensor, error: Any, size: Any, units: float, dtype: torch.dtype, exact: bool | Tensor = False,
    certain: Callable[[], Tensor] | None = None,
) -> Shadow:  # fmt: skip
    """The shadow of a rounded result.

    Args:
        value: in float64.
        error: what the operands' errors do to it; None: nothing.
        size: magnitudes that are rounded, ``units`` times.
        exact: whether (or where) the result is that of one operation, which is correctly rounded, on operands that
            are exact in the type, so that it is exact where the type holds it.
        certain: as for ``settle``.
    """
    bounded_type(dtype)
    if not value.numel():
        return Shadow(value, None, dtype)
    held = None
    if exact is not False and error is None:
        held = holds(value, dtype)
        if exact is not True:
            held = held & exact
        if bool(held.all()):
            return settle(value, denormal_error(value, dtype), dtype, lambda: torch.ones_like(value, dtype=torch.bool))
    rounding = size * (units * UNIT[dtype]) + UNDERFLOW[dtype] * max(units, 1.0)
    if not isinstance(rounding, Tensor):
        rounding = torch.full_like(value, rounding)
    if held is not None:
        rounding = rounding.where(~held, 0.0)
        small = denormal_error(value, dtype)
        rounding = rounding if small is None else torch.maximum(rounding, small)
    return settle(value, rounding if error is None else rounding + error, dtype, certain)
