"""Orthogonal factors by Householder's reflections, in LAPACK's form: vectors below the diagonal, factors beside it."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod

from misfold.compiler.frontend.matrices import (
    batched,
    column,
    columns,
    identity,
    of_nothing,
    row,
    rows,
    shaped,
    steps,
    transposed,
    unit_matrices,
    upper,
)
from misfold.compiler.frontend.registry import Context, aten
from misfold.compiler.frontend.tensor import Tensor, concatenate, dot


def reflections(c: Context, a: Tensor) -> tuple[Tensor, Tensor]:
    """[B, M, N] as R above reflections, and their factors [B, K], K = min(M, N).

    Reflection k is 1 - tau·v·vᵀ, with zeros in v before k and a one there (Golub and Van Loan, "Matrix Computations",
    4th edition, section 5.1). Where a column is zero below the diagonal already, tau is 0, as LAPACK's larfg has it.
    """
    place, across = rows(a), columns(a)
    factors = []
    for k in steps(c, min(a.shape[1:])):
        source = column(a, k)
        below = (rows(source) > k).where(source, 0)
        alpha = row(source, k)
        # scaled, so that squares neither overflow nor vanish
        size = source.abs().maximum(0)
        size = (rows(source) >= k).where(size, 0).max((1,), keep=True)
        scale = size.equals(0).where(1, size)
        norm = (below / scale).square().sum((1,), keep=True)
        length = ((alpha / scale).square() + norm).sqrt() * scale
        # LAPACK leaves open which sign -0.0 has: for MKL, which eager calls, it is positive
        beta = (alpha < 0).where(length, -length)
        done = norm.equals(0)
        tau = done.where(0, (beta - alpha) / beta)
        vector = done.where(0, below / (alpha - beta))
        vector = rows(source).equals(k).where(1, vector)
        factors.append(tau)
        turned = a - tau * vector * dot(transposed(vector), a)
        kept = rows(source).equals(k).where(done.where(alpha, beta), (rows(source) > k).where(vector, source))
        later = (place >= k).where(turned, a)
        a = (across > k).where(later, across.equals(k).where(kept, a))
    return a, concatenate(factors, 1).reshape(a.shape[0], len(factors))


def reflected(c: Context, a: Tensor, factors: Tensor, x: Tensor, order: Iterable[int]) -> Tensor:
    """x: [B, M, N] with reflections out of the columns of a: [B, M, K] applied to it from the left, one by one."""
    for k in order:
        source = column(a, k)
        vector = rows(source).equals(k).where(1, (rows(source) > k).where(source, 0))
        tau = factors.slice(1, k, k + 1).reshape(a.shape[0], 1, 1)
        x = x - tau * vector * dot(transposed(vector), x)
    return x


@aten("geqrf.default")
def geqrf(c: Context, a: Tensor) -> list[Tensor]:
    if not a.elements:
        return of_nothing(c)
    made, factors = reflections(c, batched(a))
    return shaped(c, (made, factors))


@aten("linalg_householder_product.default")
def householder_product(c: Context, a: Tensor, factors: Tensor) -> Tensor:
    """The first columns of the product of the reflections."""
    if not a.elements:
        return c.full(0, dtype=c.dtype)
    flat, count = batched(a), factors.shape[-1]
    tau = factors.reshape(flat.shape[0], count)
    start = identity(flat, flat.shape[1], flat.shape[2])
    return reflected(c, flat, tau, start, reversed(steps(c, count))).reshape(*c.shape)


@aten("ormqr.default")
def ormqr(c: Context, a: Tensor, factors: Tensor, x: Tensor, left: bool = True, transpose: bool = False) -> Tensor:
    """Q·x, Qᵀ·x, x·Q or x·Qᵀ for the product Q of the reflections."""
    if not x.elements or not a.elements:
        return x
    flat, other, count = batched(a), batched(x), factors.shape[-1]
    tau = factors.reshape(flat.shape[0], count)
    order = steps(c, count)
    # x·Q is the transpose of Qᵀ·xᵀ
    first_to_last = transpose == left
    chosen = order if first_to_last else reversed(order)
    if left:
        return reflected(c, flat, tau, other, chosen).reshape(*c.shape)
    return transposed(reflected(c, flat, tau, transposed(other), chosen)).reshape(*c.shape)


@aten("linalg_qr.default")
def qr(c: Context, a: Tensor, mode: str = "reduced") -> list[Tensor]:
    if not a.elements:
        return [unit_matrices(c, 0), *of_nothing(c)[1:]]
    flat = batched(a)
    made, tau = reflections(c, flat)
    height, width, count = flat.shape[1], flat.shape[2], min(flat.shape[1:])
    size = height if mode == "complete" else count
    shapes = [tuple(one.shape) for one in c.results]
    r = upper(made.slice(1, 0, size)).reshape(*shapes[1])
    if mode == "r" or not prod(shapes[0]):
        return [c.full(0, shapes[0]), r]
    start = identity(flat, height, size)
    q = reflected(c, made.slice(2, 0, min(width, count)), tau, start, reversed(range(count)))
    return [q.reshape(*shapes[0]), r]
