"""Arguments of operator calls: a nested structure of references, constants and framework symbols."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from .dtypes import DTYPES


@dataclass(frozen=True)
class Ref:
    """A use of the value called ``name``."""

    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Symbol:
    """A constant of the framework, such as ``torch.float32`` or ``torch.channels_last``."""

    name: str

    def __str__(self) -> str:
        return self.name


# What a call may name besides tensors and Python constants.
SYMBOLS: frozenset[str] = frozenset(
    [f"torch.{name}" for name in DTYPES]
    + [
        f"torch.{name}"
        for name in ("contiguous_format", "channels_last", "channels_last_3d", "preserve_format", "strided")
    ]
)

#: ``Ref | Symbol | None | bool | int | float | str | ellipsis | slice | list | tuple``
Argument = Any


def references(argument: Argument) -> Iterator[Ref]:
    """All references in an argument, left to right, repeated as often as they occur."""
    if isinstance(argument, Ref):
        yield argument
    elif isinstance(argument, list | tuple):
        for item in argument:
            yield from references(item)
    elif isinstance(argument, slice):
        for item in (argument.start, argument.stop, argument.step):
            yield from references(item)


def map_leaves(argument: Argument, function: Callable[[Argument], Argument]) -> Argument:
    """The same structure with ``function`` applied to everything that is not a list, tuple or slice."""
    if isinstance(argument, list):
        return [map_leaves(item, function) for item in argument]
    if isinstance(argument, tuple):
        return tuple(map_leaves(item, function) for item in argument)
    if isinstance(argument, slice):
        return slice(*(map_leaves(item, function) for item in (argument.start, argument.stop, argument.step)))
    return function(argument)


def same(left: Argument, right: Argument) -> bool:
    """Equality that tells ``1`` from ``True`` and ``1.0``, ``0.0`` from ``-0.0``, and finds NaN equal to itself."""
    if type(left) is not type(right):
        return False
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, slice):
        return same((left.start, left.stop, left.step), (right.start, right.stop, right.step))
    if isinstance(left, float):
        return repr(left) == repr(right)
    return bool(left == right)
