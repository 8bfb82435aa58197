"""A file of trials that grows block by block, and can be taken up again after its process was killed.

Each block is a gzip member of its own; its last line is a mark that says what the block is. A member that was being
written when the process died is cut off.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from misfold.programs.errors import UsageError

from .storage import block

# What differs in these makes another run.
_SAME = ("kind", "format", "versions", "seed", "budget", "traces")  # absent in both is the same


class Appender:
    """Opens ``path`` to go on behind what is there, or makes it; a context manager.

    ``done`` are the marks of the blocks that the file holds.

    Raises:
        UsageError: the file is of another run, is none, or cannot be written.
    """

    def __init__(self, path: Path, header: Mapping[str, Any]):
        self._path = path
        self.done: list[Any] = []
        try:
            self._file = open(path, "a+b")  # noqa: SIM115 - closed in __exit__
            self._begin(header)
        except OSError as error:
            raise UsageError(f"{path}: cannot be written: {error.strerror}") from error

    def __enter__(self) -> Appender:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    @property
    def marks(self) -> int:
        """Number of blocks."""
        return len(self.done)

    def _begin(self, header: Mapping[str, Any]) -> None:
        end = 0
        first: Any = None
        for text, stop in _members(self._path):
            try:
                lines = [json.loads(line) for line in text.splitlines()]
                if first is None:
                    first = lines[0]
                elif lines:
                    self.done.append(lines[-1]["mark"])
            except (ValueError, LookupError, TypeError):
                raise UsageError(f"{self._path}: not a file of trials that can be continued; choose another") from None
            end = stop
        if first is None:
            if self._path.stat().st_size:
                raise UsageError(f"{self._path}: not a file of trials that can be continued; choose another")
            self._write(block([header]))
            return
        wanted = json.loads(json.dumps(dict(header)))
        for key in _SAME:
            if not isinstance(first, dict) or first.get(key) != wanted.get(key):
                raise UsageError(f"{self._path}: holds another run ({key} differs); choose another file, or delete it")
        self._file.truncate(end)

    def append(self, lines: Sequence[Mapping[str, Any]], mark: Any, counts: Mapping[str, Any]) -> None:
        """Add a block; it is on the disk when this returns."""
        self._write(block([*lines, {"mark": mark, "counts": dict(counts)}]))
        self.done.append(mark)

    def sync(self) -> None:
        """Have all that was written reach the disk."""
        os.fsync(self._file.fileno())

    def _write(self, data: bytes) -> None:
        try:
            self._file.write(data)
            self._file.flush()
        except OSError as error:
            raise UsageError(f"{self._path}: cannot be written: {error.strerror}") from error

    def blocks(self) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
        """The marks of all blocks with their lines."""
        for index, (text, _) in enumerate(_members(self._path)):
            if index:
                *lines, mark = (json.loads(line) for line in text.splitlines())
                yield mark, lines


def _members(path: Path) -> Iterator[tuple[bytes, int]]:
    """The complete gzip members at the beginning of a file: text, and where each ends."""
    position = 0
    with open(path, "rb") as file:
        unpacker, text = zlib.decompressobj(wbits=31), bytearray()
        while piece := file.read(2**16):
            while piece:
                try:
                    text += unpacker.decompress(piece)
                except zlib.error:
                    return
                position += len(piece) - len(unpacker.unused_data)
                piece = unpacker.unused_data
                if unpacker.eof:
                    yield bytes(text), position
                    unpacker, text = zlib.decompressobj(wbits=31), bytearray()
