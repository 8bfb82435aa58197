"""Cholesky's factor, and what is solved with it and with triangular matrices."""

from __future__ import annotations

from misfold.compiler.frontend.matrices import (
    batched,
    checked,
    column,
    columns,
    first_true,
    identity,
    lower,
    of_nothing,
    row,
    rows,
    steps,
    transposed,
    triangular_solve,
)
from misfold.compiler.frontend.registry import Context, Result, aten
from misfold.compiler.frontend.tensor import Tensor


def cholesky_factor(c: Context, a: Tensor) -> tuple[Tensor, Tensor]:
    """L of a = L·Lᵀ, from a's lower triangle: [B, N, N]; and the first column where a is not positive: [B]."""
    across = columns(a)
    bad = []
    for k in steps(c, a.shape[-1]):
        square = column(row(a, k), k)
        bad.append(~(square > 0))
        root = square.sqrt()
        source = column(a, k)
        made = rows(source).equals(k).where(root.broadcast(source.shape), source / root)
        trailing = a - made * transposed(made)
        a = (across > k).where(trailing, across.equals(k).where(made, a))
    return lower(a), first_true(bad, a)


@aten("linalg_cholesky_ex.default")
def cholesky_ex(c: Context, a: Tensor, *, upper: bool = False, check_errors: bool = False) -> Result:
    if not a.elements:
        return of_nothing(c)
    made, info = _cholesky(c, a, upper)
    if check_errors:
        checked(c, info, a)
    return made, info.reshape(*c.results[1].shape)


@aten("cholesky.default")
def cholesky(c: Context, a: Tensor, upper: bool = False) -> Tensor:
    if not a.elements:
        return c.full(0)
    made, info = _cholesky(c, a, upper)
    checked(c, info, a)
    return made


def _cholesky(c: Context, a: Tensor, is_upper: bool) -> tuple[Tensor, Tensor]:
    source = batched(a)
    made, info = cholesky_factor(c, transposed(source) if is_upper else source)
    return (transposed(made) if is_upper else made).reshape(*c.shape), info


@aten("cholesky_solve.default")
def cholesky_solve(c: Context, b: Tensor, factor: Tensor, upper: bool = False) -> Tensor:
    if not b.elements or not factor.elements:
        return c.full(0, dtype=c.dtype)
    batch = c.shape[:-2]
    a = batched(factor.broadcast((*batch, *factor.shape[-2:])))
    return _by_cholesky(c, a, batched(b.broadcast(c.shape)), upper).reshape(*c.shape)


@aten("cholesky_inverse.default")
def cholesky_inverse(c: Context, factor: Tensor, upper: bool = False) -> Tensor:
    if not factor.elements:
        return c.full(0, dtype=c.dtype)
    a = batched(factor)
    return _by_cholesky(c, a, identity(a), upper).reshape(*c.shape)


def _by_cholesky(c: Context, factor: Tensor, b: Tensor, is_upper: bool) -> Tensor:
    first, second = (transposed(factor), factor) if is_upper else (factor, transposed(factor))
    half = triangular_solve(c, first, b, is_upper=False, unit=False)
    return triangular_solve(c, second, half, is_upper=True, unit=False)


# ---------------------------------------------------------------------------------------------------- triangular ones


@aten("linalg_solve_triangular.default")
def solve_triangular(
    c: Context, a: Tensor, b: Tensor, *, upper: bool, left: bool = True, unitriangular: bool = False
) -> Tensor:
    if not b.elements or not a.elements:
        return c.full(0, dtype=c.dtype)
    batch = c.shape[:-2]
    flat, right = batched(a.broadcast((*batch, *a.shape[-2:]))), batched(b.broadcast(c.shape))
    if left:
        made = triangular_solve(c, flat, right, is_upper=upper, unit=unitriangular)
    else:
        turned = triangular_solve(c, transposed(flat), transposed(right), is_upper=not upper, unit=unitriangular)
        made = transposed(turned)
    return made.reshape(*c.shape)


@aten("triangular_solve.default")
def triangular_solve_old(
    c: Context, b: Tensor, a: Tensor, upper: bool = True, transpose: bool = False, unitriangular: bool = False
) -> list[Tensor]:
    batch = c.shape[:-2]
    wide = a.broadcast(tuple(c.results[1].shape))
    if not b.elements or not a.elements:
        return [c.full(0, dtype=c.dtype), wide]
    flat = batched(a.broadcast((*batch, *a.shape[-2:])))
    flat = transposed(flat) if transpose else flat
    right = batched(b.broadcast(c.shape))
    made = triangular_solve(c, flat, right, is_upper=upper != transpose, unit=unitriangular)
    return [made.reshape(*c.shape), wide]
