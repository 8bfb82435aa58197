"""Tensor types and their text form: ``float32[2, 3]``, ``int64[]``, and with strides ``float32[2, 3]{1, 2}``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from math import prod

from .dtypes import DTYPES, DType
from .errors import TextError

# A dimension that no framework can allocate anyway; it keeps products of hostile shapes in cheap integers.
MAX_DIM = 2**40
MAX_RANK = 16
# Longer than any type within these limits; the cache of parsed types must not fill with hostile texts.
MAX_TEXT = 1024

_TEXT = re.compile(r"\s*([a-z]+[0-9]*)\s*\[([0-9,\s]*)\]\s*(?:\{([0-9,\s]*)\})?\s*", re.ASCII)
_ALLOWED = "DTYPE[DIM, ...] or DTYPE[DIM, ...]{STRIDE, ...}, DTYPE one of " + ", ".join(DTYPES)


@dataclass(frozen=True)
class TensorType:
    """Shape, element type and, where they are not those of a contiguous tensor, strides (in elements).

    Strides equal to the contiguous ones become None, so that equal layouts are equal types.

    Raises:
        TextError: a dimension or stride is negative or beyond ``MAX_DIM``, or there are too many.
    """

    dtype: DType
    shape: tuple[int, ...]
    strides: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        _check(self.shape, "dimensions")
        if self.strides is None:
            return
        _check(self.strides, "strides")
        if len(self.strides) != len(self.shape):
            raise TextError(f"{len(self.strides)} strides for {len(self.shape)} dimensions")
        if self.strides == contiguous_strides(self.shape):
            object.__setattr__(self, "strides", None)

    @staticmethod
    def of(
        dtype: str | DType, shape: tuple[int, ...] | list[int], strides: tuple[int, ...] | None = None
    ) -> TensorType:
        """Build a type from an element type's name and any sequences of integers."""
        dtype = DTYPES[dtype] if isinstance(dtype, str) else dtype
        return TensorType(dtype, tuple(shape), None if strides is None else tuple(strides))

    @property
    def elements(self) -> int:
        return prod(self.shape)  # quicker than a cache, whose look-up takes a lock

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def storage_elements(self) -> int:
        """Number of elements between the first and the last one addressed, both included."""
        if self.elements == 0:
            return 0
        strides = self.strides if self.strides is not None else contiguous_strides(self.shape)
        return 1 + sum((dim - 1) * stride for dim, stride in zip(self.shape, strides, strict=True))

    @property
    def nbytes(self) -> int:
        return max(self.elements, self.storage_elements) * self.dtype.itemsize

    def __str__(self) -> str:
        text = f"{self.dtype.name}[{', '.join(map(str, self.shape))}]"
        return text if self.strides is None else f"{text}{{{', '.join(map(str, self.strides))}}}"


def contiguous_strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Row-major strides as torch gives them (a dimension of size 0 counts as 1)."""
    strides, step = [], 1
    for dim in reversed(shape):
        strides.append(step)
        step *= max(dim, 1)
    return tuple(reversed(strides))


def _check(values: tuple[int, ...], what: str) -> None:
    if len(values) > MAX_RANK:
        raise TextError(f"{len(values)} {what}", allowed=f"at most {MAX_RANK}")
    for value in values:
        if not 0 <= value <= MAX_DIM:
            raise TextError(f"{value} in the list of {what}", allowed=f"0 to {MAX_DIM}")


def _integers(text: str, what: str) -> tuple[int, ...]:
    text = text.strip()
    if not text:
        return ()
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdigit() and len(part) <= 13 for part in parts):
        raise TextError(f"bad list of {what}: {text[:60]!r}", allowed="non-negative integers separated by commas")
    return tuple(map(int, parts))


@lru_cache(maxsize=16384)
def parse_type(text: str) -> TensorType:
    """Read a tensor type.

    Raises:
        TextError: the text is not a type of this language.
    """
    match = _TEXT.fullmatch(text) if len(text) <= MAX_TEXT else None
    if match is None or match[1] not in DTYPES:
        raise TextError(f"not a tensor type: {text[:60]!r}", allowed=_ALLOWED)
    shape = _integers(match[2], "dimensions")
    strides = None if match[3] is None else _integers(match[3], "strides")
    return TensorType.of(match[1], shape, strides)
