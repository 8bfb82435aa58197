"""Comparisons, logic, bits, selection."""

from __future__ import annotations

from misfold.compiler.dtypes import BOOL
from misfold.compiler.frontend.registry import Context, aten
from misfold.compiler.frontend.tensor import Tensor
from misfold.compiler.frontend.types import Number

_COMPARISONS = ("eq", "ne", "lt", "le", "gt", "ge")


@aten(*(f"{name}.{kind}" for name in _COMPARISONS for kind in ("Tensor", "Scalar")))
def compare(c: Context, a: Tensor, b: Tensor | Number) -> Tensor:
    a, b = c.operands(a, b, dtype=c.result_type(a, b))
    return a.binary(c.name, b)


@aten("logical_and.default", "logical_or.default", "logical_xor.default")
def logical(c: Context, a: Tensor, b: Tensor) -> Tensor:
    a, b = c.operands(a, b, dtype=BOOL)
    return a.binary(c.name.removeprefix("logical_"), b)


@aten("logical_not.default")
def logical_not(c: Context, x: Tensor) -> Tensor:
    return ~x.cast(BOOL)


_BITWISE = [f"{name}.{kind}" for name in ("bitwise_and", "bitwise_or", "bitwise_xor") for kind in ("Tensor", "Scalar")]


@aten(*_BITWISE, *(f"{name}.{kind}" for name in ("__and__", "__or__", "__xor__") for kind in ("Tensor", "Scalar")))
@aten("bitwise_and.Scalar_Tensor", "bitwise_or.Scalar_Tensor", "bitwise_xor.Scalar_Tensor")
def bitwise(c: Context, a: Tensor | Number, b: Tensor | Number) -> Tensor:
    a, b = c.operands(a, b)
    return a.binary(c.name.removeprefix("bitwise_").strip("_"), b)


@aten("bitwise_not.default")
def bitwise_not(c: Context, x: Tensor) -> Tensor:
    return ~x


_SHIFTS = ("bitwise_left_shift", "bitwise_right_shift")


@aten(*(f"{name}.{kind}" for name in _SHIFTS for kind in ("Tensor", "Tensor_Scalar", "Scalar_Tensor")))
@aten(*(f"{name}.{kind}" for name in ("__lshift__", "__rshift__") for kind in ("Tensor", "Scalar")))
def shift(c: Context, a: Tensor | Number, b: Tensor | Number) -> Tensor:
    a, b = c.operands(a, b)
    left = "left" in c.name or "lshift" in c.name
    return a.binary("shl" if left else "shr", b)


@aten("where.self", "where.ScalarSelf", "where.ScalarOther", "where.Scalar")
def where(c: Context, condition: Tensor, then: Tensor | Number, other: Tensor | Number) -> Tensor:
    condition = condition.cast(BOOL).broadcast(c.shape)
    then, other = (
        one.cast(c.dtype).broadcast(c.shape) if isinstance(one, Tensor) else c.full(one, dtype=c.dtype)
        for one in (then, other)
    )
    return condition.where(then, other)


@aten("masked_fill.Scalar", "masked_fill.Tensor")
def masked_fill(c: Context, x: Tensor, mask: Tensor, value: Tensor | Number) -> Tensor:
    return where(c, mask, value, x)


@aten("isclose.default")
def isclose(
    c: Context, a: Tensor, b: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Tensor:
    """aten/src/ATen/native/TensorCompare.cpp: the tolerance is computed in the operands' own dtype."""
    close = a.equals(b)
    if equal_nan and a.dtype.is_float:
        close = close | (a.is_nan() & b.is_nan())
    if rtol == 0 and atol == 0:
        return close
    if not a.dtype.is_float:
        raise c.unsupported("tolerances of integers")
    allowed = (b * rtol).abs() + atol
    error = (a - b).abs()
    return close | ((error < float("inf")) & (error <= allowed))


@aten("equal.default")
def equal(c: Context, a: Tensor, b: Tensor) -> Tensor:
    raise c.unsupported("its result is a Python value that depends on data")
