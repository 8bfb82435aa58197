"""Index arithmetic: which element each lane of a vectorised loop touches.

Inside a vectorised loop, an index is the same in all lanes (a scalar ``Value``), moves by a constant from lane to lane
(``Affine``), or is anything (a vector ``Value``). Which of them decides between one access, a contiguous one, and a
gather or scatter. Outside there are scalars only.
"""

from __future__ import annotations

from dataclasses import dataclass

from .emitter import Emitter, Value
from .types import I64, PTR


@dataclass(frozen=True, slots=True)
class Affine:
    """In lane k: ``base + stride · k``, modulo 2⁶⁴. ``stride`` is not 0."""

    base: Value
    stride: int
    lanes: int

    def vector(self) -> Value:
        emitter = self.base.emitter
        steps = emitter.constants([self.stride * k for k in range(self.lanes)])
        if self.base.literal == 0:
            return steps
        return emitter.broadcast(self.base, self.lanes) + steps


Index = Value | Affine


def materialised(value: Index) -> Value:
    """A value that instructions take."""
    return value.vector() if isinstance(value, Affine) else value


def _affine(base: Value, stride: int, lanes: int) -> Index:
    return Affine(base, stride, lanes) if stride else base


def add(left: Index, right: Index) -> Index:
    if isinstance(left, Affine) and isinstance(right, Affine):
        return _affine(left.base + right.base, left.stride + right.stride, left.lanes)
    if isinstance(right, Affine):
        left, right = right, left
    if isinstance(left, Affine) and isinstance(right, Value):
        return left.vector() + right if right.type.lanes else Affine(left.base + right, left.stride, left.lanes)
    assert isinstance(left, Value) and isinstance(right, Value)
    return left + right


def scale(value: Index, factor: int) -> Index:
    if isinstance(value, Affine):
        return _affine(value.base * factor, value.stride * factor, value.lanes)
    return value * factor


def multiply(left: Index, right: Index) -> Index:
    for one, other in ((left, right), (right, left)):
        if isinstance(other, Value) and isinstance(other.literal, int) and not other.type.lanes:
            return scale(one, other.literal)
    return materialised(left) * materialised(right)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a buffer lies. A buffer allocated inside a vectorised loop has a copy for each lane, and element i of lane
    k lies at i · ``copies`` + k."""

    pointer: Value
    strides: tuple[int, ...]
    copies: int = 1


def offset(emitter: Emitter, place: Place, indices: list[Index]) -> Index:
    """The distance from the buffer's start, in elements."""
    total: Index = emitter.literal(0, I64)
    for index, stride in zip(indices, place.strides):
        total = add(total, scale(index, stride * place.copies))
    if place.copies > 1:
        total = add(total, Affine(emitter.literal(0, I64), 1, place.copies))
    return total


def pointer(emitter: Emitter, base: Value, element: str, distance: Value, *, inbounds: bool = True) -> Value:
    """The address of one element, or one in each lane."""
    if distance.literal == 0:
        return emitter.broadcast(base, distance.type.lanes)
    word = "inbounds " if inbounds else ""
    return emitter.once(
        f"getelementptr {word}{element}, ptr {base.text}, {distance.type.text} {distance.text}",
        PTR.with_lanes(distance.type.lanes),
    )
