"""Values of the graph under construction, with the notation of tensors, so that conversions read like formulas."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, prod

from misfold.compiler.dtypes import BOOL, F32, I64, U8, DType
from misfold.compiler.graph.builder import Builder
from misfold.compiler.graph.ir import Attribute, Value

from .types import Number, exact


class Tensor:
    """A value and the builder that made it.

    Arithmetic broadcasts; its operands must be of one dtype, and a Python number takes that of the tensor beside it.
    Nothing that has no effect makes a node: a reshape to the shape that is there, a cast to the same dtype.
    """

    __slots__ = ("builder", "layout", "value")

    def __init__(self, builder: Builder, value: Value, layout: tuple[tuple[int, ...], int] | None = None):
        self.builder = builder
        self.value = value
        #: Strides and storage offset of eager's tensor: known for the arguments of a call.
        self.layout = layout

    def __repr__(self) -> str:
        return f"{self.value.name}: {self.dtype}{list(self.shape)}"

    @property
    def dtype(self) -> DType:
        return self.value.type.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        return self.value.type.shape

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def elements(self) -> int:
        return prod(self.shape)

    def apply(self, operator: str, *others: Tensor, **attributes: Attribute) -> tuple[Tensor, ...]:
        """A node with this as first operand."""
        outputs = self.builder.apply(operator, self.value, *(other.value for other in others), **attributes)
        return tuple(Tensor(self.builder, output) for output in outputs)

    def one(self, operator: str, *others: Tensor, **attributes: Attribute) -> Tensor:
        """``apply`` for operators with one output."""
        (output,) = self.apply(operator, *others, **attributes)
        return output

    def full(self, number: Number, shape: Sequence[int] | None = None, dtype: DType | None = None) -> Tensor:
        """A constant, of this one's shape and dtype unless told otherwise."""
        return full(self.builder, number, self.shape if shape is None else shape, dtype or self.dtype)

    def iota(self, dim: int, shape: Sequence[int] | None = None, dtype: DType = I64) -> Tensor:
        """Each element's index along ``dim``."""
        return iota(self.builder, dim, self.shape if shape is None else shape, dtype)

    # --------------------------------------------------------------------------------------------------- elementwise

    def cast(self, dtype: DType) -> Tensor:
        if dtype == self.dtype:
            return self
        return self.one("cast", dtype=dtype)

    def binary(self, operator: str, other: Tensor | Number) -> Tensor:
        if not isinstance(other, Tensor):
            return self.one(operator, self.full(other))
        left, right = broadcast_together(self, other)
        return left.one(operator, right)

    def reflected(self, operator: str, other: Number) -> Tensor:
        return self.full(other).one(operator, self)

    def __add__(self, other: Tensor | Number) -> Tensor:
        return self.binary("add", other)

    def __radd__(self, other: Number) -> Tensor:
        return self.reflected("add", other)

    def __sub__(self, other: Tensor | Number) -> Tensor:
        return self.binary("sub", other)

    def __rsub__(self, other: Number) -> Tensor:
        return self.reflected("sub", other)

    def __mul__(self, other: Tensor | Number) -> Tensor:
        return self.binary("mul", other)

    def __rmul__(self, other: Number) -> Tensor:
        return self.reflected("mul", other)

    def __truediv__(self, other: Tensor | Number) -> Tensor:
        return self.binary("div", other)

    def __rtruediv__(self, other: Number) -> Tensor:
        return self.reflected("div", other)

    def __floordiv__(self, other: Tensor | Number) -> Tensor:
        return self.binary("floordiv", other)

    def __mod__(self, other: Tensor | Number) -> Tensor:
        return self.binary("floormod", other)

    def __neg__(self) -> Tensor:
        return self.one("neg")

    def __invert__(self) -> Tensor:
        return self.one("not")

    def __and__(self, other: Tensor | Number) -> Tensor:
        return self.binary("and", other)

    def __or__(self, other: Tensor | Number) -> Tensor:
        return self.binary("or", other)

    def __xor__(self, other: Tensor | Number) -> Tensor:
        return self.binary("xor", other)

    def __lt__(self, other: Tensor | Number) -> Tensor:
        return self.binary("lt", other)

    def __le__(self, other: Tensor | Number) -> Tensor:
        return self.binary("le", other)

    def __gt__(self, other: Tensor | Number) -> Tensor:
        return self.binary("gt", other)

    def __ge__(self, other: Tensor | Number) -> Tensor:
        return self.binary("ge", other)

    def equals(self, other: Tensor | Number) -> Tensor:
        return self.binary("eq", other)

    def differs(self, other: Tensor | Number) -> Tensor:
        return self.binary("ne", other)

    def minimum(self, other: Tensor | Number) -> Tensor:
        return self.binary("and" if self.dtype.is_bool else "min", other)

    def maximum(self, other: Tensor | Number) -> Tensor:
        return self.binary("or" if self.dtype.is_bool else "max", other)

    def abs(self) -> Tensor:
        return self.one("abs")

    def exp(self) -> Tensor:
        return self.one("exp")

    def log(self) -> Tensor:
        return self.one("log")

    def sqrt(self) -> Tensor:
        return self.one("sqrt")

    def square(self) -> Tensor:
        return self * self

    def is_nan(self) -> Tensor:
        return self.differs(self) if self.dtype.is_float else self.full(False, dtype=BOOL)

    def is_infinite(self) -> Tensor:
        return self.abs().equals(inf) if self.dtype.is_float else self.full(False, dtype=BOOL)

    def where(self, then: Tensor | Number, other: Tensor | Number) -> Tensor:
        """``then`` where this, a bool tensor, is true, else ``other``; at least one of the two is a tensor."""
        example = then if isinstance(then, Tensor) else other
        assert isinstance(example, Tensor)
        then = then if isinstance(then, Tensor) else example.full(then, ())
        other = other if isinstance(other, Tensor) else example.full(other, ())
        condition, then, other = broadcast_together(self, then, other)
        return condition.one("select", then, other)

    # ------------------------------------------------------------------------------------------------------ movement

    def broadcast(self, shape: Sequence[int], dims: Sequence[int] | None = None) -> Tensor:
        """To ``shape``; dimension i becomes ``dims[i]``, by default the trailing ones."""
        shape = tuple(shape)
        if dims is None:
            dims = range(len(shape) - self.rank, len(shape))
        if shape == self.shape:
            return self
        return self.one("broadcast", shape=shape, dims=tuple(dims))

    def reshape(self, *shape: int) -> Tensor:
        if shape == self.shape:
            return self
        return self.one("reshape", shape=shape)

    def unsqueeze(self, *dims: int) -> Tensor:
        """Dimensions of size 1 inserted: ``dims`` count in the result and increase."""
        shape = list(self.shape)
        for dim in dims:
            shape.insert(dim, 1)
        return self.reshape(*shape)

    def permute(self, *dims: int) -> Tensor:
        if dims == tuple(range(self.rank)):
            return self
        return self.one("permute", dims=dims)

    def transpose(self, a: int, b: int) -> Tensor:
        dims = list(range(self.rank))
        dims[a], dims[b] = dims[b], dims[a]
        return self.permute(*dims)

    def slice(self, dim: int, start: int, stop: int, step: int = 1) -> Tensor:
        """Elements ``start, start + step, …`` below ``stop`` along one dimension; bounds are in range."""
        if (start, stop, step) == (0, self.shape[dim], 1):
            return self
        starts, stops, steps = [0] * self.rank, list(self.shape), [1] * self.rank
        starts[dim], stops[dim], steps[dim] = start, max(start, stop), step
        return self.one("slice", starts=tuple(starts), stops=tuple(stops), steps=tuple(steps))

    def reverse(self, dims: Sequence[int]) -> Tensor:
        return self.one("reverse", dims=tuple(sorted(dims))) if dims else self

    def pad(
        self, low: Sequence[int], high: Sequence[int], value: Number = 0, interior: Sequence[int] | None = None
    ) -> Tensor:
        """``value`` around, and ``interior`` times between neighbours. Negative ``low`` and ``high`` cut off."""
        interior = tuple(interior or [0] * self.rank)
        padded = self
        if any(item > 0 for item in (*low, *high, *interior)):
            ends = [tuple(max(item, 0) for item in side) for side in (low, high)]
            padded = self.one("pad", low=ends[0], high=ends[1], interior=interior, value=exact(value, self.dtype))
        for dim in range(self.rank):
            if low[dim] < 0 or high[dim] < 0:
                padded = padded.slice(dim, max(-low[dim], 0), padded.shape[dim] - max(-high[dim], 0))
        return padded

    # ---------------------------------------------------------------------------------------------------- reductions

    def reduce(self, operator: str, dims: Sequence[int] | None = None, keep: bool = False) -> Tensor:
        """Combine the elements along ``dims`` (all by default), which stay with size 1 where ``keep``."""
        reduced = tuple(range(self.rank)) if dims is None else tuple(sorted(dims))
        if self.dtype.is_bool:
            operator = {"max": "or", "min": "and"}.get(operator, operator)
        result = self.one("reduce", op=operator, dims=reduced) if reduced else self
        return result.keep(self, reduced) if keep else result

    def keep(self, unreduced: Tensor, dims: Sequence[int]) -> Tensor:
        """This, reduced from ``unreduced`` along ``dims``, with these dimensions put back with size 1."""
        return self.reshape(*(1 if dim in dims else size for dim, size in enumerate(unreduced.shape)))

    def sum(self, dims: Sequence[int] | None = None, keep: bool = False) -> Tensor:
        return self.reduce("add", dims, keep)

    def max(self, dims: Sequence[int] | None = None, keep: bool = False) -> Tensor:
        return self.reduce("max", dims, keep)

    def min(self, dims: Sequence[int] | None = None, keep: bool = False) -> Tensor:
        return self.reduce("min", dims, keep)

    def arg(self, operator: str, dim: int) -> Tensor:
        """The index of the first smallest ("min") or largest ("max") element along ``dim``, which disappears."""
        ordered = self.cast(U8) if self.dtype.is_bool else self
        return ordered.one("argreduce", op=operator, dim=dim)

    # ------------------------------------------------------------------------------------------------------ indexing

    def gather(self, indices: Sequence[Tensor]) -> Tensor:
        """Element ``[indices[0], indices[1], …]`` for each place of the indices, which are broadcast together."""
        if not indices:
            return self
        return self.one("gather", *broadcast_together(*(index.cast(I64) for index in indices)))

    def scatter(self, operator: str, updates: Tensor, indices: Sequence[Tensor]) -> Tensor:
        """This with ``updates`` combined in at the ``indices``, all of the updates' shape."""
        if self.dtype.is_bool:
            operator = {"add": "max", "mul": "min"}.get(operator, operator)
            if operator != "replace":
                return self.cast(U8).scatter(operator, updates.cast(U8), indices).cast(BOOL)
        places = [index.cast(I64).broadcast(updates.shape) for index in indices]
        if not places:
            return updates if operator == "replace" else self.binary(operator, updates)
        return self.one("scatter", updates, *places, op=operator)

    def wrapped(self, size: int) -> Tensor:
        """Indices with the negative ones counted from the end of a dimension of ``size``."""
        index = self.cast(I64)
        return (index < 0).where(index + size, index)


