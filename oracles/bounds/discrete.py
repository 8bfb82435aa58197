"""Steps: what jumps at a threshold is decided only where no honest operand lies on the other side of it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .arithmetic import whole
from .casts import crossing
from .operands import Operand, combine, magnitude, operand
from .precision import UNIT
from .registry import Applied, rule
from .shadow import INF, Shadow, Undecided, plus, settle


def truth(value: Tensor, undecided: Tensor | None, dtype: torch.dtype) -> Shadow:
    """The shadow of answers, some of which are not decided."""
    if undecided is None or not bool(undecided.any()):
        return Shadow(value, None, dtype)
    return Shadow(value, torch.zeros(value.shape, dtype=torch.float64).where(~undecided, INF), dtype)


def _float_type(call: Applied) -> torch.dtype:
    """The type in which a comparison of the call's operands is made: the narrowest float among them."""
    kinds = [item.dtype for item in call.shadows() if item.dtype.is_floating_point]
    return max(kinds, key=lambda kind: UNIT.get(kind, 0.0)) if kinds else torch.float64


@rule("eq", "ne", "lt", "le", "gt", "ge", "isclose")
def compared(call: Applied) -> Shadow:
    """Decided where the operands are further apart than their errors, or exact."""
    shadows = call.shadows()
    if not any(item.dtype.is_floating_point for item in shadows) and not isinstance(call.args[1], float):
        found = whole(call)
        assert found is not None
        return found
    kind = _float_type(call)
    left, right = operand(call.args[0], kind), operand(call.args[1], kind)
    results = call.function(left.value, right.value)
    if call.dtype.is_floating_point:
        results = results.double()
    error = plus(left.error, right.error)
    if error is None:
        return Shadow(results, None, call.dtype)
    gap = abs(left.value - right.value)
    near = ~(gap > error) & ((error > 0) if isinstance(error, Tensor) else torch.tensor(error > 0))
    # A NaN that is certain compares as it does whatever the other side is.
    certain = torch.as_tensor(left.value != left.value) | torch.as_tensor(right.value != right.value)
    open_ = (near & ~certain) | torch.as_tensor(error).isinf()
    return truth(results, open_.expand(results.shape), call.dtype)


@rule("logical_not", "logical_and", "logical_or", "logical_xor")
def logic(call: Applied) -> Shadow:
    """Of operands whose truth is decided."""
    shadows = [item for item in call.args if isinstance(item, Shadow)]
    values = [item.value != 0 for item in shadows]
    opens = []
    for item in shadows:
        if item.error is None:
            opens.append(torch.zeros((), dtype=torch.bool))
        elif item.dtype.is_floating_point:
            opens.append(crossing(item, 0.0) > 0)
        else:
            opens.append(item.error > 0)
    results = call.function(*values)
    either: Tensor = opens[0]
    for other in opens[1:]:
        either = either | other
    if call.name in ("logical_and", "logical_or") and len(values) == 2:
        # One decided side may settle it.
        settled = call.name == "logical_or"
        decided = (values[0] == settled) & ~opens[0] | (values[1] == settled) & ~opens[1]
        either = either & ~decided
    if call.dtype.is_floating_point:
        results = results.double()
    elif call.dtype is not torch.bool:
        results = results.to(call.dtype)
    return truth(results, either.expand(results.shape), call.dtype)


@rule("bitwise_and", "bitwise_or", "bitwise_xor", "bitwise_not", "__and__", "__or__", "__xor__", "bitwise_left_shift",
      "bitwise_right_shift", "__lshift__", "__rshift__", "gcd", "lcm")  # fmt: skip
def bits(call: Applied) -> Shadow:
    """Integers, element by element."""
    found = whole(call)
    if found is None:
        raise Undecided(f"{call.name} of floats")
    return found


@rule("isnan", "isinf", "isposinf", "isneginf", "isfinite")
def classified(call: Applied) -> Shadow:
    """Known where the error is finite: what may overflow has an infinite one."""
    source = call.args[0]
    results = call.function(source.value)
    return truth(results, None if source.error is None else ~source.error.isfinite(), call.dtype)


@rule("sign", "sgn", "signbit", "heaviside")
def signed(call: Applied) -> Shadow:
    """Decided away from 0."""
    if call.name != "signbit" and (found := whole(call)) is not None:
        return found
    source = call.args[0]
    if call.name == "heaviside":
        other = call.args[1]
        value = torch.heaviside(source.wide(), other.wide())
        error = torch.zeros_like(value) if other.error is None else other.error * (source.wide() == 0) + value * 0
        if source.error is not None:
            error = error.where(~(crossing(source, 0.0) > 0), INF)
        return Shadow(value, error, call.dtype)
    value = call.function(source.value)
    if call.name == "signbit":
        # the sign of a zero is not followed
        open_ = (source.wide().abs() <= (0 if source.error is None else source.error)) & (
            source.dtype.is_floating_point
        )
        return truth(value, open_, call.dtype)
    if source.error is None:
        return Shadow(value, None, call.dtype)
    return settle(value, crossing(source, 0.0), call.dtype)


@rule("floor", "ceil", "trunc", "round", "fix")
def stepped(call: Applied) -> Shadow:
    """Between the steps at both ends of the operand's interval."""
    if (found := whole(call)) is not None:
        return found
    source = call.args[0]
    if call.get(1, "decimals", 0):
        # x·10^d, rounded, and divided again: two roundings that may pass a step
        raise Undecided("round to decimals multiplies before it rounds")
    value = call.function(source.value)
    if source.error is None:
        return Shadow(value, None, call.dtype)
    below, above = call.function(source.low()), call.function(source.high())
    error = torch.maximum((value - below).abs(), (above - value).abs()).nan_to_num(INF, INF, INF)
    return Shadow(value, error.where(source.error.isfinite(), INF), call.dtype)


