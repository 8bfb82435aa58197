"""Dimensions and layouts to draw, what is simpler first."""

from __future__ import annotations

from functools import cache
from itertools import product
from typing import TYPE_CHECKING

from misfold.programs.errors import UsageError
from misfold.programs.types import TensorType, contiguous_strides

from .library import strategies

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

#: Where compilers change their minds: one element, primes, powers of two (vectors, unrolling) and their neighbours.
EDGES = (1, 2, 3, 4, 5, 7, 8, 9, 13, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129)


def dims(max_dim: int, zero: bool) -> SearchStrategy[int]:
    """Sizes of dimensions up to ``max_dim``, edge sizes mostly; they shrink to 1.

    Raises:
        UsageError: ``max_dim`` is below 1, or Hypothesis is not installed.
    """
    if max_dim < 1:
        raise UsageError(f"max_dim is at least 1, not {max_dim}")
    st = strategies()
    edges = [size for size in EDGES if size <= max_dim]
    # An empty tensor is no simpler example than one of one element: it hides what an operator computes.
    return st.one_of(st.sampled_from([*edges, *([0] if zero else [])]), st.integers(1, max_dim))


@cache
def shapes(max_dim: int, zero: bool) -> list[tuple[int, ...]]:
    """Shapes of up to four dimensions, fewer and smaller ones first: all small ones, and some of each edge size.

    Raises:
        UsageError: ``max_dim`` is below 1.
    """
    if max_dim < 1:
        raise UsageError(f"max_dim is at least 1, not {max_dim}")
    sizes = [size for size in EDGES if size <= max_dim] + ([0] if zero else [])
    found: set[tuple[int, ...]] = {()}
    for rank in range(1, 5):
        # All combinations of the smallest sizes; one larger size in one place at a time.
        few = [size for size in sizes if size <= (5 if rank < 3 else 3)]
        found.update(product(few, repeat=rank))
        found.update(
            tuple(size if axis == place else rest for axis in range(rank))
            for size in sizes
            for place in range(rank)
            for rest in (1, 2, 3)
            if rest <= max_dim
        )
    # An empty tensor is no simpler example than one of one element: it hides what an operator computes.
    return sorted(found, key=lambda shape: (0 in shape, len(shape), sum(shape), shape))


def strided(kind: TensorType, form: int) -> TensorType:
    """A contiguous type in another layout: 0 as it is, 1 permuted (dimensions reversed), 2 every second element,
    3 expanded along the longest dimension (stride 0)."""
    if form == 0 or kind.elements < 2:
        return kind
    shape = kind.shape
    if form == 1:
        return TensorType(kind.dtype, shape, tuple(reversed(contiguous_strides(tuple(reversed(shape))))))
    if form == 2:
        return TensorType(kind.dtype, shape, tuple(2 * stride for stride in contiguous_strides(shape)))
    axis = shape.index(max(shape))
    strides = contiguous_strides(tuple(1 if place == axis else dim for place, dim in enumerate(shape)))
    return TensorType(kind.dtype, shape, tuple(0 if place == axis else one for place, one in enumerate(strides)))
