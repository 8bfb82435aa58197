"""Arithmetic of two or three operands."""

from __future__ import annotations

from misfold.compiler.dtypes import U8, DType
from misfold.compiler.frontend.registry import Context, aten
from misfold.compiler.frontend.tensor import Tensor
from misfold.compiler.frontend.types import Number


@aten("add.Tensor", "add.Scalar")
def add(c: Context, a: Tensor, b: Tensor | Number, alpha: Number = 1) -> Tensor:
    a, b = c.operands(a, b)
    return _plus(a, b, alpha)


@aten("sub.Tensor", "sub.Scalar")
def sub(c: Context, a: Tensor, b: Tensor | Number, alpha: Number = 1) -> Tensor:
    a, b = c.operands(a, b)
    return a - (b if alpha == 1 else b * alpha)


@aten("rsub.Tensor", "rsub.Scalar")
def rsub(c: Context, a: Tensor, b: Tensor | Number, alpha: Number = 1) -> Tensor:
    a, b = c.operands(a, b)
    return b - (a if alpha == 1 else a * alpha)


@aten("mul.Tensor", "mul.Scalar")
def mul(c: Context, a: Tensor, b: Tensor | Number) -> Tensor:
    a, b = c.operands(a, b)
    return _times(a, b)


def _plus(a: Tensor, b: Tensor, alpha: Number = 1) -> Tensor:
    """a + alpha · b; a disjunction of bools."""
    if a.dtype.is_bool:
        return a | b if alpha else a
    return a + (b if alpha == 1 else b * alpha)


def _times(a: Tensor, b: Tensor) -> Tensor:
    return a & b if a.dtype.is_bool else a * b


@aten("div.Tensor", "div.Scalar", "div.Tensor_mode", "div.Scalar_mode", "true_divide.Tensor", "true_divide.Scalar")
def div(c: Context, a: Tensor, b: Tensor | Number, rounding_mode: str | None = None) -> Tensor:
    whole = isinstance(b, Tensor) and b.rank > 0
    a, b = c.division(a, b)
    if rounding_mode == "floor":
        return a // b
    if rounding_mode == "trunc":
        if not a.dtype.is_float:
            return a.binary("truncdiv", b)
        # eager rounds short quotients before it cuts them off, unless it divides by a number
        quotient = (a / b).cast(c.dtype).cast(c.computing) if whole else a / b
        return quotient.one("trunc")
    return a / b


@aten("floor_divide.default", "floor_divide.Scalar")
def floor_divide(c: Context, a: Tensor, b: Tensor | Number) -> Tensor:
    return div(c, a, b, rounding_mode="floor")


@aten("remainder.Tensor", "remainder.Scalar", "remainder.Scalar_Tensor")
def remainder(c: Context, a: Tensor | Number, b: Tensor | Number) -> Tensor:
    a, b = c.division(a, b)
    return a % b


@aten("fmod.Tensor", "fmod.Scalar")
def fmod(c: Context, a: Tensor, b: Tensor | Number) -> Tensor:
    a, b = c.division(a, b)
    return a.binary("truncmod", b)


@aten("pow.Tensor_Scalar")
def pow_number(c: Context, base: Tensor, exponent: Number) -> Tensor:
    base = base.cast(c.computing)
    # Eager takes these apart too; for infinities and signed zeros it makes a difference.
    if exponent == 0:
        return base.full(1)
    if exponent == 1:
        return base
    if exponent in (2, 3):
        return base * base if exponent == 2 else base * base * base
    if base.dtype.is_float and exponent in (0.5, -0.5, -1, -2):
        root = base.sqrt() if abs(exponent) == 0.5 else base if exponent == -1 else base * base
        return root if exponent > 0 else 1 / root
    return power(base, base.full(exponent))


@aten("pow.Tensor_Tensor", "pow.Scalar", "float_power.Tensor_Tensor", "float_power.Tensor_Scalar", "float_power.Scalar")
def pow_tensor(c: Context, base: Tensor | Number, exponent: Tensor | Number) -> Tensor:
    base, exponent = c.operands(base, exponent)
    return power(base, exponent)


def power(base: Tensor, exponent: Tensor) -> Tensor:
    return base.binary("pow", exponent)


@aten("maximum.default")
def maximum(c: Context, a: Tensor, b: Tensor) -> Tensor:
    a, b = c.operands(a, b, dtype=c.dtype)
    return a.maximum(b)


@aten("minimum.default")
def minimum(c: Context, a: Tensor, b: Tensor) -> Tensor:
    a, b = c.operands(a, b, dtype=c.dtype)
    return a.minimum(b)


@aten("fmax.default")
def fmax(c: Context, a: Tensor, b: Tensor) -> Tensor:
    a, b = c.operands(a, b, dtype=c.dtype)
    return a.is_nan().where(b, b.is_nan().where(a, a.maximum(b))) if a.dtype.is_float else a.maximum(b)


@aten("fmin.default")
def fmin(c: Context, a: Tensor, b: Tensor) -> Tensor:
    a, b = c.operands(a, b, dtype=c.dtype)
    return a.is_nan().where(b, b.is_nan().where(a, a.minimum(b))) if a.dtype.is_float else a.minimum(b)


