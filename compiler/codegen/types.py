"""LLVM's first-class types, and which of them holds what of the loop IR."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from misfold.compiler.dtypes import DType


@dataclass(frozen=True, slots=True, eq=False)
class Type:
    """An element type and a number of lanes; 0 lanes is a scalar. Made by ``of``, so identity is equality."""

    element: str  # "i1", "i8", …, "half", "float", "double", "ptr"
    lanes: int
    text: str
    is_float: bool
    bits: int

    @property
    def scalar(self) -> Type:
        return of(self.element)

    def with_lanes(self, lanes: int) -> Type:
        return of(self.element, lanes)

    def with_element(self, element: str) -> Type:
        return of(element, self.lanes)

    @property
    def mangled(self) -> str:
        """As in the names of LLVM's overloaded intrinsics."""
        name = {"half": "f16", "float": "f32", "double": "f64", "ptr": "p0"}.get(self.element, self.element)
        return f"v{self.lanes}{name}" if self.lanes else name


_BITS = {"half": 16, "float": 32, "double": 64, "ptr": 64}


def of(element: str, lanes: int = 0) -> Type:
    return _of(element, lanes)


@cache
def _of(element: str, lanes: int) -> Type:
    text = f"<{lanes} x {element}>" if lanes else element
    bits = _BITS.get(element) or int(element[1:])
    return Type(element, lanes, text, element in ("half", "float", "double"), bits)


I1, I8, I16, I32, I64 = of("i1"), of("i8"), of("i16"), of("i32"), of("i64")
HALF, FLOAT, DOUBLE, PTR = of("half"), of("float"), of("double"), of("ptr")

_MEMORY = {"bool": "i8", "f16": "half", "bf16": "i16", "f32": "float", "f64": "double"}
_REGISTER = {"bool": "i1", "f16": "float", "bf16": "float", "f32": "float", "f64": "double"}


def memory_type(dtype: DType, lanes: int = 0) -> Type:
    """How an element lies in memory. bfloat16 is handled as bits: see ``floats``."""
    return of(_MEMORY.get(dtype.name) or f"i{dtype.bits}", lanes)


def register_type(dtype: DType, lanes: int = 0) -> Type:
    """How a value is held while computing: the 16-bit floats as the binary32 number that equals them."""
    return of(_REGISTER.get(dtype.name) or f"i{dtype.bits}", lanes)
