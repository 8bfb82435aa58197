"""Tensors made out of nothing, and casts."""

from __future__ import annotations

import math

from misfold.compiler.dtypes import F32, F64, I64, DType
from misfold.compiler.frontend.registry import Context, aten
from misfold.compiler.frontend.tensor import Tensor, concatenate
from misfold.compiler.frontend.types import Number


@aten("full.default", "full_like.default", "new_full.default")
def full(c: Context, like: object, *values: object, dtype: DType | None = None) -> Tensor:
    return _constant(c, values[-1])


@aten("zeros.default", "zeros_like.default", "new_zeros.default")
@aten(
    "empty.memory_format", "empty_like.default", "new_empty.default", "empty_strided.default", "empty_permuted.default"
)
@aten("new_empty_strided.default")
def zeros(c: Context, *_: object, dtype: DType | None = None) -> Tensor:
    # An empty tensor may hold anything.
    return c.full(0, dtype=c.dtype)


@aten("ones.default", "ones_like.default", "new_ones.default")
def ones(c: Context, *_: object, dtype: DType | None = None) -> Tensor:
    return c.full(1, dtype=c.dtype)


@aten("scalar_tensor.default", "fill.Scalar")
def scalar_tensor(c: Context, *values: object, dtype: DType | None = None) -> Tensor:
    return _constant(c, values[-1])


def _constant(c: Context, value: object) -> Tensor:
    if not isinstance(value, int | float):
        raise c.unsupported(f"a constant of type {type(value).__name__}")
    if not c.dtype.is_float and isinstance(value, float) and not math.isfinite(value):
        raise c.unsupported(f"{value} as an integer")
    return c.full(value, dtype=c.dtype)


@aten("fill.Tensor")
def fill(c: Context, x: Tensor, value: Tensor) -> Tensor:
    return convert(value, c.dtype).broadcast(c.shape)


@aten("arange.start_step", "arange.start", "arange.default")
def arange(c: Context, *bounds: Number, dtype: DType | None = None) -> Tensor:
    start, _, step = bounds if len(bounds) == 3 else (*bounds, 1) if len(bounds) == 2 else (0, bounds[0], 1)
    # aten/src/ATen/native/cpu/RangeFactoriesKernel.cpp: start + step · i, in the accumulation type
    computed = F64 if c.dtype.is_float and c.dtype.bits == 64 else F32 if c.dtype.is_float else I64
    if not computed.is_float and not all(float(bound).is_integer() for bound in (start, step)):
        start, step = int(start), int(step)
    index = c.iota(0, c.shape, computed)
    scaled = index if step == 1 else index * step
    return scaled if start == 0 else scaled + start


@aten("linspace.default")
def linspace(c: Context, start: Number, end: Number, steps: int, dtype: DType | None = None) -> Tensor:
    if not c.dtype.is_float:
        raise c.unsupported("integers: where a value is cut off depends on eager's last bit")
    if steps == 1:
        return c.full(start)
    step = (end - start) / (steps - 1)
    index = c.iota(0, c.shape, c.computing)
    # from both ends, so that both are exact
    return (index < steps // 2).where(index * step + start, end - ((steps - 1) - index) * step)


@aten("eye.default", "eye.m")
def eye(c: Context, *_: int, dtype: DType | None = None) -> Tensor:
    return c.iota(0, c.shape).equals(c.iota(1, c.shape))


@aten("tril_indices.default", "triu_indices.default")
def triangle_indices(c: Context, rows: int, columns: int, offset: int = 0, dtype: DType | None = None) -> Tensor:
    if not c.shape[1]:
        return c.full(0, dtype=c.dtype)
    lower = c.name == "tril_indices"
    row = c.iota(0, (rows,))
    first = row.full(0) if lower else (row + offset).maximum(0).minimum(columns)
    last = (row + (offset + 1)).maximum(0).minimum(columns) if lower else row.full(columns)
    # number k is in the first row whose running total exceeds k
    ends = (last - first).one("scan", op="add", dim=0)
    shape = (c.shape[1], rows)
    chosen = (ends.broadcast(shape, [1]) <= c.iota(0, shape)).cast(I64).sum((1,))
    column = c.iota(0, (c.shape[1],)) - (ends - last).gather([chosen])
    return concatenate([chosen.unsqueeze(0), column.unsqueeze(0)], 0)


# -------------------------------------------------------------------------------------------------------------- casts


@aten("_to_copy.default", "to.dtype", "to.dtype_layout", "type_as.default", "to.device", "to.other")
@aten("prims.convert_element_type.default")
def to_copy(c: Context, x: Tensor, *_: object, dtype: DType | None = None, copy: bool = False) -> Tensor:
    return convert(x, c.dtype)


def convert(x: Tensor, dtype: DType) -> Tensor:
    """A cast as eager does it: a float becomes a short integer by way of a longer one, whose high bits are lost."""
    if x.dtype.is_float and dtype.is_integer and (dtype.bits < 32):
        return x.cast(I64).cast(dtype)
    return x.cast(dtype)


@aten("copy.default")
def copy(c: Context, x: Tensor, source: Tensor, non_blocking: bool = False) -> Tensor:
    return convert(source, c.dtype).broadcast(c.shape)


@aten("view.dtype", "view_copy.dtype")
def view_dtype(c: Context, x: Tensor, dtype: DType) -> Tensor:
    if dtype == x.dtype:
        return x
    raise c.unsupported("the graph IR cannot look at the bits of an element")
