"""PyTorch's element types and type promotion, in the compiler's terms."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import torch

from misfold.compiler.dtypes import BF16, BOOL, F16, F32, F64, I8, I16, I32, I64, U8, U16, U32, U64, DType
from misfold.compiler.errors import Unsupported

#: A Python number, as it stands in an ATen graph.
Number = int | float | bool

FROM_TORCH = {
    torch.bool: BOOL,
    torch.uint8: U8,
    torch.uint16: U16,
    torch.uint32: U32,
    torch.uint64: U64,
    torch.int8: I8,
    torch.int16: I16,
    torch.int32: I32,
    torch.int64: I64,
    torch.float16: F16,
    torch.bfloat16: BF16,
    torch.float32: F32,
    torch.float64: F64,
}
TO_TORCH = {dtype: found for found, dtype in FROM_TORCH.items()}


def dtype_of(dtype: torch.dtype) -> DType:
    """The compiler's name of an element type.

    Raises:
        Unsupported: it has none: complex, quantised and 8-bit floating-point types.
    """
    found = FROM_TORCH.get(dtype)
    if found is None:
        raise Unsupported(f"no tensors of {dtype}")
    return found


def computing(dtype: DType) -> DType:
    """What eager computes in where results are of ``dtype`` ("opmath"): f32 for the short floats."""
    return F32 if dtype in (F16, BF16) else dtype


def number_dtype(number: Number) -> DType:
    """The dtype that a Python number brings into type promotion."""
    return BOOL if isinstance(number, bool) else I64 if isinstance(number, int) else F32


def exact(number: Number, dtype: DType) -> Number:
    """A number as an element of ``dtype`` holds it: rounded, truncated or wrapped around as a cast does."""
    if dtype.is_bool:
        return bool(number)
    if dtype.is_float:
        if dtype == F64 or (isinstance(number, int) and abs(number) <= 256):
            return float(number)
        # through a tensor: numbers too large for the dtype become infinite
        return torch.tensor(float(number), dtype=torch.float64).to(TO_TORCH[dtype]).double().item()
    whole = int(number) & ((1 << dtype.bits) - 1)
    return whole - (1 << dtype.bits) if dtype.is_signed and whole > dtype.max else whole


@cache
def promote(a: DType, b: DType) -> DType:
    """The smallest type that both go into by PyTorch's lattice."""
    return FROM_TORCH[torch.promote_types(TO_TORCH[a], TO_TORCH[b])]


def result_type(dimensional: Iterable[DType], scalars: Iterable[DType], numbers: Iterable[DType]) -> DType:
    """The dtype that operands are brought to: c10's ``ResultTypeState`` (aten/src/ATen/native/TypeProperties.cpp).

    Tensors of rank 0 count only where they are of a higher category (bool < integer < float) than tensors with
    dimensions, and Python numbers only where they are of a higher one than all tensors.
    """
    result: DType | None = None
    for group in (numbers, scalars, dimensional):
        of_group: DType | None = None
        for dtype in group:
            of_group = dtype if of_group is None else promote(of_group, dtype)
        if of_group is not None:
            result = of_group if result is None else _combine(of_group, result)
    assert result is not None, "no operands"
    return result


def _combine(higher: DType, lower: DType) -> DType:
    if not higher.is_float and (higher.is_bool or lower.is_float):
        return promote(higher, lower)
    return higher