@rule("hardshrink", "threshold")
def cut(call: Applied) -> Shadow:
    """The element itself on one side of a threshold, a constant on the other."""
    if (found := whole(call)) is not None:
        return found
    source = call.args[0]
    limit = float(call.get(1, "lambd", 0.5) if call.name == "hardshrink" else call.args[1])
    held = operand(limit, call.dtype)
    slack = 0.0 if held.error is None else float(held.error)
    value = call.function(source.value, *call.args[1:])
    error = torch.zeros_like(value) if source.error is None else source.error
    at = source.value.abs() if call.name == "hardshrink" else source.value
    near = ((at - limit).abs() <= error + slack) & (error + slack > 0)
    constant = operand(float(call.args[2]), call.dtype) if call.name == "threshold" else Operand(0.0, None)
    kept = (source.value.abs() > limit) if call.name == "hardshrink" else source.value > limit
    error = error.where(kept, 0.0 if constant.error is None else float(constant.error))
    jump = abs(limit) + abs(constant.value) + error + slack
    return settle(value, error.where(~near, jump + (0 if source.error is None else source.error)), call.dtype)


@rule("floor_divide", "remainder", "fmod")
def divided_whole(call: Applied) -> Shadow:
    """Decided where the quotient, with what it is rounded by, lies between two integers."""
    if call.name == "floor_divide":
        return cut_quotient(call, "floor")
    if (found := whole(call)) is not None:
        return found
    dtype = call.dtype
    left, right = operand(call.args[0], dtype), operand(call.args[1], dtype)
    quotient, same = _cut(left, right, "floor" if call.name == "remainder" else "trunc", dtype)
    value = call.function(_as_tensor(left.value), _as_tensor(right.value))
    error: Any = left.error
    if right.error is not None:
        error = plus(error, quotient.abs() * right.error)
    found = combine(value, error, (magnitude(left) + quotient.abs() * magnitude(right)) + value * 0, 2, dtype)
    assert found.error is not None or not value.numel()
    if found.error is None:
        return found
    return Shadow(value, found.error.where(same, INF), dtype)


def cut_quotient(call: Applied, mode: str) -> Shadow:
    """A quotient that is cut to an integer."""
    if (found := whole(call)) is not None:
        return found
    dtype = call.dtype
    left, right = operand(call.args[0], dtype), operand(call.args[1], dtype)
    quotient, same = _cut(left, right, mode, dtype)
    error = torch.zeros_like(quotient).where(same, INF)
    return settle(quotient, error + quotient.abs() * UNIT[dtype], dtype)


def _as_tensor(value: Any) -> Tensor:
    return value if isinstance(value, Tensor) else torch.tensor(value, dtype=torch.float64)


def _cut(left: Operand, right: Operand, mode: str, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """The quotient, cut, and where that is decided."""
    step = torch.floor if mode == "floor" else torch.trunc
    ratio = _as_tensor(left.value) / right.value
    error: Any = ratio.abs() * (4 * UNIT[dtype])
    low = abs(right.value) if right.error is None else abs(right.value) - right.error
    if left.error is not None:
        error = error + left.error / low
    if right.error is not None:
        error = error + ratio.abs() * right.error / low
    below, above = step(ratio - error), step(ratio + error)
    return step(ratio), (below == above) & torch.as_tensor(low > 0) & ratio.isfinite()


@rule("bucketize", "searchsorted")
def placed(call: Applied) -> Shadow:
    """Monotone in the element; decided where both ends of its interval are in one place."""
    left, right = call.args[0], call.args[1]
    needle, limits = (left, right) if call.name == "bucketize" else (right, left)
    if isinstance(limits, Shadow) and limits.error is not None:
        raise Undecided(f"{call.name} by rounded limits")
    if not isinstance(needle, Shadow) or needle.error is None:
        own = call.own[0].detach()
        return Shadow(own, None, own.dtype)
    arguments = {"low": needle.low(), "high": needle.high()}
    found = {}
    for key, item in arguments.items():
        found[key] = call.call(lambda shadow, item=item: item if shadow is needle else shadow.wide())[0]  # type: ignore[misc]
    value = call.call(lambda shadow: shadow.wide())[0]
    return truth(value, (found["low"] != found["high"]) | needle.error.isinf(), call.dtype)


@rule("isin")
def contained(call: Applied) -> Shadow:
    """Decided on exact elements."""
    if any(item.error is not None for item in call.shadows()):
        raise Undecided("isin compares inexact elements for equality")
    own = call.own[0].detach()
    return Shadow(own, None, own.dtype)


@rule("nonzero", "argwhere", "bincount", "unique_dim", "_unique2", "unique_consecutive", "repeat_interleave",
      "nonzero_static")  # fmt: skip
def shaped(call: Applied) -> list[Shadow]:
    """How much there is depends on elements, so that all of these have to be decided."""
    for item in call.shadows():
        if item.error is None:
            continue
        open_ = crossing(item, 0.0) if call.name in ("nonzero", "argwhere", "nonzero_static") and (
            item.dtype.is_floating_point) else item.error  # fmt: skip
        if bool((open_ > 0).any()):
            raise Undecided(f"{call.name} depends on rounding")
    if call.name == "bincount" and any(item.is_floating_point() for item in call.own):
        raise Undecided("bincount accumulates weights")
    results = []
    for own in call.own:
        value = own.detach()
        results.append(Shadow(value.double() if value.is_floating_point() else value, None, own.dtype))
    return results
