"""What crosses process boundaries: frozen dataclasses as plain data, in msgpack, and never pickled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import msgpack


class Plain:
    """A dataclass that is sent as its fields, named: numbers, text, bytes, and tuples and mappings of them."""

    def pack(self) -> bytes:
        """As bytes: msgpack of the fields."""
        # The same data as asdict gives, without its deep copy of every tensor's bytes.
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
        """From the plain data that ``asdict`` gives; errors as in ``unpack``."""
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
