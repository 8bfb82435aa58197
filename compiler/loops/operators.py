"""The arithmetic of the loop IR, as data: what the printer, parser, verifier, interpreter and code generator share.

Meaning
-------
Nothing traps and, except where said so, nothing is undefined:

* Integer ``add``, ``sub``, ``mul``, ``neg``, ``abs``, ``pow`` wrap around (two's complement; ``abs`` of the smallest
  value is itself). ``pow`` of integers with a negative exponent is 1/xⁿ truncated: 1 for 1, ±1 for −1, otherwise 0
  (0 too, for base 0).
* ``floordiv``/``floormod``, ``truncdiv``/``truncmod``, ``eucliddiv``/``euclidmod``: the quotient is rounded down, to
  zero, or so that the remainder is never negative; always q·y + r = x, modulo 2ⁿ (the smallest value divided by −1 is
  itself, remainder 0). An integer division by zero is undefined. For floats ``truncmod`` is C's ``fmod``,
  ``floormod`` is ``fmod`` moved by one divisor where the signs differ (Python's ``%``); NaN for divisor zero;
  ``floordiv`` is (x − floormod(x, y)) / y rounded to the nearest integer (Python's ``//``, each step rounded; f16 and
  bf16 take the steps in f32), x / y for divisor zero.
* ``shl``, ``shr``: an amount that is negative or not below the width shifts everything out: 0, or for ``shr`` of a
  negative number −1.
* ``div`` is for floats only and follows IEEE 754, as do ``add``, ``sub``, ``mul``, ``sqrt``: correctly rounded to
  nearest even, signed zeros and infinities as there, subnormals kept. f16 and bf16 are rounded after every operation.
* ``min``, ``max`` give NaN if either is NaN; of zeros with different signs either may be given.
* ``round`` rounds halfway cases to even. ``floor``, ``ceil``, ``trunc``, ``round`` are exact.
* Comparisons give bool; with NaN all but ``ne`` are false.
* The other functions of floats have an error of a few ULP (``codegen.math`` states each); the interpreter gives them
  correctly rounded or nearly so.
* A cast to bool is ``x != 0``; between integers it wraps; between floats, and from integers, it rounds to nearest even;
  from float to integer it truncates and saturates, NaN giving 0.
* ``select(c, a, b)`` evaluates all three: neither ``a`` nor ``b`` may be undefined, not even in the lane not taken.
  ``If`` is what guards.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from misfold.compiler.dtypes import DType


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator on scalars: its operands have one dtype, of a kind in ``kinds``."""

    name: str
    arity: int
    kinds: frozenset[str]
    #: How it is written between its operands; None: ``name(a, b)``.
    infix: str | None = None
    #: Whether the result is bool whatever the operands are.
    compares: bool = False
    commutes: bool = False
    #: Evaluating it can be undefined (integer division by zero), so it must not be moved out of the ``If`` that guards
    #: it.
    partial: bool = False


def _kinds(text: str) -> frozenset[str]:
    return frozenset(text.split())


_NUMBERS = _kinds("int uint float")
_WHOLE = _kinds("int uint")
_BITS = _kinds("bool int uint")
_FLOATS = _kinds("float")
_ALL = _kinds("bool int uint float")

UNARY: dict[str, Operator] = {
    operator.name: operator
    for operator in (
        Operator("neg", 1, _NUMBERS),
        Operator("abs", 1, _NUMBERS),
        Operator("not", 1, _BITS),
        *(
            Operator(name, 1, _FLOATS)
            for name in (
                "sqrt floor ceil trunc round exp exp2 expm1 log log2 log10 log1p sin cos tan asin acos atan sinh cosh "
                "tanh asinh acosh atanh erf erfc"
            ).split()
        ),
    )
}

BINARY: dict[str, Operator] = {
    operator.name: operator
    for operator in (
        Operator("add", 2, _NUMBERS, infix="+", commutes=True),
        Operator("sub", 2, _NUMBERS, infix="-"),
        Operator("mul", 2, _NUMBERS, infix="*", commutes=True),
        Operator("div", 2, _FLOATS, infix="/"),
        Operator("floordiv", 2, _NUMBERS, infix="//", partial=True),
        Operator("floormod", 2, _NUMBERS, infix="%", partial=True),
        Operator("truncdiv", 2, _WHOLE, partial=True),
        Operator("truncmod", 2, _NUMBERS, partial=True),
        Operator("eucliddiv", 2, _WHOLE, partial=True),
        Operator("euclidmod", 2, _WHOLE, partial=True),
        Operator("pow", 2, _NUMBERS),
        Operator("atan2", 2, _FLOATS),
        Operator("copysign", 2, _FLOATS),
        Operator("min", 2, _NUMBERS, commutes=True),
        Operator("max", 2, _NUMBERS, commutes=True),
        Operator("and", 2, _BITS, infix="&", commutes=True),
        Operator("or", 2, _BITS, infix="|", commutes=True),
        Operator("xor", 2, _BITS, infix="^", commutes=True),
        Operator("shl", 2, _WHOLE, infix="<<"),
        Operator("shr", 2, _WHOLE, infix=">>"),
        Operator("eq", 2, _ALL, infix="==", compares=True, commutes=True),
        Operator("ne", 2, _ALL, infix="!=", compares=True, commutes=True),
        Operator("lt", 2, _ALL, infix="<", compares=True),
        Operator("le", 2, _ALL, infix="<=", compares=True),
        Operator("gt", 2, _ALL, infix=">", compares=True),
        Operator("ge", 2, _ALL, infix=">=", compares=True),
    )
}

#: What a ``reduce`` statement may combine with. All are associative and commutative on integers; on floats the order of
#: ``add`` and ``mul`` is left open on purpose, which is what lets passes reorder and vectorise reductions.
REDUCTIONS = ("add", "mul", "min", "max", "and", "or", "xor")


def identity(reduction: str, dtype: DType) -> int | float | bool:
    """The value that a reduction starts from: ``identity op x == x`` for every x.

    -0.0 would be exact for a float sum; 0.0 is taken, as eager does: an empty sum is 0.0.
    """
    if reduction in ("add", "or", "xor"):
        return False if dtype.is_bool else 0.0 if dtype.is_float else 0
    if reduction == "mul":
        return 1.0 if dtype.is_float else 1
    if reduction == "and":
        return True if dtype.is_bool else (-1 if dtype.kind == "int" else dtype.max)
    if dtype.is_float:
        return math.inf if reduction == "min" else -math.inf
    return dtype.max if reduction == "min" else dtype.min
