"""Case files on disk: read with clear errors, written so that nobody ever sees half a file."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from .case import Case, parse_case
from .errors import TextError
from .parser import MAX_TEXT


def read_case(path: str | Path) -> Case:
    """Read a case file. Nothing in it is executed.

    Raises:
        TextError: the file cannot be read, is too large, is not UTF-8, or is not a case; the message names the file.
    """
    source = str(path)
    try:
        with open(path, "rb") as file:
            # One byte more than is allowed tells a file that is too large without reading all of it.
            data = file.read(MAX_TEXT + 1)
    except (OSError, ValueError) as error:
        raise TextError(f"cannot be read: {_reason(error)}", source=source) from None
    if len(data) > MAX_TEXT:
        raise TextError("the file is too large", allowed=f"at most {MAX_TEXT} bytes", source=source)
    return parse_case(decode(data, source), source)


def decode(data: bytes, source: str | None = None) -> str:
    """Bytes of a case file as text.

    Raises:
        TextError: the bytes are not UTF-8; with the line.
    """
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise TextError("not UTF-8 text", line=line, source=source) from None


def write_case(case: Case, path: str | Path) -> None:
    """Write a case file in one step: whoever reads ``path`` sees the old file or the new one, also after a crash.

    Raises:
        TextError: the file cannot be written, or the case is too large to be read back.
    """
    write_text(case.text, path)


def write_text(text: str, path: str | Path) -> None:
    """As ``write_case``, for the text of a case file of any kind."""
    path = Path(path)
    data = text.encode("utf-8")
    if len(data) > MAX_TEXT:
        raise TextError(f"a case of {len(data)} bytes", allowed=f"at most {MAX_TEXT} bytes", source=str(path))
    try:
        # In the same folder, because a rename is in one step within a file system only.
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
        try:
            with open(temporary, "xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except (OSError, ValueError) as error:
        raise TextError(f"cannot be written: {_reason(error)}", source=str(path)) from None


def _reason(error: OSError | ValueError) -> str:
    return getattr(error, "strerror", None) or str(error)
