"""Rewrite rules for bits, comparisons, choices and casts."""

from __future__ import annotations

from misfold.compiler.dtypes import BOOL, DType
from misfold.compiler.graph.ir import Value

from .rules import Rules, Site

LOGIC = Rules()
_rule = LOGIC.add
_OPPOSITE = {"eq": "ne", "ne": "eq", "lt": "ge", "ge": "lt", "gt": "le", "le": "gt"}


def _zero(dtype: DType) -> int | bool:
    return False if dtype.is_bool else 0


def _ones(dtype: DType) -> int | bool:
    """All bits set."""
    return True if dtype.is_bool else -1 if dtype.kind == "int" else int(dtype.max)


@_rule("not-not", "not", "Inverting twice changes nothing.")
def _(site: Site) -> Value | None:
    inner = site.source(site.x, "not")
    return inner.inputs[0] if inner else None


@_rule("not-of-comparison", "not",
       "The opposite comparison; with NaN all but ne are false, so order has none for floats.")  # fmt: skip
def _(site: Site) -> Value | None:
    inner = site.source(site.x, *_OPPOSITE) if site.dtype.is_bool else None
    if inner is None or (inner.inputs[0].type.dtype.is_float and inner.operator not in ("eq", "ne")):
        return None
    return site.apply(_OPPOSITE[inner.operator], *inner.inputs)


@_rule("and-or-self", "and or", "x & x = x | x = x.")
def _(site: Site) -> Value | None:
    return site.x if site.x == site.y else None


@_rule("xor-self", "xor", "x ^ x = 0.")
def _(site: Site) -> Value | None:
    return site.full(_zero(site.dtype)) if site.x == site.y else None


@_rule("and-constant", "and", "x & 0 = 0, and x with all bits is x.")
def _(site: Site) -> Value | None:
    if site.is_number(site.y, _zero(site.dtype)):
        return site.y
    return site.x if site.is_number(site.y, _ones(site.dtype)) else None


@_rule("or-constant", "or", "x | 0 = x, and all bits absorb x.")
def _(site: Site) -> Value | None:
    if site.is_number(site.y, _ones(site.dtype)):
        return site.y
    return site.x if site.is_number(site.y, _zero(site.dtype)) else None


@_rule("xor-constant", "xor", "x ^ 0 = x, and x with all bits changed is its inverse.")
def _(site: Site) -> Value | None:
    if site.is_number(site.y, _zero(site.dtype)):
        return site.x
    return site.apply("not", site.x) if site.is_number(site.y, _ones(site.dtype)) else None


@_rule("shift-by-zero", "shl shr", "Nothing is shifted.")
def _(site: Site) -> Value | None:
    return site.x if site.is_number(site.y, 0) else None


@_rule("compare-self-false", "ne lt gt", "x is not less than itself, nor different from it unless it is NaN.")
def _(site: Site) -> Value | None:
    if site.x != site.y or (site.node.operator == "ne" and site.dtype.is_float):
        return None
    return site.full(False)


@_rule("compare-self-true", "eq le ge", "x equals itself, unless it is NaN.")
def _(site: Site) -> Value | None:
    return site.full(True) if site.x == site.y and not site.dtype.is_float else None


@_rule("compare-with-least", "lt ge", "Nothing is less than the least integer, 0 for unsigned ones.")
def _(site: Site) -> Value | None:
    if site.dtype.is_float or not site.is_number(site.y, site.dtype.min):
        return None
    return site.full(site.node.operator == "ge")


@_rule("compare-bool", "eq ne", "A bool is true if it equals true or differs from false, and false if the other way.")
def _(site: Site) -> Value | None:
    number = site.number(site.y) if site.dtype.is_bool else None
    if number is None:
        return None
    return site.x if (site.node.operator == "eq") == bool(number) else site.apply("not", site.x)


@_rule("select-constant", "select", "The arm that a constant condition chooses.")
def _(site: Site) -> Value | None:
    number = site.number(site.x)
    return None if number is None else site.node.inputs[1 if number else 2]


@_rule("select-equal-arms", "select", "Either arm.")
def _(site: Site) -> Value | None:
    _, then, other = site.node.inputs
    return then if then == other else None


@_rule("select-of-not", "select", "The arms change places.")
def _(site: Site) -> Value | None:
    condition, then, other = site.node.inputs
    inner = site.source(condition, "not")
    return site.apply("select", inner.inputs[0], other, then) if inner else None


@_rule("select-bools", "select", "A choice of true or false is the condition, the other way round its inverse.")
def _(site: Site) -> Value | None:
    condition, then, other = site.node.inputs
    if then.type.dtype != BOOL:
        return None
    arms = site.number(then), site.number(other)
    if arms == (True, False):
        return condition
    return site.apply("not", condition) if arms == (False, True) else None


@_rule("select-of-select", "select", "The inner choice is known where the outer one has the same condition.")
def _(site: Site) -> Value | None:
    condition, then, other = site.node.inputs
    inner = site.source(then, "select")
    if inner is not None and inner.inputs[0] == condition:
        return site.apply("select", condition, inner.inputs[1], other)
    inner = site.source(other, "select")
    if inner is not None and inner.inputs[0] == condition:
        return site.apply("select", condition, then, inner.inputs[2])
    return None


@_rule("cast-to-same", "cast", "Nothing is converted.")
def _(site: Site) -> Value | None:
    return site.x if site.attributes["dtype"] == site.dtype else None


@_rule("cast-of-cast", "cast",
       "The first cast loses nothing, so the second sees the same number. From integers by way of floats only to what "
       "holds them all: from floats casts saturate, from integers they wrap.")  # fmt: skip
def _(site: Site) -> Value | None:
    inner = site.source(site.x, "cast")
    if inner is None:
        return None
    source, middle, target = inner.inputs[0].type.dtype, site.dtype, site.attributes["dtype"]
    if not lossless(source, middle):
        return None
    if source.is_integer and middle.is_float and target.is_integer and not lossless(source, target):
        return None
    return site.apply("cast", inner.inputs[0], dtype=target)


@_rule("cast-wraps-twice", "cast", "Modulo 2ⁿ, the larger modulus first, is modulo the smaller.")
def _(site: Site) -> Value | None:
    inner = site.source(site.x, "cast")
    target = site.attributes["dtype"]
    if inner is None or not (inner.inputs[0].type.dtype.is_integer and site.dtype.is_integer and target.is_integer):
        return None
    return site.apply("cast", inner.inputs[0], dtype=target) if target.bits <= site.dtype.bits else None


@_rule("cast-of-bool-is-not-zero", "ne", "A bool cast to a number differs from 0 where it is true.")
def _(site: Site) -> Value | None:
    if site.dtype.is_bool or site.number(site.y) != 0:
        return None
    inner = site.source(site.x, "cast")
    if inner is not None and inner.inputs[0].type.dtype.is_bool:
        return inner.inputs[0]
    return None


def lossless(source: DType, target: DType) -> bool:
    """Whether each value of one dtype is one of the other's too."""
    if source == target or source.is_bool:
        return True
    if target.is_bool:
        return False
    if source.is_float:
        return target.is_float and target.bits > source.bits
    if target.is_float:
        return source.bits - (source.kind == "int") <= target.precision
    return target.min <= source.min and source.max <= target.max
