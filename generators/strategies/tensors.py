"""Strategies for tensors and their types."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from misfold.programs.dtypes import DTYPES, DType
from misfold.programs.errors import UsageError
from misfold.programs.types import TensorType
from misfold.targets.torch_values import make_tensor

from .library import strategies
from .sizes import dims, strided

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

#: Element types, what is simpler first: Hypothesis shrinks towards the start.
SIMPLEST = ("float32", "int64", "bool", "float64", "int32", "uint8", "int8", "int16", "float16", "bfloat16")
#: Tensors hold so many different elements at most, repeated: a failure does not need more of them to be read.
_ELEMENTS = 12


def check_dtypes(dtypes: Sequence[str]) -> tuple[str, ...]:
    """The element types in the order in which they shrink.

    Raises:
        UsageError: there is none, or one is unknown.
    """
    for name in dtypes:
        if name not in DTYPES:
            raise UsageError(f"unknown element type {name}; there are {', '.join(DTYPES)}")
    if not dtypes:
        raise UsageError("no element type is left to draw from")
    known = [name for name in SIMPLEST if name in dtypes]
    return (*known, *(name for name in dict.fromkeys(dtypes) if name not in known))


def tensor_types(
    dtypes: Sequence[str] = SIMPLEST,
    *,
    max_rank: int = 4,
    max_dim: int = 33,
    zero: bool = False,
    layouts: bool = False,
) -> SearchStrategy[TensorType]:
    """Types of tensors. They shrink to fewer dimensions, smaller ones, float32, and the contiguous layout.

    Args:
        dtypes: element types to draw from.
        max_rank: the largest number of dimensions, from 0 to 8.
        max_dim: the largest size of one.
        zero: whether dimensions of 0 are drawn too.
        layouts: whether permuted, stepped and expanded (stride 0) layouts are drawn too.

    Raises:
        UsageError: the arguments leave nothing to draw, or Hypothesis is not installed.
    """
    if not 0 <= max_rank <= 8:
        raise UsageError(f"max_rank is from 0 to 8, not {max_rank}")
    st = strategies()
    kinds = st.sampled_from(check_dtypes(dtypes))
    shapes = st.lists(dims(max_dim, zero), max_size=max_rank).map(tuple)
    forms = st.integers(0, 3 if layouts else 0)
    return st.builds(lambda dtype, shape, form: strided(TensorType.of(dtype, shape), form), kinds, shapes, forms)


def tensors(
    dtypes: Sequence[str] = SIMPLEST,
    *,
    max_rank: int = 4,
    max_dim: int = 33,
    zero: bool = False,
    layouts: bool = False,
    finite: bool = True,
) -> SearchStrategy[torch.Tensor]:
    """Tensors. They shrink as their types do, and their elements to 0; arguments and errors as of ``tensor_types``.

    Args:
        finite: whether NaN and infinities are left out.
    """
    kinds = tensor_types(dtypes, max_rank=max_rank, max_dim=max_dim, zero=zero, layouts=layouts)
    st = strategies()

    @st.composite  # type: ignore[untyped-decorator, unused-ignore]
    def drawn(draw):
        kind = draw(kinds)
        values = draw(st.lists(_element(kind.dtype, finite), min_size=1, max_size=_ELEMENTS))
        return make_tensor({"draw": "values", "values": values}, kind.shape, kind.dtype.name, kind.strides)

    found: SearchStrategy[torch.Tensor] = drawn()
    return found


def _element(dtype: DType, finite: bool) -> SearchStrategy[bool | int | float]:
    st = strategies()
    if dtype.kind == "bool":
        return st.booleans()
    if dtype.is_integer:
        return st.integers(int(dtype.low), int(dtype.high))
    # What rounds to the element type's own values, without those that round to infinity.
    width = 64 if dtype.name == "float64" else 16 if dtype.name == "float16" else 32
    limit = float(dtype.high)
    some = st.floats(-limit, limit, width=width) if width != 32 or dtype.name == "float32" else _bfloat16(limit)
    return some if finite else st.one_of(some, st.sampled_from([float("nan"), float("inf"), float("-inf")]))


def _bfloat16(limit: float) -> SearchStrategy[float]:
    st = strategies()
    return st.floats(-limit, limit).map(lambda item: float(torch.tensor(item, dtype=torch.bfloat16)))
