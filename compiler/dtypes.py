"""The element types of both IRs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DType:
    """An element type. ``name`` is how it is written in both IRs; ``bits`` its size in memory."""

    name: str
    kind: str  # "bool", "int" (two's complement), "uint" or "float" (IEEE 754 binary, or bfloat16)
    bits: int
    #: Bits of a float's significand, the hidden one included; 0 for other kinds.
    precision: int = 0

    def __hash__(self) -> int:
        return hash(self.name)

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return self.name.upper()

    @property
    def bytes(self) -> int:
        return self.bits // 8

    @property
    def is_float(self) -> bool:
        return self.kind == "float"

    @property
    def is_bool(self) -> bool:
        return self.kind == "bool"

    @property
    def is_integer(self) -> bool:
        """Signed or unsigned integer; not bool."""
        return self.kind in ("int", "uint")

    @property
    def is_signed(self) -> bool:
        return self.kind in ("int", "float")

    @property
    def min(self) -> int | float:
        """Smallest finite value; 0 for bool."""
        if self.is_float:
            return -self.max
        return -(1 << (self.bits - 1)) if self.kind == "int" else 0

    @property
    def max(self) -> int | float:
        """Largest finite value; 1 for bool."""
        if self.is_float:
            return _LARGEST[self.name]
        if self.is_bool:
            return 1
        return (1 << (self.bits - (self.kind == "int"))) - 1


BOOL = DType("bool", "bool", 8)
I8 = DType("i8", "int", 8)
I16 = DType("i16", "int", 16)
I32 = DType("i32", "int", 32)
I64 = DType("i64", "int", 64)
U8 = DType("u8", "uint", 8)
U16 = DType("u16", "uint", 16)
U32 = DType("u32", "uint", 32)
U64 = DType("u64", "uint", 64)
F16 = DType("f16", "float", 16, 11)
BF16 = DType("bf16", "float", 16, 8)
F32 = DType("f32", "float", 32, 24)
F64 = DType("f64", "float", 64, 53)

ALL = (BOOL, U8, U16, U32, U64, I8, I16, I32, I64, F16, BF16, F32, F64)
FLOATS = (F16, BF16, F32, F64)
INTEGERS = (U8, U16, U32, U64, I8, I16, I32, I64)
BY_NAME = {dtype.name: dtype for dtype in ALL}

#: Loop variables, bounds and indices are of this type.
INDEX = I64

# (2 − 2^(1−p)) · 2^emax, IEEE 754-2019, section 3.3; bfloat16 has binary32's exponents.
_LARGEST = {
    "f16": 65504.0,
    "bf16": (2 - 2.0**-7) * 2.0**127,
    "f32": (2 - 2.0**-23) * 2.0**127,
    "f64": (2 - 2.0**-52) * 2.0**1023,
}
