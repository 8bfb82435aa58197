"""Chebyshev's polynomials of four kinds, computed in f64: by their recurrence, and by sines and cosines beyond it."""

from __future__ import annotations

import math
from collections.abc import Callable

from misfold.compiler.dtypes import F64, I64
from misfold.compiler.frontend.registry import Context, aten
from misfold.compiler.frontend.tensor import Tensor
from misfold.compiler.frontend.types import Number

#: Degrees up to which the recurrence is written out: it gives whole numbers exactly.
_WRITTEN_OUT = 24
_FIRST: dict[str, Callable[[Tensor], Tensor]] = {
    "t": lambda x: x,
    "u": lambda x: x * 2,
    "v": lambda x: x * 2 - 1,
    "w": lambda x: x * 2 + 1,
}
_NAMES = [f"special_{shift}chebyshev_polynomial_{kind}" for shift in ("", "shifted_") for kind in "tuvw"]


@aten(*(f"{name}.{overload}" for name in _NAMES for overload in ("default", "x_scalar", "n_scalar")))
def chebyshev(c: Context, x: Tensor | Number, n: Tensor | Number) -> Tensor:
    kind = c.name[-1]
    x, degree = c.operands(x, n, dtype=F64)
    degree = degree.one("trunc")
    if "shifted" in c.name:
        x = x * 2 - 1
    before, last = x.full(1.0), _FIRST[kind](x)
    found = degree.equals(1).where(last, before)
    for k in range(2, _WRITTEN_OUT + 1):
        before, last = last, x * 2 * last - before
        found = degree.equals(k).where(last, found)
    found = (degree > _WRITTEN_OUT).where(_beyond(kind, x, degree), found)
    return (degree < 0).where(0.0, found)


def _beyond(kind: str, x: Tensor, n: Tensor) -> Tensor:
    """By angles (Abramowitz and Stegun, 22.3.15 and 22.3.16) of |x|: V(-x) = ±W(x), and T and U are odd or even."""
    size = x.abs()
    angle = ((1 - size).maximum(0).sqrt()).one("atan2", (1 + size).sqrt()) * 2
    inner = {
        "t": (n * angle).one("cos"),
        "u": ((n + 1) * angle).one("sin") / angle.one("sin"),
        "v": ((n + 0.5) * angle).one("cos") / (angle * 0.5).one("cos"),
        "w": ((n + 0.5) * angle).one("sin") / (angle * 0.5).one("sin"),
    }
    # the same with an imaginary angle where |x| > 1
    above = size - 1
    turn = (above + (above.maximum(0) * (size + 1)).sqrt()).one("log1p")
    outer = {
        "t": (n * turn).one("cosh"),
        "u": ((n + 1) * turn).one("sinh") / turn.one("sinh"),
        "v": ((n + 0.5) * turn).one("cosh") / (turn * 0.5).one("cosh"),
        "w": ((n + 0.5) * turn).one("sinh") / (turn * 0.5).one("sinh"),
    }
    edge = {"t": n.full(1.0), "u": n + 1, "v": n.full(1.0), "w": n * 2 + 1}

    def of(one: str) -> Tensor:
        return size.equals(1).where(edge[one], (size > 1).where(outer[one], inner[one]))

    odd = n.cast(I64) % 2
    sign = (odd.equals(1) & (x < 0)).where(-1.0, x.full(1.0))
    mirrored = {"v": "w", "w": "v"}.get(kind, kind)
    result = (x < 0).where(of(mirrored), of(kind)) if mirrored != kind else of(kind)
    return x.is_nan().where(math.nan, result * sign)
