"""Functions of one operand."""

from __future__ import annotations

import math

from misfold.compiler.dtypes import BOOL
from misfold.compiler.frontend.registry import Context, aten
from misfold.compiler.frontend.tensor import Tensor
from misfold.compiler.frontend.types import Number

# ATen's names of those functions of floats that are operators of the graph IR.
_DIRECT = (
    "sqrt exp exp2 expm1 log log2 log10 log1p sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh erf erfc"
).split()
# What exists under a second name.
_ALIASES = {"special_erfc": "erfc", "special_exp2": "exp2", "special_expm1": "expm1", "special_log1p": "log1p"}


@aten(*(f"{name}.default" for name in (*_DIRECT, *_ALIASES)))
def function(c: Context, x: Tensor) -> Tensor:
    name = c.name
    return x.cast(c.computing).one(_ALIASES.get(name, name))


@aten("floor.default", "ceil.default", "trunc.default", "round.default")
def rounding(c: Context, x: Tensor) -> Tensor:
    return x.one(c.name) if x.dtype.is_float else x


@aten("round.decimals")
def round_decimals(c: Context, x: Tensor, decimals: int) -> Tensor:
    x = x.cast(c.computing)
    ten = x.full(10.0 ** abs(decimals))
    return (x * ten).one("round") / ten if decimals >= 0 else (x / ten).one("round") * ten


@aten("frac.default")
def frac(c: Context, x: Tensor) -> Tensor:
    return x - x.one("trunc")


@aten("neg.default")
def neg(c: Context, x: Tensor) -> Tensor:
    return -x


@aten("positive.default", "alias.default", "clone.default", "detach.default", "lift_fresh_copy.default")
@aten("alias_copy.default", "detach_copy.default", "contiguous.default", "conj.default", "resolve_conj.default")
@aten("resolve_neg.default", "conj_physical.default", "lift.default", "_conj_physical.default")
@aten("real.default", "lift_fresh.default")
def same(c: Context, x: Tensor, *_: object) -> Tensor:
    return x


@aten("abs.default")
def absolute(c: Context, x: Tensor) -> Tensor:
    return x if x.dtype.is_bool else x.abs()


@aten("square.default")
def square(c: Context, x: Tensor) -> Tensor:
    x = x.cast(c.computing)
    return x.square()


@aten("reciprocal.default")
def reciprocal(c: Context, x: Tensor) -> Tensor:
    return 1 / x.cast(c.computing)


@aten("rsqrt.default")
def rsqrt(c: Context, x: Tensor) -> Tensor:
    return 1 / x.cast(c.computing).sqrt()


@aten("sign.default", "sgn.default")
def sign(c: Context, x: Tensor) -> Tensor:
    if x.dtype.is_bool:
        return x
    positive = (x > 0).cast(x.dtype)
    return positive if not x.dtype.is_signed else positive - (x < 0).cast(x.dtype)


@aten("signbit.default")
def signbit(c: Context, x: Tensor) -> Tensor:
    if x.dtype.is_bool or not x.dtype.is_signed:
        return x.full(False, dtype=BOOL)
    # copysign also sees the sign of zeros and of NaN
    return (x.full(1).binary("copysign", x) if x.dtype.is_float else x) < 0


@aten("isnan.default")
def isnan(c: Context, x: Tensor) -> Tensor:
    return x.is_nan()


@aten("isinf.default")
def isinf(c: Context, x: Tensor) -> Tensor:
    return x.is_infinite()


@aten("isfinite.default")
def isfinite(c: Context, x: Tensor) -> Tensor:
    return x.abs() < math.inf if x.dtype.is_float else x.full(True, dtype=BOOL)


@aten("isposinf.default", "isneginf.default")
def isinf_of_sign(c: Context, x: Tensor) -> Tensor:
    if not x.dtype.is_float:
        return x.full(False, dtype=BOOL)
    return x.equals(math.inf if "pos" in c.name else -math.inf)


