"""Mutators of single expressions."""

from __future__ import annotations

import random as randomness
from typing import Any

from tvm import ir, tirx

from .sites import BINARY, EXPRESSIONS, Places, element_type

_ARITHMETIC = (tirx.Add, tirx.Sub, tirx.Mul, tirx.Min, tirx.Max)
_DIVISIONS = (tirx.FloorDiv, tirx.FloorMod, tirx.Div, tirx.Mod)
_COMPARISONS = (tirx.EQ, tirx.NE, tirx.LT, tirx.LE, tirx.GT, tirx.GE)
_UNARY = "exp sqrt tanh sigmoid sin floor ceil trunc abs log erf".split()


def _is_literal(value: Any) -> bool:
    return isinstance(value, tirx.IntImm | tirx.FloatImm) and element_type(value) != "bool"


def _is_value(value: Any) -> bool:
    return isinstance(value, EXPRESSIONS) and ("int" in element_type(value) or "float" in element_type(value))


def constant(function: Any, random: randomness.Random) -> Any | None:
    """Another literal, mostly near the old one."""
    places = Places(function, _is_literal)
    if not len(places):
        return None
    number = random.randrange(len(places))
    old = places.found[number]
    if isinstance(old, tirx.FloatImm):
        new = random.choice((0.0, 1.0, -1.0, 0.5, float(old.value) + 1.0, -float(old.value)))
        return places.replaced(number, tirx.FloatImm(element_type(old), new))
    value = int(old.value) + random.choice((-1, 1, 1, 2, -2)) if random.random() < 0.7 else random.choice((0, 1, 2, 4))
    if value < 0 and element_type(old).startswith("uint"):
        return None
    return places.replaced(number, tirx.IntImm(element_type(old), value))


def operator(function: Any, random: randomness.Random) -> Any | None:
    """Another operator on the same operands."""
    places = Places(function, lambda value: isinstance(value, BINARY))
    if not len(places):
        return None
    number = random.randrange(len(places))
    old = places.found[number]
    integral = "int" in element_type(old.a)
    for family in (_COMPARISONS, (tirx.And, tirx.Or), (*_ARITHMETIC, *(_DIVISIONS if integral else (tirx.Div,)))):
        if isinstance(old, family):
            new = random.choice([one for one in family if not isinstance(old, one)])
            return places.replaced(number, new(old.a, old.b))
    return None


def operands(function: Any, random: randomness.Random) -> Any | None:
    """Operands change places."""
    places = Places(function, lambda value: isinstance(value, BINARY))
    if not len(places):
        return None
    number = random.randrange(len(places))
    old = places.found[number]
    return places.replaced(number, type(old)(old.b, old.a))


def subexpression(function: Any, random: randomness.Random) -> Any | None:
    """An expression becomes one of its operands."""
    places = Places(function, lambda value: isinstance(value, (*BINARY, tirx.Select)) and bool(_inner(value)))
    if not len(places):
        return None
    number = random.randrange(len(places))
    return places.replaced(number, random.choice(_inner(places.found[number])))


def _inner(value: Any) -> list[Any]:
    parts = (value.true_value, value.false_value) if isinstance(value, tirx.Select) else (value.a, value.b)
    return [one for one in parts if element_type(one) == element_type(value)]


def index_arithmetic(function: Any, random: randomness.Random) -> Any | None:
    """An integer written in another way: what simplifiers are to see through, and at times another number."""
    places = Places(
        function, lambda value: element_type(value) in ("int32", "int64") and not isinstance(value, tirx.IntImm)
    )
    if not len(places):
        return None
    number = random.randrange(len(places))
    old = places.found[number]
    factor = tirx.IntImm(element_type(old), random.choice((2, 3, 4, 8)))
    quotient, remainder = tirx.FloorDiv(old, factor), tirx.FloorMod(old, factor)
    ways = [
        tirx.Add(tirx.Mul(quotient, factor), remainder),
        tirx.FloorDiv(tirx.Add(tirx.Mul(old, factor), tirx.FloorMod(old, factor)), factor),
        tirx.Sub(tirx.Add(old, factor), factor),
        tirx.Max(old, tirx.Sub(old, factor)),
        tirx.Add(tirx.Mul(tirx.Div(old, factor), factor), tirx.Mod(old, factor)),
        quotient,
        remainder,
    ]
    return places.replaced(number, random.choice(ways))


def cast(function: Any, random: randomness.Random) -> Any | None:
    """A value goes through another type and back."""
    places = Places(function, _is_value)
    if not len(places):
        return None
    number = random.randrange(len(places))
    old = places.found[number]
    kind = element_type(old)
    others = ("float64", "float32") if kind.startswith("float") else ("int64", "int16", "uint8", "int32", "float64")
    return places.replaced(number, tirx.Cast(kind, tirx.Cast(random.choice(others), old)))


def select(function: Any, random: randomness.Random) -> Any | None:
    """A value is one of two, by a comparison with a literal."""
    places = Places(function, _is_value)
    if not len(places):
        return None
    number = random.randrange(len(places))
    old = places.found[number]
    kind = element_type(old)
    literal = tirx.FloatImm if kind.startswith("float") else tirx.IntImm
    # Only what is in the expression itself is certain to be bound where it stands.
    condition = random.choice(_COMPARISONS)(old, literal(kind, random.randint(0, 4)))
    other = random.choice([literal(kind, random.randint(0, 4)), *(_inner(old) if isinstance(old, BINARY) else ())])
    lazily = random.random() < 0.4
    made = tirx.if_then_else(condition, old, other) if lazily else tirx.Select(condition, old, other)
    return places.replaced(number, made)


def intrinsic(function: Any, random: randomness.Random) -> Any | None:
    """A function of a float."""
    places = Places(function, lambda value: element_type(value) in ("float32", "float64") and _is_plain(value))
    if not len(places):
        return None
    number = random.randrange(len(places))
    return places.replaced(number, getattr(tirx, random.choice(_UNARY))(places.found[number]))


def _is_plain(value: Any) -> bool:
    return isinstance(value, (*BINARY, ir.TensorLoad))
