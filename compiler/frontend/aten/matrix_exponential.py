"""The exponential of a matrix."""

from __future__ import annotations

import math

from misfold.compiler.dtypes import F64, I64
from misfold.compiler.frontend.matrices import (
    batched,
    identity,
)
from misfold.compiler.frontend.registry import Context, aten
from misfold.compiler.frontend.tensor import Tensor, dot

#: Terms of the exponential's series: for a norm of at most 1 the first left out is below 1e-17.
_TERMS = 18
#: Squarings at most. They multiply errors by up to 2**32, which leaves six digits; beyond that the result is NaN.
_SQUARINGS = 32


@aten("linalg_matrix_exp.default")
def matrix_exp(c: Context, a: Tensor) -> Tensor:
    """Scaling and squaring: e^A = (e^(A/2ˢ))^(2ˢ), with s so that the norm is at most 1 (Moler and Van Loan, 2003)."""
    if not a.elements:
        return c.full(0, dtype=c.dtype)
    x = batched(a).cast(F64)
    norm = x.abs().sum((1,), keep=True).max((2,), keep=True)
    halvings = x.full(0, norm.shape, I64)
    for _ in range(_SQUARINGS):
        large = norm > 1
        norm, halvings = large.where(norm * 0.5, norm), large.where(halvings + 1, halvings)
        x = large.where(x * 0.5, x)
    x = (norm > 1).where(math.nan, x)
    one = identity(x)
    made = one
    for term in range(_TERMS, 0, -1):
        made = one + dot(x, made) / float(term)
    for number in range(_SQUARINGS):
        made = (halvings > number).where(dot(made, made), made)
    return made.reshape(*c.shape)
