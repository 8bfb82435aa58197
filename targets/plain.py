"""What crosses process boundaries: frozen dataclasses as plain data, in msgpack, and never pickled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import msgpack


class Plain:
    """A dataclass that is sent as its fields, named: numbers, text, bytes, and tuples and mappings of them."""

    def to_data(self) -> dict[str, Any]:
        """As plain data: what ``dataclasses.asdict`` gives, without its deep copy of all that is plain already."""
        return {name: _plain(value) for name, value in vars(self).items()}

    def pack(self) -> bytes:
        """As bytes: msgpack of the fields."""
        packed: bytes = msgpack.packb(vars(self), default=vars, use_bin_type=True)
        return packed

    @classmethod
    def unpack(cls, data: bytes) -> Self:
        """Inverse of ``pack``.

        Raises:
            ValueError: the bytes are not one of this class.
        """
        return cls.from_data(msgpack.unpackb(data, use_list=False, strict_map_key=False))

    @classmethod
    def from_data(cls, raw: Any) -> Self:
        """Inverse of ``to_data``; errors as in ``unpack``."""
        if not isinstance(raw, Mapping):
            raise ValueError(f"not data of {cls.__name__}: {type(raw).__name__}")
        try:
            return cls(**{**raw, **cls.fields_from(raw)})
        except (TypeError, KeyError) as error:
            raise ValueError(f"not data of {cls.__name__}: {error}") from error

    @classmethod
    def fields_from(cls, raw: Mapping[str, Any]) -> dict[str, Any]:
        """The fields that are not plain themselves, made of plain data; a class that has some says how."""
        return {}

    @classmethod
    def each_from_data(cls, items: Any) -> tuple[Self, ...]:
        """Several."""
        return tuple(map(cls.from_data, items))

    @classmethod
    def any_from_data(cls, items: Any) -> tuple[Self | None, ...]:
        """Several, some of which may be None."""
        return tuple(None if item is None else cls.from_data(item) for item in items)


def _plain(value: Any) -> Any:
    if isinstance(value, Plain):
        return value.to_data()
    if isinstance(value, tuple) and any(isinstance(item, Plain) for item in value):
        return tuple(map(_plain, value))
    return value
