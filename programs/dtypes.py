"""The element types a tensor can have, with the facts about them that no framework needs to be asked for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DType:
    """An element type.

    ``kind`` is one of ``"bool"``, ``"unsigned"``, ``"signed"``, ``"float"``. ``significand`` is the number of bits of
    a floating type's significand with the hidden one (0 for others): every integer of magnitude up to
    ``2 ** significand`` is representable, and the unit roundoff is ``2 ** -significand``.
    """

    name: str
    kind: str
    itemsize: int
    significand: int = 0
    low: float | int = 0
    high: float | int = 0

    @property
    def is_float(self) -> bool:
        return self.kind == "float"

    @property
    def is_integer(self) -> bool:
        return self.kind in ("signed", "unsigned")

    @property
    def unit_roundoff(self) -> float:
        """Largest relative error of rounding to nearest; 0.0 for types that are exact."""
        return 2.0**-self.significand if self.significand else 0.0

    def __str__(self) -> str:
        return self.name


def _signed(bits: int) -> DType:
    return DType(f"int{bits}", "signed", bits // 8, 0, -(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def _unsigned(bits: int) -> DType:
    return DType(f"uint{bits}", "unsigned", bits // 8, 0, 0, 2**bits - 1)


DTYPES: dict[str, DType] = {
    dtype.name: dtype
    for dtype in (
        DType("bool", "bool", 1, 0, 0, 1),
        *(_unsigned(bits) for bits in (8, 16, 32, 64)),
        *(_signed(bits) for bits in (8, 16, 32, 64)),
        DType("float16", "float", 2, 11, -65504.0, 65504.0),
        DType("bfloat16", "float", 2, 8, -3.3895313892515355e38, 3.3895313892515355e38),
        DType("float32", "float", 4, 24, -3.4028234663852886e38, 3.4028234663852886e38),
        DType("float64", "float", 8, 53, -1.7976931348623157e308, 1.7976931348623157e308),
    )
}
