"""What the inference of several families checks in the same way. All raise ``IllTyped``."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise
from typing import Any

from misfold.compiler.dtypes import I64, DType
from misfold.compiler.graph.ir import TensorType
from misfold.compiler.loops.arithmetic import is_exact

from .base import IllTyped


def want(condition: bool, message: str) -> None:
    if not condition:
        raise IllTyped(message)


def shown(shape: Sequence[int]) -> str:
    """A shape as messages write it."""
    return f"[{', '.join(map(str, shape))}]"


def check_shape(operator: str, shape: tuple[int, ...]) -> None:
    want(all(size >= 0 for size in shape), f"{operator}: sizes must not be negative, as in {shown(shape)}")


def check_kind(operator: str, dtype: DType, kinds: Collection[str]) -> None:
    want(dtype.kind in kinds, f"{operator} does not take {dtype}, only {', '.join(sorted(kinds))}")


def check_one_of(operator: str, name: str, value: str, known: Sequence[str]) -> None:
    want(value in known, f"{operator}: {name} must be one of {', '.join(known)}, not {value!r}")


def check_dim(operator: str, dim: int, rank: int) -> None:
    want(0 <= dim < rank, f"{operator}: dim {dim} is not one of the {rank} dimensions")


def check_dims(operator: str, dims: tuple[int, ...], rank: int) -> None:
    """Dimensions that increase."""
    for dim in dims:
        check_dim(operator, dim, rank)
    want(all(a < b for a, b in pairwise(dims)), f"{operator}: dims must increase, unlike {dims}")


def check_length(operator: str, name: str, values: Sequence[Any], length: int) -> None:
    want(len(values) == length, f"{operator}: {name} must have {length} entries, not {len(values)}")


def check_least(operator: str, name: str, values: Sequence[int], least: int) -> None:
    want(all(value >= least for value in values), f"{operator}: {name} must be at least {least}, unlike {values}")


def check_same(operator: str, inputs: Sequence[TensorType], names: Sequence[str] = ()) -> None:
    """All of one dtype and one shape."""
    first = inputs[0]
    for other in inputs[1:]:
        want(
            other.dtype == first.dtype and other.shape == first.shape,
            f"{operator}: operands must have one dtype and shape, unlike {first.dtype}{shown(first.shape)} and "
            f"{other.dtype}{shown(other.shape)}",
        )


def check_indices(operator: str, indices: Sequence[TensorType], rank: int) -> None:
    """``rank`` tensors of i64 of one shape."""
    want(rank > 0, f"{operator}: a tensor without dimensions has nothing to index")
    want(len(indices) == rank, f"{operator} takes {rank} indices for {rank} dimensions, not {len(indices)}")
    for index in indices:
        want(index.dtype == I64, f"{operator}: indices must be i64, not {index.dtype}")
        want(
            index.shape == indices[0].shape,
            f"{operator}: indices must have one shape, unlike {shown(indices[0].shape)} and {shown(index.shape)}",
        )


def check_value(operator: str, value: int | float | bool, dtype: DType) -> None:
    """A bool for bool, an int in range for integers, a float that is exact in the dtype for floats."""
    kind = {"bool": bool, "float": float}.get(dtype.kind, int)
    want(type(value) is kind, f"{operator}: a value of {dtype} must be written as {kind.__name__}, not {value!r}")
    want(is_exact(value, dtype), f"{operator}: {value!r} is not a value of {dtype}")
