"""Sums, products and quotients of elements: one to three roundings each."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .operands import Operand, combine, holds, magnitude, operand
from .precision import UNIT
from .registry import Applied, rule
from .shadow import INF, Shadow, Undecided, plus, settle


def undecided_where(call: Applied) -> torch.Tensor | None:
    """Where an elementwise call on integers has undecided operands; None if it has none."""
    total = None
    for item in call.shadows():
        total = plus(total, item.error)
    return total


def whole(call: Applied) -> Shadow | None:
    """The shadow of an elementwise call on integers or truth values alone; None if its result is a float."""
    own = call.own[0]
    if own.is_floating_point() or own.is_complex():
        return None
    if any(item.dtype.is_floating_point for item in call.shadows()):
        raise Undecided(f"{call.name} makes integers of floats")
    error = undecided_where(call)
    value = call.call(lambda item: item.value)[0] if error is not None else own.detach()
    if error is not None:
        error = error.expand(own.shape)
    return Shadow(value.to(own.dtype), error, own.dtype)


def sum_of(left: Operand, right: Operand, units: float, dtype: torch.dtype, sign: float = 1.0) -> Shadow:
    """``left`` + ``sign``·``right``, rounded ``units`` times."""
    value = left.value + right.value if sign == 1.0 else left.value - right.value
    error = plus(left.error, right.error)
    if error is not None and not isinstance(error, Tensor):
        error = torch.full_like(value, error)
    # Added numbers may be folded with others; whole ones stay exact.
    loose = any(item.constant and not float(item.value).is_integer() for item in (left, right))

    def certain() -> Tensor:
        known = torch.ones_like(value, dtype=torch.bool) if error is None else error.isfinite().expand(value.shape)
        return known & ~value.isnan()

    def infinite() -> Tensor:
        given = torch.zeros_like(value, dtype=torch.bool)
        for item in (left, right):
            if isinstance(item.value, Tensor):
                given = given | item.value.isinf()
            elif item.value in (INF, -INF):
                given = torch.ones_like(given)
        return given & certain()

    # The magnitude rather than the sum: an operand may be the result of a sum that is done in another order.
    return combine(value, error, magnitude(left) + magnitude(right), units, dtype, units == 1 and not loose, infinite)


def product_of(left: Operand, right: Operand, units: float, dtype: torch.dtype) -> Shadow:
    """``left`` · ``right``, rounded ``units`` times."""
    value = left.value * right.value
    error: Any = None
    if left.error is not None:
        error = left.error * magnitude(right)
    if right.error is not None:
        error = plus(error, abs(left.value) * right.error)
    if error is None:
        return combine(value, None, value.abs(), units, dtype, units == 1)
    return combine(value, error, value.abs() + error, units, dtype)


def quotient_of(left: Operand, right: Operand, units: float, dtype: torch.dtype) -> Shadow:
    """``left`` / ``right``; may be done as a product with the reciprocal, which is one more rounding."""
    value = left.value / right.value
    if not isinstance(value, Tensor):
        value = torch.tensor(value, dtype=torch.float64)
    if left.error is None and right.error is None:
        inverse = right.value if isinstance(right.value, Tensor) else torch.tensor(right.value, dtype=torch.float64)
        simple = inverse.abs().frexp().mantissa == 0.5
        return combine(value, None, value.abs(), units + 2, dtype, simple.expand(value.shape))
    low = abs(right.value) if right.error is None else abs(right.value) - right.error
    error: Any = None
    if left.error is not None:
        error = left.error / low
    if right.error is not None:
        error = plus(error, value.abs() * right.error / low)
        assert isinstance(error, Tensor)
        error = error.where(torch.as_tensor(low > 0), INF)
    return combine(value, error, value.abs() + error, units + 2, dtype)


@rule("add", "sub", "rsub", "subtract")
def added(call: Applied) -> Shadow:
    """a ± alpha·b."""
    if (found := whole(call)) is not None:
        return found
    left, right = operand(call.args[0], call.dtype), operand(call.args[1], call.dtype)
    alpha = call.get(2, "alpha", 1)
    if call.name == "rsub":
        left, right = right, left
    sign = 1.0 if call.name == "add" else -1.0
    if alpha == 1:
        return sum_of(left, right, 1, call.dtype, sign)
    scaled = left if call.name == "rsub" else right
    result = product_of(_tensor(scaled), operand(alpha, call.dtype), 1, call.dtype)
    scaled = Operand(result.value, result.error)
    left, right = (scaled, right) if call.name == "rsub" else (left, scaled)
    return sum_of(left, right, 2, call.dtype, sign)


def _tensor(item: Operand) -> Operand:
    if isinstance(item.value, Tensor):
        return item
    error = None if item.error is None else torch.tensor(item.error, dtype=torch.float64)
    return Operand(torch.tensor(item.value, dtype=torch.float64), error)


@rule("mul", "multiply")
def multiplied(call: Applied) -> Shadow:
    """a·b."""
    if (found := whole(call)) is not None:
        return found
    return product_of(operand(call.args[0], call.dtype), operand(call.args[1], call.dtype), 1, call.dtype)


@rule("div", "true_divide", "divide")
def divided(call: Applied) -> Shadow:
    """a/b, or cut to an integer where that is decided."""
    mode = call.get(2, "rounding_mode")
    if mode is not None:
        from .discrete import cut_quotient

        return cut_quotient(call, mode)
    return quotient_of(operand(call.args[0], call.dtype), operand(call.args[1], call.dtype), 1, call.dtype)


@rule("addcmul", "addcdiv")
def multiplied_and_added(call: Applied) -> Shadow:
    """a + value·b·c, or a + value·b/c."""
    if (found := whole(call)) is not None:
        return found
    dtype = call.dtype
    start, left, right = (operand(item, dtype) for item in call.args[:3])
    scale = operand(call.get(3, "value", 1), dtype)
    inner = (product_of if call.name == "addcmul" else quotient_of)(left, right, 1, dtype)
    if scale.value != 1:
        inner = product_of(Operand(inner.value, inner.error), scale, 2, dtype)
    return sum_of(start, Operand(inner.value, inner.error), 1, dtype)


@rule("lerp")
def interpolated(call: Applied) -> Shadow:
    """a + w·(b - a), or b - (b - a)·(1 - w), which torch prefers where w is not below one half."""
    dtype = call.dtype
    start, end, weight = (operand(item, dtype) for item in call.args[:3])
    value = start.value + weight.value * (end.value - start.value)
    size = magnitude(start) + magnitude(end)
    reach = magnitude(weight)
    error: Any = None
    if start.error is not None:
        error = start.error * abs(1 - weight.value)
    if end.error is not None:
        error = plus(error, end.error * reach)
    if weight.error is not None:
        error = plus(error, weight.error * (size if start.error is not None or end.error is not None
                                            else abs(end.value - start.value)))  # fmt: skip
    if start.error is not None and weight.error is not None:
        error = plus(error, start.error * weight.error)
    return combine(value, error, size * (1 + 2 * reach), 4, dtype)


@rule("deg2rad", "rad2deg")
def scaled(call: Applied) -> Shadow:
    """A product with a constant that is rounded."""
    dtype = call.dtype
    factor = torch.pi / 180 if call.name == "deg2rad" else 180 / torch.pi
    number = Operand(factor, factor * UNIT[dtype], True)
    return product_of(operand(call.args[0], dtype), number, 2, dtype)


@rule("neg", "abs", "absolute", "negative")
def mirrored(call: Applied) -> Shadow:
    """Exact: errors stay."""
    source = call.args[0]
    if source.value.is_complex():
        raise Undecided("complex numbers are not followed")
    value = -source.value if call.name.startswith("neg") else source.value.abs()
    return Shadow(value, source.error, call.dtype)


@rule("reciprocal")
def inverted(call: Applied) -> Shadow:
    """1/a."""
    return quotient_of(Operand(1.0, None, True), operand(call.args[0], call.dtype), 1, call.dtype)


@rule("linalg_cross")
def crossed(call: Applied) -> Shadow:
    """Differences of two products."""
    if (found := whole(call)) is not None:
        return found
    dtype = call.dtype
    left, right = call.args[0], call.args[1]
    dim = call.get(2, "dim", -1)
    value = call.function(left.wide(), right.wide(), dim=dim)
    total, bound = None, None
    sizes = [left.size(), right.size()]
    plain = [left.wide().abs(), right.wide().abs()]
    for first, second in ((1, 2), (2, 1)):
        turned = [item.roll(-first, dim) for item in sizes[:1]] + [item.roll(-second, dim) for item in sizes[1:]]
        total = plus(total, turned[0] * turned[1])
        turned = [item.roll(-first, dim) for item in plain[:1]] + [item.roll(-second, dim) for item in plain[1:]]
        bound = plus(bound, turned[0] * turned[1])
    assert total is not None and bound is not None
    exact_ = left.error is None and right.error is None
    whole_ = exact_ and bool((holds(left.wide(), dtype) & (total < 2.0**23)).all()) and bool(
        ((left.wide() == left.wide().round()) & (right.wide() == right.wide().round())).all()
    )  # fmt: skip
    if whole_ and dtype in (torch.float32, torch.float64):
        return Shadow(value, None, dtype)
    return combine(value, None if exact_ else total - bound, total, 3, dtype)


@rule("pow", "float_power")
def raised(call: Applied) -> Shadow:
    """a^b: products for small whole exponents, else as exp(b·log a), whose condition is b for a and log a for b."""
    if (found := whole(call)) is not None:
        return found
    dtype = call.dtype
    base, power = operand(call.args[0], dtype), operand(call.args[1], dtype)
    if power.constant and float(power.value) in (0.0, 1.0, 2.0):
        if power.value == 0:
            return Shadow(torch.ones(call.own[0].shape, dtype=torch.float64), None, dtype)
        if power.value == 1:
            return Shadow(base.value, base.error, dtype)
        square = product_of(base, base, 1, dtype)
        return square
    left = base.value if isinstance(base.value, Tensor) else torch.tensor(base.value, dtype=torch.float64)
    right = power.value if isinstance(power.value, Tensor) else torch.tensor(power.value, dtype=torch.float64)
    value = torch.pow(left, right)
    units = 8.0 + (2 * abs(power.value) if power.constant and abs(power.value) <= 8 else 0.0)
    if base.error is None and (power.error is None or power.constant):
        error = None
        if power.error is not None:
            error = value.abs() * torch.expm1(left.abs().log().abs() * power.error)
        return combine(value, error, value.abs() + (0 if error is None else error), units, dtype)
    low = left.abs() if base.error is None else left.abs() - base.error
    change: Any = 0.0
    if base.error is not None:
        # |log((|a| ± e) / |a|)| at its larger side, times |b|
        change = torch.log(left.abs() / low) * magnitude(power)
    if power.error is not None:
        change = change + left.abs().log().abs() * power.error
    sign_known = left > 0 if power.error is not None else torch.ones_like(left, dtype=torch.bool)
    error = value.abs() * torch.expm1(change)
    error = error.where((low > 0) & sign_known & error.isfinite(), INF)
    return combine(value, error, value.abs() + error, units, dtype)


@rule("hypot")
def hypotenuse(call: Applied) -> Shadow:
    """sqrt(a² + b²), whose derivatives are at most 1."""
    dtype = call.dtype
    left, right = operand(call.args[0], dtype), operand(call.args[1], dtype)
    value = torch.hypot(left.value, right.value)
    return combine(value, plus(left.error, right.error), magnitude(left) + magnitude(right), 4, dtype)


@rule("logaddexp", "logaddexp2")
def added_logs(call: Applied) -> Shadow:
    """log(exp a + exp b) = max + log1p(exp(-|a - b|)): a weighted mean of both errors, and some absolute ones."""
    dtype = call.dtype
    left, right = operand(call.args[0], dtype), operand(call.args[1], dtype)
    value = call.function(left.value, right.value)
    error = None
    if left.error is not None or right.error is not None:
        zero = torch.zeros_like(value)
        error = torch.maximum(zero if left.error is None else left.error + zero,
                              zero if right.error is None else right.error + zero)  # fmt: skip
    # rounding a - b disturbs the exponential by as much; both are of the size of the larger operand
    return combine(value, error, 4 + magnitude(left) + magnitude(right), 4, dtype)


@rule("xlogy", "special_xlog1py")
def times_log(call: Applied) -> Shadow:
    """a·log b, 0 where a is 0."""
    dtype = call.dtype
    left, right = operand(call.args[0], dtype), operand(call.args[1], dtype)
    log = torch.log if call.name == "xlogy" else torch.log1p
    inner = right.value if isinstance(right.value, Tensor) else torch.tensor(right.value, dtype=torch.float64)
    height = log(inner)
    slip: Any = 8 * UNIT[dtype] * (height.abs() + (0 if call.name == "xlogy" else 1) * UNIT[dtype])
    if call.name == "special_xlog1py":
        slip = slip + 4 * UNIT[dtype]
    if right.error is not None:
        below, above = log(inner - right.error), log(inner + right.error)
        slip = slip + torch.maximum((height - below).abs(), (above - height).abs())
    result = product_of(_tensor(left), Operand(height, slip), 2, dtype)
    zero = torch.as_tensor(left.value == 0)
    if left.error is not None:
        zero = zero & (left.error == 0)
    value = result.value.where(~zero, 0.0).where(~inner.isnan(), inner)
    error = torch.zeros_like(value) if result.error is None else result.error
    return settle(value, error.where(~zero, 0.0), dtype)