@aten("clamp.default", "clamp.Tensor")
def clamp(c: Context, x: Tensor, min: Tensor | Number | None = None, max: Tensor | Number | None = None) -> Tensor:
    x = x.cast(c.dtype)
    # NaN passes through, from a bound too; where min > max, max it is
    if min is not None:
        x = x.maximum(min.cast(c.dtype) if isinstance(min, Tensor) else min)
    if max is not None:
        x = x.minimum(max.cast(c.dtype) if isinstance(max, Tensor) else max)
    return x


@aten("clamp_min.default", "clamp_min.Tensor")
def clamp_min(c: Context, x: Tensor, min: Tensor | Number) -> Tensor:
    return clamp(c, x, min=min)


@aten("clamp_max.default", "clamp_max.Tensor")
def clamp_max(c: Context, x: Tensor, max: Tensor | Number) -> Tensor:
    return clamp(c, x, max=max)


@aten("addcmul.default")
def addcmul(c: Context, x: Tensor, a: Tensor, b: Tensor, value: Number = 1) -> Tensor:
    x, a, b = c.operands(x, a, b)
    return x + (a if value == 1 else a * value) * b


@aten("addcdiv.default")
def addcdiv(c: Context, x: Tensor, a: Tensor, b: Tensor, value: Number = 1) -> Tensor:
    x, a, b = c.operands(x, a, b)
    return x + (a if value == 1 else a * value) / b


@aten("lerp.Scalar", "lerp.Tensor")
def lerp(c: Context, start: Tensor, end: Tensor, weight: Tensor | Number) -> Tensor:
    start, end, weight = c.operands(start, end, weight)
    step = end - start
    # the form that is exact at the nearer end: aten/src/ATen/native/Lerp.h
    return (weight.abs() < 0.5).where(start + weight * step, end - step * (1 - weight))


@aten("atan2.default")
def atan2(c: Context, y: Tensor, x: Tensor) -> Tensor:
    y, x = c.operands(y, x)
    return y.binary("atan2", x)


@aten("copysign.Tensor", "copysign.Scalar")
def copysign(c: Context, x: Tensor, sign: Tensor | Number) -> Tensor:
    x, sign = c.operands(x, sign)
    return x.binary("copysign", sign)


@aten("hypot.default")
def hypot(c: Context, x: Tensor, y: Tensor) -> Tensor:
    x, y = (operand.abs() for operand in c.operands(x, y))
    long, short = x.maximum(y), x.minimum(y)
    ratio = short / long
    # scaled, so that squares neither overflow nor vanish; an infinite leg wins over NaN (C23, F.10.4.4)
    scaled = long.equals(0).where(0.0, long * (ratio.square() + 1).sqrt())
    return (x.is_infinite() | y.is_infinite()).where(float("inf"), scaled)


@aten("logaddexp.default", "logaddexp2.default")
def logaddexp(c: Context, a: Tensor, b: Tensor) -> Tensor:
    a, b = c.operands(a, b)
    base_two = c.name == "logaddexp2"
    high = a.maximum(b)
    difference = -(a - b).abs()
    if base_two:
        tail = difference.one("exp2").one("log1p") * 1.4426950408889634
    else:
        tail = difference.exp().one("log1p")
    # equal infinities have no difference
    return (a.is_infinite() & a.equals(b)).where(a, high + tail)


@aten("xlogy.Tensor", "xlogy.Scalar_Self", "xlogy.Scalar_Other")
def xlogy(c: Context, x: Tensor | Number, y: Tensor | Number) -> Tensor:
    x, y = c.operands(x, y)
    return y.is_nan().where(y, x.equals(0).where(0.0, x * y.log()))


@aten("special_xlog1py.default", "special_xlog1py.self_scalar", "special_xlog1py.other_scalar")
def xlog1py(c: Context, x: Tensor | Number, y: Tensor | Number) -> Tensor:
    x, y = c.operands(x, y)
    return y.is_nan().where(y, x.equals(0).where(0.0, x * y.one("log1p")))


@aten("gcd.default")
def gcd(c: Context, a: Tensor, b: Tensor) -> Tensor:
    a, b = c.operands(a, b)
    return greatest_common_divisor(a, b)


@aten("lcm.default")
def lcm(c: Context, a: Tensor, b: Tensor) -> Tensor:
    a, b = c.operands(a, b)
    divisor = greatest_common_divisor(a, b)
    return divisor.equals(0).where(0, a.binary("truncdiv", divisor.maximum(1)) * b).abs()


def greatest_common_divisor(a: Tensor, b: Tensor) -> Tensor:
    """Euclid's algorithm, with as many steps as the width of the dtype can need (Lamé: log_φ of the largest)."""
    a, b = a.abs(), b.abs()
    for _ in range(_euclid_steps(a.dtype)):
        zero = b.equals(0)
        a, b = zero.where(a, b), zero.where(0, a.binary("truncmod", zero.where(1, b)))
    return a


def _euclid_steps(dtype: DType) -> int:
    # consecutive Fibonacci numbers are the worst case
    steps, small, large = 1, 1, 2
    while large <= dtype.max:
        steps, small, large = steps + 1, large, small + large
    return steps


@aten("heaviside.default")
def heaviside(c: Context, x: Tensor, values: Tensor) -> Tensor:
    x, values = c.operands(x, values, dtype=U8 if c.dtype.is_bool else c.dtype)
    return x.equals(0).where(values, (x > 0).where(1, x.full(0)))
