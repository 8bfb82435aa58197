"""Which ATen operators the compiler takes, and what the function that converts one is given."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cache, partial
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, TypeVar

from misfold.compiler.dtypes import I32, I64, DType
from misfold.compiler.errors import Unsupported
from misfold.compiler.graph.builder import Builder

from . import tensor as tensors
from .imported import Check, Divided, Factorised
from .tensor import Tensor, joint_shape
from .types import Number, computing, dtype_of, number_dtype, result_type

#: What a conversion returns: a tensor for each output of the operator, None for an optional one that is not there.
Result = Tensor | Sequence[Tensor | None] | None
Conversion = Callable[..., Result]

AnyConversion = TypeVar("AnyConversion", bound=Conversion)

_conversions: dict[str, Conversion] = {}


def aten(*overloads: str) -> Callable[[AnyConversion], AnyConversion]:
    """Register the conversion of operators, named ``operator.overload`` (of ``aten``) or ``prims.operator.overload``.

    A conversion is called with a ``Context`` and the operator's arguments, tensors as ``Tensor``, without those that
    say nothing about values (device, layout, pin_memory, memory_format, non_blocking, generator). It returns the
    outputs in the shapes that eager gives; in their dtypes too, or in wider ones: results are cast, once, to the
    dtypes that eager gives. That is how float16 and bfloat16 are computed in float32 and rounded at the end.
    """

    def register(conversion: AnyConversion) -> AnyConversion:
        for overload in overloads:
            assert overload not in _conversions, f"two conversions of {overload}"
            _conversions[overload] = conversion
        return conversion

    return register


@cache
def conversions() -> Mapping[str, Conversion]:
    """All conversions by the overload that they are for."""
    package = import_module("misfold.compiler.frontend.aten")
    for module in iter_modules(package.__path__):
        import_module(f"{package.__name__}.{module.name}")
    return _conversions


class Context:
    """The call that is being converted.

    ``results`` are fake tensors, one for each output: what shapes and dtypes eager gives.
    """

    def __init__(self, operator: str, builder: Builder, results: Sequence[Any], used: Collection[int] = (0,)):
        #: Values that must be zero when the program has run, and what they say, once the number of the output is known.
        self.checks: list[tuple[Tensor, Callable[[int], Check]]] = []
        self.operator = operator
        self.builder = builder
        self.results = results
        #: The numbers of the outputs that anything uses.
        self.used = used

    @property
    def name(self) -> str:
        """The operator's without namespace and overload."""
        return self.operator.split(".")[1]

    def unsupported(self, reason: str) -> Unsupported:
        """The error to raise where a call cannot be converted."""
        return Unsupported(reason, self.operator)

    def check(self, info: Tensor, name: str, is_matrix: bool) -> None:
        """Have the program fail as eager does in the function ``name`` where an element of ``info`` is not zero."""
        self.checks.append((info.cast(I32), partial(Factorised, name=name, is_matrix=is_matrix)))

    def division(self, a: Tensor | Number, b: Tensor | Number) -> tuple[Tensor, Tensor]:
        """``operands`` of a division: where integers would be divided by zero the divisor is 1, and the program fails
        afterwards as eager does."""
        dividend, divisor = self.operands(a, b)
        if divisor.dtype.is_float or 0 in divisor.shape or (not isinstance(b, Tensor) and b != 0):
            return dividend, divisor
        zeros = b.cast(divisor.dtype).equals(0) if isinstance(b, Tensor) else divisor.equals(0)
        self.checks.append((zeros.reduce("or"), Divided))
        return dividend, divisor.equals(0).where(1, divisor)

    @property
    def dtype(self) -> DType:
        """Of the first output."""
        return dtype_of(self.results[0].dtype)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the first output."""
        return tuple(self.results[0].shape)

    @property
    def computing(self) -> DType:
        """What eager computes the first output in."""
        return computing(self.dtype)

    # ------------------------------------------------------------------------------------------------------ operands

    def result_type(self, *operands: Tensor | Number) -> DType:
        """The dtype that PyTorch's type promotion brings operands to."""
        given = [operand for operand in operands if isinstance(operand, Tensor)]
        return result_type(
            (tensor.dtype for tensor in given if tensor.rank),
            (tensor.dtype for tensor in given if not tensor.rank),
            (number_dtype(operand) for operand in operands if not isinstance(operand, Tensor)),
        )

    def operands(self, *operands: Tensor | Number, dtype: DType | None = None) -> list[Tensor]:
        """Operands of an elementwise operator: of one shape, and of ``dtype``: by default what eager computes in.

        A Python number is rounded only to that, as eager has it.
        """
        dtype = dtype or self.computing
        shape = joint_shape([operand.shape for operand in operands if isinstance(operand, Tensor)])
        return [
            operand.cast(dtype).broadcast(shape) if isinstance(operand, Tensor) else self.full(operand, shape, dtype)
            for operand in operands
        ]

    def full(self, number: Number, shape: Sequence[int] | None = None, dtype: DType | None = None) -> Tensor:
        """A constant, of the first output's shape and in the computing dtype unless told otherwise."""
        return tensors.full(
            self.builder, number, self.shape if shape is None else shape, self.computing if dtype is None else dtype
        )

    def iota(self, dim: int, shape: Sequence[int], dtype: DType = I64) -> Tensor:
        return tensors.iota(self.builder, dim, shape, dtype)


def dimension(dim: int, rank: int) -> int:
    """A dimension counted from the front. Tensors of rank 0 are taken as of rank 1, as eager does.

    Raises:
        Unsupported: there is no such dimension. Shape inference does not ask that of all operators.
    """
    if not -max(rank, 1) <= dim < max(rank, 1):
        raise Unsupported(f"there is no dimension {dim} of {rank}")
    return dim % max(rank, 1)


def dimensions(dims: int | Sequence[int] | None, rank: int) -> tuple[int, ...]:
    """The dimensions that a reduction names, in increasing order; all for None or an empty list."""
    if dims is None or (not isinstance(dims, int) and not dims):
        return tuple(range(rank))
    listed = [dims] if isinstance(dims, int) else dims
    return tuple(sorted(dimension(dim, rank) for dim in listed)) if rank else ()