def full(builder: Builder, number: Number, shape: Sequence[int], dtype: DType) -> Tensor:
    """A tensor of one number."""
    value = builder.one("full", value=exact(number, dtype), shape=tuple(shape), dtype=dtype)
    return Tensor(builder, value)


def iota(builder: Builder, dim: int, shape: Sequence[int], dtype: DType = I64) -> Tensor:
    """Each element's index along ``dim``."""
    return Tensor(builder, builder.one("iota", dim=dim, shape=tuple(shape), dtype=dtype))


def joint_shape(shapes: Sequence[Sequence[int]]) -> tuple[int, ...]:
    """The shape that all of ``shapes`` broadcast to."""
    joint = [1] * max((len(shape) for shape in shapes), default=0)
    for shape in shapes:
        for dim, size in enumerate(reversed(shape), 1):
            if size != 1:
                joint[-dim] = size
    return tuple(joint)


def broadcast_together(*tensors: Tensor) -> list[Tensor]:
    """All in the shape that they broadcast to."""
    shape = joint_shape([tensor.shape for tensor in tensors])
    return [tensor.broadcast(shape) for tensor in tensors]


def concatenate(tensors: Sequence[Tensor], dim: int) -> Tensor:
    """One or more tensors in a row along ``dim``."""
    return tensors[0].one("concatenate", *tensors[1:], dim=dim) if len(tensors) > 1 else tensors[0]


def dot(left: Tensor, right: Tensor) -> Tensor:
    """[B, M, K] × [B, K, N]."""
    return left.one("dot", right)


def as_float(tensor: Tensor) -> Tensor:
    """A tensor in the dtype that eager computes floating-point functions of it in: at least f32."""
    return tensor if tensor.dtype.is_float and tensor.dtype.bits >= 32 else tensor.cast(F32)
