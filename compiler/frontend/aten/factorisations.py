"""Triangular factors with pivots, and what is solved with them."""

from __future__ import annotations

from math import prod

from misfold.compiler.dtypes import I64
from misfold.compiler.frontend.matrices import (
    batched,
    checked,
    chosen_rows,
    column,
    columns,
    first_true,
    identity,
    of_nothing,
    rearranged,
    row,
    rows,
    shaped,
    steps,
    transposed,
    triangular_solve,
    unit_matrices,
    upper,
    with_unit_diagonal,
)
from misfold.compiler.frontend.registry import Context, aten
from misfold.compiler.frontend.tensor import Tensor, concatenate, joint_shape


def lu(c: Context, a: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """[B, M, N] as L·U with partial pivoting, both in one matrix; pivots [B, K]; the first pivot that is zero [B].

    Right-looking, as LAPACK's getf2: of equally large pivots the first is taken, and by a zero nothing is divided.
    """
    place, across = rows(a), columns(a)
    pivots, zeros = [], []
    for k in steps(c, min(a.shape[1:])):
        below = column(a, k).slice(1, k, a.shape[1]).abs()
        chosen = below.reshape(a.shape[0], a.shape[1] - k).arg("max", 1).reshape(a.shape[0], 1) + k
        pivots.append(chosen + 1)
        index = chosen.reshape(a.shape[0], 1, 1).broadcast(a.shape)
        source = place.equals(k).where(index, place.equals(index).where(k, place))
        a = a.gather([a.iota(0), source, across])
        diagonal = column(row(a, k), k)
        zeros.append(diagonal.equals(0))
        factor = zeros[-1].where(column(a, k), column(a, k) / diagonal)
        right = (across > k).where(a - factor * row(a, k), across.equals(k).where(factor, a))
        a = (place > k).where(right, a)
    return a, concatenate(pivots, 1), first_true(zeros, a)


def _factors(c: Context, a: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    return lu(c, batched(a))


def _pivoted(c: Context, a: Tensor, pivot: bool) -> tuple[Tensor, Tensor, Tensor]:
    if not pivot:
        raise c.unsupported("factors without pivots, which eager does not make on CPUs either")
    return _factors(c, a)


@aten("linalg_lu_factor_ex.default")
def lu_factor(c: Context, a: Tensor, *, pivot: bool = True, check_errors: bool = False) -> list[Tensor]:
    if not a.elements:
        return of_nothing(c)
    both, pivots, info = _pivoted(c, a, pivot)
    if check_errors:
        checked(c, info, a)
    return shaped(c, (both, pivots, info))


@aten("linalg_lu.default")
def lu_parts(c: Context, a: Tensor, *, pivot: bool = True) -> list[Tensor]:
    if not a.elements:
        return [unit_matrices(c, 0), *of_nothing(c)[1:]]
    both, pivots, _ = _pivoted(c, a, pivot)
    return _unpacked(c, both, pivots, True)


@aten("lu_unpack.default")
def lu_unpack(
    c: Context, both: Tensor, pivots: Tensor, unpack_data: bool = True, unpack_pivots: bool = True
) -> list[Tensor]:
    if not both.elements:
        return [unit_matrices(c, 0), *of_nothing(c)[1:]]
    steps(c, min(both.shape[-2:]))
    flat = pivots.reshape(prod(pivots.shape[:-1]), pivots.shape[-1])
    made = _unpacked(c, batched(both), flat, unpack_pivots)
    return [one if prod(result.shape) else c.full(0, result.shape) for one, result in zip(made, c.results)]


def _unpacked(c: Context, both: Tensor, pivots: Tensor, permuted: bool) -> list[Tensor]:
    """P, L and U in the shapes of the results; P is empty if there are no pivots."""
    least = min(both.shape[1:])
    order = rearranged(pivots, both.shape[1])
    shape = (both.shape[0], both.shape[1], both.shape[1])
    # A's row order[j] became row j: P has a one at [order[j], j]
    p = both.iota(1, shape).equals(order.broadcast(shape, (0, 2))).cast(both.dtype)
    l_, u = with_unit_diagonal(both.slice(2, 0, least)), upper(both.slice(1, 0, least))
    shapes = [tuple(one.shape) for one in c.results]
    first = p.reshape(*shapes[0]) if permuted and prod(shapes[0]) else c.full(0, shapes[0])
    rest = [one.reshape(*shape) if prod(shape) else c.full(0, shape) for one, shape in zip((l_, u), shapes[1:])]
    return [first, *rest]


def _row_major(x: Tensor) -> bool:
    """Whether eager's tensor is contiguous: it factorises the transpose of those, which lies as LAPACK wants it."""
    assert x.layout is not None, "the strides of arguments are known"
    expected = 1
    for size, stride in zip(reversed(x.shape), reversed(x.layout[0])):
        if size != 1 and stride != expected:
            return False
        expected *= size
    return True


def _factors_as_eager(c: Context, a: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Of the transpose where eager takes that: its derivative solves with what is returned, and reckons with it."""
    return _factors(c, transposed(a) if _row_major(a) else a)


def _sign_and_diagonal(both: Tensor, pivots: Tensor) -> tuple[Tensor, Tensor]:
    """[B]: the sign of the rows' order; [B, N]: U's diagonal."""
    count = both.shape[1]
    moved = pivots.cast(I64).differs(pivots.iota(1) + 1).cast(I64).sum((1,))
    sign = (1 - moved % 2 * 2).cast(both.dtype)
    places = (both.shape[0], count)
    return sign, both.gather([both.iota(0, places), both.iota(1, places), both.iota(1, places)])


@aten("_linalg_det.default")
def det(c: Context, a: Tensor) -> list[Tensor]:
    if not a.elements:
        return [c.full(1), *of_nothing(c)[1:]]
    both, pivots, _ = _factors_as_eager(c, a)
    sign, diagonal = _sign_and_diagonal(both, pivots)
    result = sign * diagonal.reduce("mul", (1,))
    return shaped(c, (result, both, pivots))


@aten("_linalg_slogdet.default")
def slogdet(c: Context, a: Tensor) -> list[Tensor]:
    if not a.elements:
        return [c.full(1), *of_nothing(c)[1:]]
    both, pivots, _ = _factors_as_eager(c, a)
    sign, diagonal = _sign_and_diagonal(both, pivots)
    signs = (diagonal > 0).cast(both.dtype) - (diagonal < 0).cast(both.dtype)
    return shaped(c, (sign * signs.reduce("mul", (1,)), diagonal.abs().log().sum((1,)), both, pivots))


def _solved(c: Context, both: Tensor, pivots: Tensor, b: Tensor, adjoint: bool = False) -> Tensor:
    """a·x = b, or aᵀ·x = b with ``adjoint``, for P·L·U of a: [B, N, N] and b: [B, N, K]."""
    order = rearranged(pivots, both.shape[1])
    if not adjoint:
        half = triangular_solve(c, both, chosen_rows(b, order), is_upper=False, unit=True)
        return triangular_solve(c, both, half, is_upper=True, unit=False)
    turned = transposed(both)
    half = triangular_solve(c, turned, b, is_upper=False, unit=False)
    x = triangular_solve(c, turned, half, is_upper=True, unit=True)
    # what went to row i goes back to row order[i]
    place = order.cast(I64).broadcast(x.shape, (0, 1))
    return x.scatter("replace", x, [x.iota(0), place, x.iota(2)])


def _solve_beside(c: Context, both: Tensor, pivots: Tensor, b: Tensor, left: bool, adjoint: bool) -> Tensor:
    """``_solved``, or x·a = b where not ``left``."""
    if left:
        return _solved(c, both, pivots, b, adjoint)
    return transposed(_solved(c, both, pivots, transposed(b), not adjoint))


@aten("linalg_lu_solve.default")
def lu_solve(
    c: Context, both: Tensor, pivots: Tensor, b: Tensor, *, left: bool = True, adjoint: bool = False
) -> Tensor:
    if not b.elements or not both.elements:
        return c.full(0, dtype=c.dtype)
    batch = c.shape[:-2]
    wide = both.broadcast((*batch, *both.shape[-2:])), pivots.broadcast((*batch, pivots.shape[-1]))
    flat = wide[1].reshape(prod(batch), pivots.shape[-1])
    made = _solve_beside(c, batched(wide[0]), flat, batched(b.broadcast(c.shape)), left, adjoint)
    return made.reshape(*c.shape)


@aten("_linalg_solve_ex.default")
def solve(c: Context, a: Tensor, b: Tensor, *, left: bool = True, check_errors: bool = False) -> list[Tensor]:
    if not a.elements:
        return of_nothing(c)
    both, pivots, info = _factors(c, a)
    if check_errors:
        checked(c, info, a)
    # a vector, or a batch of these where a's batch says so (torch.linalg.solve)
    is_vector = b.rank == 1 or (a.rank - 1 == b.rank and b.shape == a.shape[:-1])
    if is_vector:
        b = b.unsqueeze(b.rank)
    if not b.elements:
        result = c.full(0, c.shape)
    else:
        batch = joint_shape([a.shape[:-2], b.shape[:-2]])
        count = prod(batch)
        wide = both.reshape(*a.shape).broadcast((*batch, *a.shape[-2:])).reshape(count, *a.shape[-2:])
        order = pivots.reshape(*a.shape[:-1]).broadcast((*batch, a.shape[-1])).reshape(count, a.shape[-1])
        right = batched(b.broadcast((*batch, *b.shape[-2:])))
        result = _solve_beside(c, wide, order, right, left or is_vector, False).reshape(*c.shape)
    return [result, *shaped(c, (both, pivots, info), first=1)]


@aten("linalg_inv_ex.default")
def inv(c: Context, a: Tensor, *, check_errors: bool = False) -> list[Tensor]:
    if not a.elements:
        return of_nothing(c)
    both, pivots, info = _factors(c, a)
    if check_errors:
        checked(c, info, a)
    return shaped(c, (_solved(c, both, pivots, identity(both)), info))
