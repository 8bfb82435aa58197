"""Bessel functions whose slopes are bounded, or that rise or fall where they are defined.

Accuracies allow Cephes' series of Chebyshev polynomials and rational functions, done in the type itself: a few units of
the value; of the range for the functions that swing, whose argument is rounded as that of a sine is.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from .elementwise import interval, slip
from .functions import Accuracy
from .gamma_functions import falling
from .operands import operand
from .registry import Applied, rule
from .shadow import INF, Shadow, bounded_type, settle

_RELATIVE = 64.0

#: Functions and the steepest slope that each has: |J0'| = |J1| ends at 0.582, |J1'| at 1/2, that of sin(x)/x at 0.437,
#: that of exp(-|x|)·I0 is 1 at 0, that of exp(-|x|)·I1 is 1/2 there.
SLOPES: dict[str, float] = {
    "special_bessel_j0": 0.5819,
    "special_bessel_j1": 0.5,
    "special_spherical_bessel_j0": 0.4363,
    "special_i0e": 1.0,
    "special_i1e": 0.5,
}
#: For positive arguments.
FALLING = (
    "special_modified_bessel_k0", "special_modified_bessel_k1", "special_scaled_modified_bessel_k0",
    "special_scaled_modified_bessel_k1",
)  # fmt: skip


def _function(call: Applied) -> Callable[[Tensor], Tensor]:
    function: Callable[[Tensor], Tensor] = call.function
    return function


@rule(*SLOPES)
def swinging(call: Applied) -> Shadow:
    """The operand's error times the steepest slope."""
    dtype = bounded_type(call.dtype)
    source = operand(call.args[0], dtype)
    value = _function(call)(source.value)
    error = slip(value, source.value.abs(), Accuracy(_RELATIVE, 32, 8), dtype)
    if source.error is not None:
        error = error + source.error * SLOPES[call.name]
    return settle(value, error.nan_to_num(INF, INF), dtype)


@rule(*FALLING)
def fading(call: Applied) -> Shadow:
    """From infinity at 0 to 0."""
    dtype = bounded_type(call.dtype)
    source = operand(call.args[0], dtype)
    function = _function(call)
    # exp(-x) of the functions that are not scaled carries the rounding of nothing: x itself is its argument
    return falling(function(source.value), source.value, source.error, function, _RELATIVE, dtype)


@rule("special_i1", "special_modified_bessel_i1")
def rising(call: Applied) -> Shadow:
    """Odd, and rising everywhere."""
    dtype = bounded_type(call.dtype)
    source = operand(call.args[0], dtype)
    function = _function(call)
    value = function(source.value)
    if source.error is None:
        return settle(value, slip(value, None, Accuracy(_RELATIVE), dtype), dtype)
    below, above = function(source.value - source.error), function(source.value + source.error)
    edge = torch.maximum(below.abs(), above.abs())
    return interval(value, below, above, slip(edge, None, Accuracy(_RELATIVE), dtype), dtype)
