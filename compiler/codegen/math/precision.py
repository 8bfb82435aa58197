"""What a formula needs to know about the type it is computed in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from misfold.compiler.codegen.emitter import Value, bits, convert, from_bits


@dataclass(frozen=True)
class Precision:
    """``bits`` selects coefficients: 24 in binary32; 53 in binary64, or 32 there for results that become binary32."""

    bits: int
    mantissa: int
    bias: int
    #: Adding this rounds to an integer, which then stands in the lowest bits.
    magic: float
    #: ln 2 as a sum; n times the first part is exact for exponents n.
    ln2: tuple[float, float]

    def pick(self, *choices: tuple[float, ...]) -> Sequence[float]:
        """Of coefficients for 24, (32,) 53 bits, those for this precision."""
        if self.bits == 24:
            return choices[0]
        return choices[-1] if self.bits == 53 else choices[1 if len(choices) == 3 else -1]

    def power_of_two(self, n: Value) -> Value:
        """2ⁿ for an integer n that is a normal number's exponent."""
        return from_bits((n + self.bias) << self.mantissa)

    def power_of_shifted(self, shifted: Value, less: int = 0) -> Value:
        """2 to the power n − ``less``, for the number ``magic`` + n: the shift leaves nothing of ``magic``."""
        exponent = bits(shifted) << self.mantissa
        return from_bits(exponent + ((self.bias - less) << self.mantissa))


SINGLE = Precision(24, 23, 127, 1.5 * 2.0**23, (0.693145751953125, 1.428606765330187e-06))
# fdlibm's split: 32 bits in the first part.
_LN2 = (6.93147180369123816490e-01, 1.90821492927058770002e-10)
DOUBLE = Precision(53, 52, 1023, 1.5 * 2.0**52, _LN2)
#: binary64 arithmetic for results that are rounded to binary32.
WIDE = Precision(32, 52, 1023, 1.5 * 2.0**52, _LN2)


def own(x: Value) -> Precision:
    """The precision of a value's type."""
    return SINGLE if x.type.element == "float" else DOUBLE


def widened(x: Value) -> Value:
    return convert("fpext", x, "double")


def narrowed(x: Value) -> Value:
    return convert("fptrunc", x, "float")
