"""Functions of one element: errors of the operand by monotony or by the steepest slope, and the declared accuracy."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from .functions import EVEN, LIPSCHITZ, MONOTONE, Accuracy
from .operands import combine, operand
from .precision import UNDERFLOW, UNIT
from .registry import Applied, rule
from .shadow import INF, Shadow, Undecided, bounded_type, plus, settle


def _function(call: Applied) -> Callable[[Tensor], Tensor]:
    """The call as a function of its first operand; the others are constants."""
    rest = call.args[1:]
    if any(isinstance(item, Shadow) for item in (*rest, *call.kwargs.values())):
        raise Undecided(f"{call.name} of several tensors")

    def apply(item: Tensor) -> Tensor:
        result = call.function(item, *rest, **call.kwargs)
        first: Tensor = result if isinstance(result, Tensor) else result[0]
        return first

    return apply


def slip(value: Tensor, source: Any, accuracy: Accuracy, dtype: torch.dtype) -> Tensor:
    """How far an implementation of a function may be off at given values."""
    error = value.abs() * (accuracy.relative * UNIT[dtype])
    absolute = accuracy.absolute * UNIT[dtype]
    if accuracy.keeps_half:
        error += (value.abs() * UNIT[dtype] ** 0.5).clamp(max=absolute)
    else:
        error += absolute
    error += UNDERFLOW[dtype]
    if accuracy.scaled:
        error = error + source * (accuracy.scaled * UNIT[dtype])
    return error


def interval(value: Tensor, below: Tensor, above: Tensor, extra: Tensor | None, dtype: torch.dtype) -> Shadow:
    """The shadow of a value between two bounds, in either order; NaN on one side only means that nothing is known."""
    error = torch.maximum((value - below).abs(), (value - above).abs())
    if extra is not None:
        error = error + extra
    never = value.isnan() & below.isnan() & above.isnan()
    return settle(value, error.nan_to_num(INF, INF, INF), dtype, lambda: never)


@rule(*MONOTONE)
def monotone(call: Applied) -> Shadow | list[Shadow]:
    """Between the values at the ends of the operand's interval."""
    dtype = bounded_type(call.dtype)
    accuracy, function = MONOTONE[call.name], _function(call)
    source = operand(call.args[0], dtype)
    value = function(source.value)
    error = slip(value, source.value.abs(), accuracy, dtype)
    if call.name == "acosh":
        # x² - 1 in the definition cancels near 1
        error = error + 4 * UNIT[dtype] / value.clamp_min(1e-300) * (value < 1)
    if call.name in ("softplus", "log_sigmoid", "selu", "elu", "celu"):
        scale = max([1.0, *(abs(float(item)) for item in call.args[1:3] if isinstance(item, int | float))])
        beta = call.get(1, "beta", 1.0) if call.name == "softplus" else 1.0
        error = error * (scale * max(1.0, 1.0 / abs(float(beta)) if beta else 1.0))
    if source.error is None:
        known = value.isnan()
        result = settle(value, error, dtype, (lambda: known) if bool(known.any()) else None)
        if call.name in ("exp", "exp2") and bool((source.value == -INF).any()):
            assert result.error is not None
            result.error = result.error.where(source.value != -INF, 0.0)
    else:
        below, above = function(source.value - source.error), function(source.value + source.error)
        error = torch.maximum(error, slip(torch.maximum(below.abs(), above.abs()), source.value.abs() + source.error,
                                          accuracy, dtype).nan_to_num(INF, INF))  # fmt: skip
        if call.name in ("exp", "exp2"):
            error = error.where(source.value != -INF, 0.0)
            below, above = (item.where(source.value != -INF, 0.0) for item in (below, above))
        result = interval(value, below, above, error, dtype)
    if len(call.own) == 1:
        return result
    # a buffer for the backward pass comes with it
    from .shadow import unknown

    return [result, *(unknown(item, f"{call.name} keeps it for a backward pass") for item in call.own[1:])]


@rule("log_sigmoid_forward")
def log_sigmoid(call: Applied) -> Shadow | list[Shadow]:
    """As ``log_sigmoid``, whose dispatched name this is."""
    call.name = "log_sigmoid"
    return monotone(call)


@rule(*LIPSCHITZ)
def bounded_slope(call: Applied) -> Shadow:
    """The operand's error times the steepest slope."""
    dtype = bounded_type(call.dtype)
    slope, accuracy = LIPSCHITZ[call.name]
    function = _function(call)
    source = operand(call.args[0], dtype)
    value = function(source.value)
    size = source.value.abs() if source.error is None else source.value.abs() + source.error
    error = slip(value, size, accuracy, dtype)
    if call.name == "special_entr" and source.error is not None:
        # -x·log x is steep near 0: between values at both ends, or above both where the top at 1/e lies between
        below, above = function(source.value - source.error), function(source.value + source.error)
        top = ((source.value - math.exp(-1)).abs() <= source.error) * math.exp(-1)
        ends = torch.maximum((below - value).abs(), (above - value).abs())
        error = error + torch.maximum(ends, (top - value).abs() * (top > 0))
    elif source.error is not None:
        error = error + source.error * slope
    if call.name == "sinc":
        # π·x is rounded before its sine is taken
        error = error + size.clamp_max(1.0) * (8 * UNIT[dtype])
    return settle(value, error.nan_to_num(INF, INF), dtype)


