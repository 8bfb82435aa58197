"""Orthogonal polynomials by their recurrences, element by element, the rounding of each step included.

For 6 < n and |x| < 1 torch takes Chebyshev's polynomials from cosines instead; those are not followed.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from .arithmetic import product_of, quotient_of, sum_of
from .operands import Operand, operand
from .registry import Applied, rule
from .shadow import INF, Shadow, Undecided, bounded_type

#: Degrees beyond this are not followed: bounds of recurrences grow with every step.
MOST = 24


class _Steps:
    """Arithmetic on operands in one type."""

    def __init__(self, dtype: torch.dtype):
        self.dtype = dtype

    def times(self, left: Operand, right: Operand) -> Operand:
        return self._operand(product_of(left, right, 1, self.dtype))

    def less(self, left: Operand, right: Operand) -> Operand:
        return self._operand(sum_of(left, right, 1, self.dtype, -1.0))

    def over(self, left: Operand, number: float) -> Operand:
        return self._operand(quotient_of(left, Operand(number, None, True), 1, self.dtype))

    def scaled(self, item: Operand, factor: float, shift: float = 0.0) -> Operand:
        """``factor``·item + ``shift``."""
        product = product_of(item, Operand(factor, None, True), 1, self.dtype) if factor != 1 else None
        turned = item if product is None else self._operand(product)
        return self._operand(sum_of(turned, Operand(shift, None, True), 1, self.dtype)) if shift else turned

    @staticmethod
    def _operand(found: Shadow) -> Operand:
        return Operand(found.value, found.error)


#: P(k + 1) from x, P(k), P(k - 1) and k.
Step = Callable[[_Steps, Operand, Operand, Operand, int], Operand]


def _chebyshev(do: _Steps, x: Operand, last: Operand, before: Operand, k: int) -> Operand:
    return do.less(do.times(do.scaled(x, 2.0), last), before)


def _hermite(do: _Steps, x: Operand, last: Operand, before: Operand, k: int) -> Operand:
    return do.less(do.times(do.scaled(x, 2.0), last), do.scaled(before, 2.0 * k))


def _hermite_of_probability(do: _Steps, x: Operand, last: Operand, before: Operand, k: int) -> Operand:
    return do.less(do.times(x, last), do.scaled(before, float(k)))


def _laguerre(do: _Steps, x: Operand, last: Operand, before: Operand, k: int) -> Operand:
    slope = do.scaled(x, -1.0, 2.0 * k + 1)
    return do.over(do.less(do.times(slope, last), do.scaled(before, float(k))), k + 1.0)


def _legendre(do: _Steps, x: Operand, last: Operand, before: Operand, k: int) -> Operand:
    return do.over(do.less(do.times(do.scaled(x, 2.0 * k + 1), last), do.scaled(before, float(k))), k + 1.0)


#: By name: the step, and P(1) as a·x + b.
FAMILIES: dict[str, tuple[Step, float, float]] = {
    "chebyshev_polynomial_t": (_chebyshev, 1.0, 0.0),
    "chebyshev_polynomial_u": (_chebyshev, 2.0, 0.0),
    "chebyshev_polynomial_v": (_chebyshev, 2.0, -1.0),
    "chebyshev_polynomial_w": (_chebyshev, 2.0, 1.0),
    "hermite_polynomial_h": (_hermite, 2.0, 0.0),
    "hermite_polynomial_he": (_hermite_of_probability, 1.0, 0.0),
    "laguerre_polynomial_l": (_laguerre, -1.0, 1.0),
    "legendre_polynomial_p": (_legendre, 1.0, 0.0),
}
_SHIFTED = tuple(f"shifted_chebyshev_polynomial_{kind}" for kind in "tuvw")


@rule(*(f"special_{name}" for name in (*FAMILIES, *_SHIFTED)))
def evaluated(call: Applied) -> Shadow:
    """P_n(x), n being cut to an integer; 0 for negative ones."""
    dtype = bounded_type(call.dtype)
    name = call.name.removeprefix("special_")
    step, slope, shift = FAMILIES[name.removeprefix("shifted_")]
    x, degree = operand(call.args[0], dtype), operand(call.args[1], dtype)
    steps = _Steps(dtype)
    shape = call.own[0].shape
    wanted = torch.as_tensor(degree.value, dtype=torch.float64)
    fixed = wanted.trunc() if degree.error is None else wanted.trunc().where(
        (wanted - degree.error).trunc() == (wanted + degree.error).trunc(), INF
    )  # fmt: skip
    fixed = fixed.expand(shape)
    finite = fixed[fixed.isfinite()]
    if not finite.numel():
        raise Undecided("polynomials of an unknown degree")
    point = Operand(torch.as_tensor(x.value, dtype=torch.float64).expand(shape), x.error)
    if name.startswith("shifted"):
        point = steps.scaled(point, 2.0, -1.0)
    value = torch.zeros(shape, dtype=torch.float64)
    error = torch.zeros(shape, dtype=torch.float64).where(fixed < 0, INF)
    before = Operand(torch.ones(shape, dtype=torch.float64), None)
    last = steps.scaled(point, slope, shift)
    most = min(int(finite.max()), MOST)
    for k in range(most + 1):
        now = before if k == 0 else last
        here = fixed == k
        value = torch.where(here, now.value, value)
        error = torch.where(here, torch.zeros(()) if now.error is None else now.error, error)
        if 0 < k < most:
            before, last = last, step(steps, point, last, before, k)
    if name.removeprefix("shifted_").startswith("chebyshev"):
        error = error.where((fixed <= 6) | (point.value.abs() > 1.0 + 2.0**-6), INF)
    return Shadow(value, error if bool((error > 0).any()) else None, dtype)
