"""What is known of a tensor's elements, and the memory in which it is kept beside the program's own."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from .precision import LARGEST, NORMAL, is_bounded

INF = math.inf


class Undecided(Exception):
    """Nothing is known of a call's results; the message says why."""


class Shadow:
    """Values and errors of one tensor, in its shape.

    ``value``: float64 for floats, the tensor's own type for integers and truth values. ``error``: None where every
    honest evaluation gives exactly ``value``; else float64, inf where nothing is known. For integers and truth values
    it is 0 or inf. ``dtype``: the type that the program has there. ``lost``: why nothing at all is known, or None.
    """

    __slots__ = ("dtype", "error", "lost", "value")

    def __init__(self, value: torch.Tensor, error: torch.Tensor | None, dtype: torch.dtype, lost: str | None = None):
        self.value, self.error, self.dtype, self.lost = value, error, dtype, lost

    @property
    def shape(self) -> torch.Size:
        return self.value.shape

    def wide(self) -> torch.Tensor:
        """The values in float64, whatever the type."""
        return self.value if self.value.dtype is torch.float64 else self.value.double()

    def size(self) -> torch.Tensor:
        """Upper bounds of absolute values."""
        size = self.wide().abs()
        return size if self.error is None else size + self.error

    def high(self) -> torch.Tensor:
        """Upper bounds."""
        return self.wide() if self.error is None else self.wide() + self.error

    def low(self) -> torch.Tensor:
        """Lower bounds."""
        return self.wide() if self.error is None else self.wide() - self.error


def unknown(own: torch.Tensor, why: str) -> Shadow:
    """The shadow of a tensor of which nothing is known."""
    value = own.detach()
    value = value.double() if value.is_floating_point() else value
    return Shadow(value, torch.full(own.shape, INF, dtype=torch.float64), own.dtype, why)


def exact(own: torch.Tensor) -> Shadow:
    """The shadow of a tensor that every evaluation is given: exact, but for denormals, which may be read as zeros."""
    value = own.detach()
    if not value.is_floating_point():
        return Shadow(value, None, own.dtype)
    value = value.double()
    return Shadow(value, denormal_error(value, own.dtype), own.dtype)


def denormal_error(value: torch.Tensor, dtype: torch.dtype) -> torch.Tensor | None:
    """The error of exact values some of which may be flushed to zero; None if none may."""
    normal = NORMAL.get(dtype, 0.0)
    if not normal or not value.numel():
        return None
    size = value.abs()
    if float(size.min()) >= normal:
        return None
    small = (size < normal) & (size > 0)
    return size.where(small, 0.0) if bool(small.any()) else None


def settle(
    value: torch.Tensor,
    error: torch.Tensor | None,
    dtype: torch.dtype,
    certain: Callable[[], torch.Tensor] | None = None,
) -> Shadow:
    """A result's shadow: unknown where it may overflow, or where NaN or infinity came about by chance.

    Args:
        value: of a float type's result, in float64.
        error: its bound, roundings included; None: exact.
        dtype: the result's type.
        certain: gives where values that are not finite are known to be what they are; None: nowhere.
    """
    largest = LARGEST[dtype]
    if not value.numel():
        return Shadow(value, None, dtype)
    if error is None:
        if float(value.abs().max()) <= largest:
            return Shadow(value, None, dtype)
        error = torch.zeros_like(value)
    elif error.shape != value.shape:
        error = error.expand(value.shape)
    reach = value.abs() + error
    if float(reach.max()) <= largest:
        return Shadow(value, error, dtype)
    good = reach <= largest
    if certain is not None:
        known = certain() & ~value.isfinite()
        error = error.where(~known, 0.0)
        good = good | known
    return Shadow(value, error.where(good, INF), dtype)


def plus(*errors: torch.Tensor | None) -> torch.Tensor | None:
    """The sum of errors, of which None is zero."""
    total: torch.Tensor | None = None
    for item in errors:
        if item is not None:
            total = item if total is None else total + item
    return total


@dataclass
class _Cell:
    """The shadow of one storage: flat, one entry per element of ``dtype``."""

    value: torch.Tensor
    error: torch.Tensor | None
    dtype: torch.dtype
    elements: int
    lost: str | None = None
    #: As it was made, with the shape and strides that it was made in.
    made: tuple[torch.Size, tuple[int, ...], Shadow] | None = None