@rule(*EVEN)
def even(call: Applied) -> Shadow:
    """Between the values at the least and the largest absolute value."""
    dtype = bounded_type(call.dtype)
    function = _function(call)
    source = operand(call.args[0], dtype)
    value = function(source.value)
    error = slip(value, None, EVEN[call.name], dtype)
    if source.error is None:
        return settle(value, error, dtype)
    size = source.value.abs()
    low, high = function((size - source.error).clamp_min(0.0)), function(size + source.error)
    return interval(value, low, high, slip(high, None, EVEN[call.name], dtype), dtype)


@rule("tan")
def tangent(call: Applied) -> Shadow:
    """Monotone between its poles."""
    dtype = bounded_type(call.dtype)
    source = operand(call.args[0], dtype)
    value = torch.tan(source.value)
    # An argument that is reduced in the type itself is off by a little; near a pole that is steep.
    error = slip(value, None, Accuracy(8), dtype)
    if source.error is None:
        return settle(value, error, dtype)
    below, above = source.value - source.error, source.value + source.error
    same = (source.error < 1.0) & (torch.cos(below).sign() == torch.cos(above).sign()) & (below.tan() <= above.tan())
    edges = torch.maximum(below.tan().abs(), above.tan().abs())
    found = interval(value, below.tan(), above.tan(), slip(edges, None, Accuracy(8), dtype), dtype)
    assert found.error is not None
    return Shadow(found.value, found.error.where(same, INF), dtype)


@rule("erfinv", "special_erfinv")
def inverse_error_function(call: Applied) -> Shadow:
    """Monotone; implementations end with steps of Newton's method on erf, whose error the slope 1/erf' multiplies."""
    dtype = bounded_type(call.dtype)
    source = operand(call.args[0], dtype)
    value = torch.special.erfinv(source.value)
    steep = (0.5 * math.sqrt(math.pi)) * torch.exp(value * value)
    # float64's own implementation is good to a few of its units, likewise amplified
    slack = slip(value, None, Accuracy(8), dtype) + steep * (8 * UNIT[dtype])
    if source.error is None:
        return settle(value, slack.nan_to_num(INF, INF), dtype)
    below, above = (torch.special.erfinv(item) for item in (source.value - source.error, source.value + source.error))
    return interval(value, below, above, slack, dtype)


@rule("atan2", "arctan2")
def angle(call: Applied) -> Shadow:
    """The angle of (x, y) turns by at most the error over the distance from 0; undecided across the cut."""
    dtype = bounded_type(call.dtype)
    vertical, horizontal = operand(call.args[0], dtype), operand(call.args[1], dtype)
    value = torch.atan2(vertical.value, horizontal.value)
    error = slip(value, None, Accuracy(8), dtype)
    reach = plus(vertical.error, horizontal.error)
    if reach is None:
        # signed zeros choose the side of the cut
        at_cut = (vertical.value == 0) & (horizontal.value <= 0)
        return settle(value, error.where(~at_cut, INF), dtype)
    distance = torch.hypot(vertical.value, horizontal.value)
    error = error + (reach / (distance - reach)) * 1.1
    width = torch.zeros(()) if vertical.error is None else vertical.error
    depth = torch.zeros(()) if horizontal.error is None else horizontal.error
    crossing = (vertical.value.abs() <= width) & (horizontal.value - depth <= 0)
    bad = crossing | (distance <= 4 * reach)
    return settle(value, error.where(~bad, INF), dtype)


@rule("leaky_relu", "prelu", "_prelu_kernel")
def leaking(call: Applied) -> Shadow:
    """a where it is positive, else a·slope; continuous, no steeper than 1 or the slope."""
    dtype = bounded_type(call.dtype)
    source = operand(call.args[0], dtype)
    slope = operand(call.get(1, "negative_slope", 0.01), dtype)
    value = torch.where(source.value > 0, source.value, source.value * slope.value)
    steep = abs(slope.value) if slope.error is None else abs(slope.value) + slope.error
    steep = torch.as_tensor(steep, dtype=torch.float64).clamp_min(1.0)
    error: Any = None
    if source.error is not None:
        error = source.error * steep
    if slope.error is not None:
        error = plus(error, (source.value.abs() + (0 if source.error is None else source.error)) * slope.error
                     * (source.value <= (0 if source.error is None else source.error)))  # fmt: skip
    exact = source.error is None
    size = value.abs() if error is None else value.abs() + error
    negative = source.value <= (0 if source.error is None else source.error)
    return combine(value, error, size * negative, 1, dtype, exact and error is None)


@rule("nan_to_num")
def without_nan(call: Applied) -> Shadow:
    """Finite elements stay; of others nothing is claimed."""
    source = call.args[0]
    if not source.dtype.is_floating_point:
        return Shadow(source.value, source.error, source.dtype)
    finite = source.value.isfinite()
    if bool(finite.all()):
        return Shadow(source.value, source.error, source.dtype)
    value = call.own[0].double()
    error = torch.zeros_like(value) if source.error is None else source.error
    return Shadow(source.value.where(finite, value), error.where(finite, INF), source.dtype)


@rule("frac")
def fraction(call: Applied) -> Shadow:
    """a - trunc(a), exact where the cut is decided."""
    dtype = bounded_type(call.dtype)
    source = call.args[0]
    value = source.value.frac()
    if source.error is None:
        return Shadow(value, None, dtype)
    same = source.low().trunc() == source.high().trunc()
    return settle(value, source.error.where(same, INF), dtype)


@rule("square")
def squared(call: Applied) -> Shadow:
    """a·a."""
    from .arithmetic import product_of, whole

    if (found := whole(call)) is not None:
        return found
    source = operand(call.args[0], call.dtype)
    return product_of(source, source, 1, call.dtype)
