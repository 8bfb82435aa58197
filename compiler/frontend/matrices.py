"""Batches of small matrices: what factorisations and what solves with them are written in.

Algorithms of linear algebra go column by column, each of which needs the one before. Here the columns are written out,
a few operators on the whole matrix for each, so that all matrices of a batch are worked on at once and nothing but the
graph's ordinary operators is needed. That is for small matrices: up to ``MAX_COLUMNS`` columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from misfold.compiler.dtypes import BOOL, I64

from .registry import Context
from .tensor import Tensor
from .types import dtype_of

#: Compiling takes time in proportion to the columns; at these it is a second or two.
MAX_COLUMNS = 32


def batched(x: Tensor) -> Tensor:
    """[*, M, N] as [B, M, N]."""
    return x.reshape(prod(x.shape[:-2]), *x.shape[-2:])


def transposed(x: Tensor) -> Tensor:
    """[*, M, N] as [*, N, M]."""
    return x.transpose(x.rank - 2, x.rank - 1)


def steps(c: Context, count: int) -> range:
    """``range(count)``, if that is few enough to be written out."""
    if count > MAX_COLUMNS:
        raise c.unsupported(f"{count} columns: not more than {MAX_COLUMNS} are written out")
    return range(count)


def rows(x: Tensor) -> Tensor:
    """Each element's row."""
    return x.iota(x.rank - 2)


def columns(x: Tensor) -> Tensor:
    """Each element's column."""
    return x.iota(x.rank - 1)


def column(x: Tensor, number: int) -> Tensor:
    """[B, M, N] to [B, M, 1]."""
    return x.slice(2, number, number + 1)


def row(x: Tensor, number: int) -> Tensor:
    """[B, M, N] to [B, 1, N]."""
    return x.slice(1, number, number + 1)


def lower(x: Tensor, diagonal: int = 0) -> Tensor:
    """Elements on and below a diagonal; zeros above."""
    return (columns(x) - rows(x) <= diagonal).where(x, 0)


def upper(x: Tensor, diagonal: int = 0) -> Tensor:
    """Elements on and above a diagonal; zeros below."""
    return (columns(x) - rows(x) >= diagonal).where(x, 0)


def identity(like: Tensor, size: int | None = None, width: int | None = None) -> Tensor:
    """[B, size, width] with ones on the diagonal; by default of the rows of ``like``."""
    size = like.shape[-2] if size is None else size
    shape = (*like.shape[:-2], size, size if width is None else width)
    place = like.iota(len(shape) - 2, shape), like.iota(len(shape) - 1, shape)
    return place[0].equals(place[1]).cast(like.dtype)


def with_unit_diagonal(x: Tensor) -> Tensor:
    """What lies below the diagonal, ones on it, zeros above."""
    return rows(x).equals(columns(x)).where(1, lower(x, -1))


def chosen_rows(x: Tensor, order: Tensor) -> Tensor:
    """Row ``order[b, i]`` of matrix b as row i. ``order``: [B, M]."""
    shape = (x.shape[0], order.shape[1], x.shape[2])
    return x.gather([x.iota(0, shape), order.broadcast(shape, (0, 1)), x.iota(2, shape)])


def triangular_solve(c: Context, a: Tensor, b: Tensor, *, is_upper: bool, unit: bool) -> Tensor:
    """x with a·x = b, for triangular a: [B, N, N] and b: [B, N, K]; substitution, column by column of a."""
    order: Sequence[int] = steps(c, a.shape[-1])
    x, place = b, rows(b)
    for number in reversed(order) if is_upper else order:
        solved = row(x, number)
        if not unit:
            solved = solved / column(row(a, number), number)
        beyond = place < number if is_upper else place > number
        x = place.equals(number).where(solved, beyond.where(x - column(a, number) * solved, x))
    return x


def swapped(order: Tensor, one: int, other: Tensor) -> Tensor:
    """[B, M] with elements ``one`` and ``other`` ([B, 1]) exchanged."""
    place = order.iota(1)
    there = place.equals(other)
    first = order.slice(1, one, one + 1)
    second = order.gather([order.iota(0, other.shape), other.cast(I64)])
    return place.equals(one).where(second, there.where(first, order))


def rearranged(pivots: Tensor, count: int) -> Tensor:
    """[B, K] pivots as LAPACK gives them, counted from 1, as the order of ``count`` rows that they lead to: [B, M]."""
    order = pivots.iota(1, (pivots.shape[0], count))
    for number in range(pivots.shape[1]):
        order = swapped(order, number, pivots.slice(1, number, number + 1).cast(I64) - 1)
    return order


def first_true(flags: Sequence[Tensor], like: Tensor) -> Tensor:
    """[B]: the number, from 1, of the first of some flags ([B, 1, 1]) that is true; 0 if none is."""
    found = like.full(0, (like.shape[0], 1, 1), I64)
    for number, flag in reversed(list(enumerate(flags, 1))):
        assert flag.dtype == BOOL
        found = flag.where(number, found)
    return found.reshape(like.shape[0])


def of_nothing(c: Context) -> list[Tensor]:
    """The results for matrices without elements: there are none, or zeros."""
    return [c.full(0, tuple(one.shape), dtype_of(one.dtype)) for one in c.results]


def shaped(c: Context, made: Sequence[Tensor], first: int = 0) -> list[Tensor]:
    """Tensors in the shapes of the results that they are, from result ``first`` on. Batches come as one dimension."""
    wanted = [tuple(one.shape) for one in c.results[first : first + len(made)]]
    return [one.reshape(*shape) for one, shape in zip(made, wanted, strict=True)]


def unit_matrices(c: Context, number: int) -> Tensor:
    """Result ``number`` as unit matrices: [*, M, N]."""
    shape, dtype = tuple(c.results[number].shape), dtype_of(c.results[number].dtype)
    if len(shape) < 2 or not prod(shape):
        return c.full(0, shape, dtype)
    return c.iota(len(shape) - 2, shape).equals(c.iota(len(shape) - 1, shape)).cast(dtype)


def checked(c: Context, info: Tensor, a: Tensor) -> None:
    """Have the program fail as eager does where LAPACK's info [B] is not zero, of the operand a."""
    name = c.name.removeprefix("_").replace("linalg_", "linalg.")
    c.check(info.reshape(*a.shape[:-2]), name, a.rank == 2)