class Memory:
    """Shadows by storage, so that views and writes through them are right by themselves."""

    def __init__(self) -> None:
        self._cells: dict[int, _Cell] = {}
        # Storages that live keep their addresses to themselves.
        self._alive: list[torch.Tensor] = []
        self._given: set[int] = set()

    def give(self, own: torch.Tensor) -> None:
        """Let a tensor's elements count as exact: an input, or a constant."""
        self._given.add(own.untyped_storage().data_ptr())
        self._alive.append(own)

    def knows(self, own: torch.Tensor) -> bool:
        """Whether the storage was given, or made by a call that was seen."""
        key = own.untyped_storage().data_ptr()
        return key in self._cells or key in self._given or not own.numel()

    def read(self, own: torch.Tensor) -> Shadow:
        """The shadow of a tensor.

        Raises:
            Undecided: the memory is read as another type than it was written as, or holds floats of which no call
                was seen to make them. Numbers that torch wraps as tensors are made by none, and exact.
        """
        if not own.numel():
            return exact(own)
        key = own.untyped_storage().data_ptr()
        cell = self._cells.get(key)
        if cell is None:
            if own.is_floating_point() and own.dim() and key not in self._given:
                raise Undecided("made by a call that was not seen")
            cell = self._adopt(own, key)
        if cell.dtype is not own.dtype:
            raise Undecided("the bits are read as another type")
        if own.is_conj() or own.is_neg():
            raise Undecided("lazily conjugated or negated")
        geometry = own.shape, own.stride(), own.storage_offset()
        if cell.made is not None and geometry[:2] == cell.made[:2] and not geometry[2]:
            return cell.made[2]
        error = None if cell.error is None else cell.error.as_strided(*geometry)
        return Shadow(cell.value.as_strided(*geometry), error, own.dtype, cell.lost)

    def _adopt(self, own: torch.Tensor, key: int) -> _Cell:
        elements = own.untyped_storage().nbytes() // own.element_size()
        flat = own.detach().as_strided((elements,), (1,), 0)
        if own.is_complex():
            cell = _Cell(flat, None, own.dtype, elements)
        else:
            shadow = exact(flat)
            cell = _Cell(_flat(shadow.value, own), _flat(shadow.error, own), own.dtype, elements)
        self._cells[key] = cell
        self._alive.append(own)
        return cell

    def make(self, own: torch.Tensor, shadow: Shadow) -> None:
        """Give a new tensor its shadow."""
        if not own.numel():
            return
        elements = own.untyped_storage().nbytes() // own.element_size()
        made = None
        if own.is_contiguous() and elements == own.numel():
            value, error = _flat(shadow.value, own), _flat(shadow.error, own)
            if not own.storage_offset():
                shape = own.shape
                whole = Shadow(value.view(shape), None if error is None else error.view(shape), own.dtype, shadow.lost)
                made = shape, own.stride(), whole
        else:
            geometry = own.shape, own.stride(), own.storage_offset()
            value = torch.zeros(elements, dtype=shadow.value.dtype)
            value.as_strided(*geometry).copy_(shadow.value)
            error = None
            if shadow.error is not None:
                error = torch.zeros(elements, dtype=torch.float64)
                error.as_strided(*geometry).copy_(shadow.error)
        self._cells[own.untyped_storage().data_ptr()] = _Cell(value, error, own.dtype, elements, shadow.lost, made)
        self._alive.append(own)

    def write(self, own: torch.Tensor, shadow: Shadow) -> None:
        """Overwrite the shadow of a tensor, which others may share."""
        if not own.numel():
            return
        key = own.untyped_storage().data_ptr()
        cell = self._cells.get(key) or self._adopt(own, key)
        if cell.dtype is not own.dtype:
            shadow = unknown(own, "the bits are written as another type")
            cell.error = torch.full((cell.elements,), INF, dtype=torch.float64)
            cell.lost, cell.made = shadow.lost, None
            return
        cell.made = None
        cell.lost = shadow.lost if cell.lost is None or cell.elements == own.numel() else cell.lost
        # A shadow may be shared with that of another tensor that was made of it.
        cell.value = cell.value.clone()
        geometry = own.shape, own.stride(), own.storage_offset()
        cell.value.as_strided(*geometry).copy_(shadow.value)
        if cell.error is None and shadow.error is None:
            return
        cell.error = torch.zeros(cell.elements, dtype=torch.float64) if cell.error is None else cell.error.clone()
        cell.error.as_strided(*geometry).copy_(shadow.error if shadow.error is not None else torch.zeros(()))


def _flat(item: Any, own: torch.Tensor) -> Any:
    """Elements in a row, in memory that starts with them and is not the program's."""
    if item is None:
        return None
    if item.shape != own.shape and item.numel() != own.untyped_storage().nbytes() // own.element_size():
        item = item.expand(own.shape)
    flat = item.contiguous().view(-1)
    if flat.storage_offset() or flat.untyped_storage().data_ptr() == own.untyped_storage().data_ptr():
        flat = flat.clone()
    return flat


def bounded_type(dtype: torch.dtype) -> torch.dtype:
    """The type, if errors are known in it.

    Raises:
        Undecided: it is complex or one of the eight-bit floats.
    """
    if not is_bounded(dtype):
        raise Undecided(f"no error bound is known for {str(dtype).removeprefix('torch.')}")
    return dtype
