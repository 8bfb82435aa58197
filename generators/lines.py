"""Data files of the package: gzip-compressed lines, the first a header. What made one is known by its hash."""

from __future__ import annotations

import gzip
import hashlib
import os
import secrets
from collections.abc import Iterable
from pathlib import Path

from misfold.programs.errors import UsageError


def write_lines(path: Path | str, lines: Iterable[bytes]) -> None:
    """Write a file in one step: whoever reads it sees the old one or the new. Equal lines give equal bytes.

    Raises:
        UsageError: the file cannot be written.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, "wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as file:
            file.write(b"\n".join([*lines, b""]))
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from error


def digest(data: bytes) -> str:
    """16 hexadecimal digits of a file's bytes."""
    return hashlib.blake2b(data, digest_size=8).hexdigest()