@aten("isreal.default")
def isreal(c: Context, x: Tensor) -> Tensor:
    return x.full(True, dtype=BOOL)


@aten("nan_to_num.default")
def nan_to_num(
    c: Context, x: Tensor, nan: float | None = None, posinf: float | None = None, neginf: float | None = None
) -> Tensor:
    if not x.dtype.is_float:
        return x
    high = x.dtype.max if posinf is None else posinf
    low = x.dtype.min if neginf is None else neginf
    finite = x.equals(math.inf).where(high, x.equals(-math.inf).where(low, x))
    return x.is_nan().where(nan or 0.0, finite)


@aten("angle.default")
def angle(c: Context, x: Tensor) -> Tensor:
    x = x.cast(c.computing)
    return x.is_nan().where(x, (x < 0).where(math.pi, x.full(0.0)))


@aten("deg2rad.default", "rad2deg.default")
def degrees(c: Context, x: Tensor) -> Tensor:
    return x.cast(c.computing) * (math.pi / 180 if c.name == "deg2rad" else 180 / math.pi)


@aten("sigmoid.default", "special_expit.default")
def sigmoid(c: Context, x: Tensor) -> Tensor:
    return x.cast(c.computing).one("sigmoid")


@aten("logit.default", "special_logit.default")
def logit(c: Context, x: Tensor, eps: float | None = None) -> Tensor:
    x = x.cast(c.computing)
    if eps is not None:
        x = x.maximum(eps).minimum(1 - eps)
    return (x / (1 - x)).log()


@aten("sinc.default", "special_sinc.default")
def sinc(c: Context, x: Tensor) -> Tensor:
    x = x.cast(c.computing) * math.pi
    return x.equals(0).where(1.0, x.one("sin") / x)


@aten("special_entr.default")
def entr(c: Context, x: Tensor) -> Tensor:
    x = x.cast(c.computing)
    inside = (x > 0).where(-x * x.log(), x.equals(0).where(0.0, x.full(-math.inf)))
    return x.is_nan().where(x, inside)


@aten("special_ndtr.default")
def ndtr(c: Context, x: Tensor) -> Tensor:
    x = x.cast(c.computing) * math.sqrt(0.5)
    # erfc keeps digits in the tail
    return (x < -1).where((-x).one("erfc") * 0.5, x.one("erf") * 0.5 + 0.5)


@aten("erfinv.default", "special_erfinv.default")
def erfinv(c: Context, x: Tensor) -> Tensor:
    """A rational start, then two Newton steps: aten/src/ATen/native/Math.h, calc_erfinv."""
    y = x.cast(c.computing)
    z = y.square()
    central = y * _ratio(
        z,
        (-0.140543331, 0.914624893, -1.645349621, 0.886226899),
        (0.012229801, -0.329097515, 1.442710462, -2.118377725, 1.0),
    )
    tail = (((1 - y.abs()) * 0.5).log() * -1).sqrt()
    outer = _ratio(tail, (1.641345311, 3.429567803, -1.624906493, -1.970840454), (1.6370678, 3.5438892, 1.0))
    root = (y.abs() <= 0.7).where(central, outer.binary("copysign", y))
    for _ in range(2):
        root = root - (root.one("erf") - y) / ((root.square() * -1).exp() * (2 / math.sqrt(math.pi)))
    edge = y.full(math.inf).binary("copysign", y)
    return y.abs().equals(1).where(edge, (y.abs() > 1).where(math.nan, root))


def polynomial(x: Tensor, coefficients: tuple[Number, ...]) -> Tensor:
    """Horner's rule, the highest power first."""
    result = x.full(coefficients[0])
    for coefficient in coefficients[1:]:
        result = result * x + coefficient
    return result


def _ratio(x: Tensor, numerator: tuple[Number, ...], denominator: tuple[Number, ...]) -> Tensor:
    return polynomial(x, numerator) / polynomial(x, denominator)
