"""Rewrite rules for arithmetic. Floats obey few laws of the reals: each rule says which it may use."""

from __future__ import annotations

import math

from misfold.compiler.graph.ir import Value
from misfold.compiler.loops.arithmetic import is_exact
from misfold.compiler.loops.operators import BINARY

from .rules import Rules, Site

ARITHMETIC = Rules()
_rule = ARITHMETIC.add
_ROUNDINGS = ("floor", "ceil", "trunc", "round")


@_rule("constant-to-the-right", [name for name, one in BINARY.items() if one.commutes],
       "x op y = y op x for commutative operators; other rules need to look at one side only then.")  # fmt: skip
def _(site: Site) -> Value | None:
    if site.number(site.x) is not None and site.number(site.y) is None:
        return site.apply(site.node.operator, site.y, site.x)
    return None


@_rule("add-zero", "add", "x + 0 = x; for floats only -0.0 is neutral, as -0.0 + 0.0 is 0.0.")
def _(site: Site) -> Value | None:
    return site.x if site.is_number(site.y, -0.0 if site.dtype.is_float else 0) else None


@_rule("sub-zero", "sub", "x - 0 = x; for floats 0.0 only, as -0.0 - -0.0 is 0.0.")
def _(site: Site) -> Value | None:
    return site.x if site.is_number(site.y, 0.0 if site.dtype.is_float else 0) else None


@_rule("zero-sub", "sub", "0 - x = -x; for floats -0.0 only, as 0.0 - 0.0 is 0.0 but -(0.0) is -0.0.")
def _(site: Site) -> Value | None:
    return site.apply("neg", site.y) if site.is_number(site.x, -0.0 if site.dtype.is_float else 0) else None


@_rule("sub-self", "sub", "x - x = 0 for integers; for floats infinities and NaN give NaN.")
def _(site: Site) -> Value | None:
    return site.full(0) if site.x == site.y and site.dtype.is_integer else None


@_rule("add-negated", "add", "x + -y = x - y by definition in IEEE 754, section 5.4.1, and modulo 2ⁿ.")
def _(site: Site) -> Value | None:
    if negation := site.source(site.y, "neg"):
        return site.apply("sub", site.x, negation.inputs[0])
    if negation := site.source(site.x, "neg"):
        return site.apply("sub", site.y, negation.inputs[0])
    return None


@_rule("sub-negated", "sub", "x - -y = x + y: negation is exact, even where integers wrap around.")
def _(site: Site) -> Value | None:
    negation = site.source(site.y, "neg")
    return site.apply("add", site.x, negation.inputs[0]) if negation else None


@_rule("neg-of-sub", "neg", "-(x - y) = y - x for integers; for floats x = y gives zeros of different signs.")
def _(site: Site) -> Value | None:
    difference = site.source(site.x, "sub") if site.dtype.is_integer else None
    return site.apply("sub", difference.inputs[1], difference.inputs[0]) if difference else None


@_rule("mul-one", "mul", "x · 1 = x.")
def _(site: Site) -> Value | None:
    return site.x if site.is_number(site.y, 1) else None


@_rule("mul-minus-one", "mul", "x · -1 = -x: both only change the sign.")
def _(site: Site) -> Value | None:
    return site.apply("neg", site.x) if site.is_number(site.y, -1) else None


@_rule("mul-zero", "mul", "x · 0 = 0 for integers; for floats the sign of x, infinities and NaN matter.")
def _(site: Site) -> Value | None:
    return site.y if site.dtype.is_integer and site.is_number(site.y, 0) else None


@_rule("mul-two", "mul", "x · 2 = x + x, and adding is as exact.")
def _(site: Site) -> Value | None:
    return site.apply("add", site.x, site.x) if site.is_number(site.y, 2) else None


@_rule("mul-negated", "mul div", "-x · -y = x · y, and -x / -y = x / y: signs do not change how results are rounded.")
def _(site: Site) -> Value | None:
    x, y = site.source(site.x, "neg"), site.source(site.y, "neg")
    return site.apply(site.node.operator, x.inputs[0], y.inputs[0]) if x and y else None


@_rule("div-power-of-two", "div",
       "x / c = x · (1/c) where 1/c is exact: the exact result is the same, and so is its rounding.")  # fmt: skip
def _(site: Site) -> Value | None:
    c = site.number(site.y)
    if not c or not math.isfinite(c) or abs(math.frexp(c)[0]) != 0.5:
        return None
    return site.apply("mul", site.x, site.full(1 / c)) if is_exact(1 / c, site.dtype) else None


@_rule("quotient-by-one", "floordiv truncdiv eucliddiv",
       "x divided by 1 is x for integers; for floats floordiv rounds.")  # fmt: skip
def _(site: Site) -> Value | None:
    return site.x if site.dtype.is_integer and site.is_number(site.y, 1) else None


@_rule("remainder-by-one", "floormod truncmod euclidmod", "The remainder by 1 is 0 for integers.")
def _(site: Site) -> Value | None:
    return site.full(0) if site.dtype.is_integer and site.is_number(site.y, 1) else None


@_rule("pow-zero", "pow", "x to the 0 is 1, even for NaN (IEEE 754, section 9.2.1).")
def _(site: Site) -> Value | None:
    if not site.is_number(site.y, 0, -0.0):
        return None
    return site.full(1.0 if site.dtype.is_float else 1)


@_rule("pow-one", "pow", "x to the 1 is x.")
def _(site: Site) -> Value | None:
    return site.x if site.is_number(site.y, 1) else None


@_rule("pow-two", "pow", "x to the 2 is x · x, which is rounded better than pow need be.")
def _(site: Site) -> Value | None:
    return site.apply("mul", site.x, site.x) if site.is_number(site.y, 2) else None


@_rule("double-negation", "neg", "-(-x) = x, even where integers wrap around.")
def _(site: Site) -> Value | None:
    inner = site.source(site.x, "neg")
    return inner.inputs[0] if inner else None


@_rule("abs-of-unsigned", "abs", "Unsigned numbers are their own absolute values.")
def _(site: Site) -> Value | None:
    return site.x if site.dtype.kind == "uint" else None


@_rule("abs-of-abs", "abs", "||x|| = |x|, and |-x| = |x|, for the smallest integer too.")
def _(site: Site) -> Value | None:
    if site.source(site.x, "abs"):
        return site.x
    inner = site.source(site.x, "neg")
    return site.apply("abs", inner.inputs[0]) if inner else None


@_rule("rounding-of-rounded", _ROUNDINGS, "What is an integer already stays as it is, -0.0 and NaN included.")
def _(site: Site) -> Value | None:
    return site.x if site.source(site.x, *_ROUNDINGS) else None


@_rule("copysign-self", "copysign", "x with the sign of x is x.")
def _(site: Site) -> Value | None:
    return site.x if site.x == site.y else None


@_rule("min-max-self", "min max", "min(x, x) = max(x, x) = x, NaN included.")
def _(site: Site) -> Value | None:
    return site.x if site.x == site.y else None


@_rule("min-max-neutral", "min max",
       "The largest value is neutral for min, the smallest for max; for floats those are infinities.")  # fmt: skip
def _(site: Site) -> Value | None:
    low, high = (-math.inf, math.inf) if site.dtype.is_float else (site.dtype.min, site.dtype.max)
    return site.x if site.is_number(site.y, high if site.node.operator == "min" else low) else None


@_rule("min-max-absorbing", "min max",
       "The smallest value absorbs in min, the largest in max, for integers; for floats NaN wins.")  # fmt: skip
def _(site: Site) -> Value | None:
    absorbing = site.dtype.min if site.node.operator == "min" else site.dtype.max
    return site.y if site.dtype.is_integer and site.is_number(site.y, absorbing) else None


@_rule("chain-of-constants", "add mul and or xor min max",
       "(x op a) op b = x op (a op b): all of these for integers and bools, min and max for floats.")  # fmt: skip
def _(site: Site) -> Value | None:
    name = site.node.operator
    inner = site.source(site.x, name)
    if inner is None or (site.dtype.is_float and name not in ("min", "max")):
        return None
    a, b = site.number(inner.inputs[1]), site.number(site.y)
    if a is None or b is None or site.number(inner.inputs[0]) is not None:
        return None
    return site.apply(name, inner.inputs[0], site.full(_combined(name, a, b, site), site.y))


def _combined(name: str, a: int | float, b: int | float, site: Site) -> int | float | bool:
    if name in ("min", "max"):
        if a != a or b != b:
            return math.nan
        return min(a, b) if name == "min" else max(a, b)
    x, y = int(a), int(b)
    result = {"add": x + y, "mul": x * y, "and": x & y, "or": x | y, "xor": x ^ y}[name]
    if site.dtype.is_bool:
        return bool(result)
    return (result - int(site.dtype.min)) % (1 << site.dtype.bits) + int(site.dtype.min)
