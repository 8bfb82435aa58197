"""Files of trials: gzip-compressed JSON lines, the first a header with the format and the versions.

A file may be written in blocks, each a gzip member of its own, so that one that was being written when its process was
killed still holds all blocks before.
"""

from __future__ import annotations

import gzip
import json
import os
import secrets
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from misfold.programs.errors import MisfoldError, UsageError, one_line

from .call import Trial

FORMAT = 1
KIND = "misfold trials"
# No trial is longer; a hostile file must not become one endless line in memory.
_MAX_LINE = 2**20
# Fast to write; level 9 saves some 5 % more.
_LEVEL = 6


def header(versions: Mapping[str, str], **more: Any) -> dict[str, Any]:
    """The first line of a file."""
    return {"kind": KIND, "format": FORMAT, "versions": dict(versions), **more}


def block(lines: Iterable[Mapping[str, Any]]) -> bytes:
    """Lines of JSON as one gzip member; equal lines give equal bytes."""
    text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
    return gzip.compress(text.encode(), _LEVEL, mtime=0)


def write(path: Path | str, trials: Iterable[Trial], versions: Mapping[str, str], **more: Any) -> int:
    """Write a whole file in one step and return the number of trials; whoever reads it sees the old one or the new.

    ``versions`` are those of the frameworks that judged the trials; ``more`` goes into the header.

    Raises:
        UsageError: the file cannot be written.
    """
    path = Path(path)
    count = 0
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        try:
            with open(temporary, "xb") as raw, gzip.GzipFile("", "wb", _LEVEL, raw, mtime=0) as file:
                file.write((json.dumps(header(versions, **more)) + "\n").encode())
                for trial in trials:
                    file.write((json.dumps(trial.to_data(), separators=(",", ":")) + "\n").encode())
                    count += 1
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from error
    return count


def read_header(path: Path | str) -> dict[str, Any]:
    """The first line of a file of trials.

    Raises:
        UsageError: as ``read``.
    """
    for line in _lines(Path(path), KIND, FORMAT):
        return line
    raise UsageError(f"{path}: not a file of trials: it is empty")


def read(path: Path | str) -> Iterator[Trial]:
    """The trials of a file, one after another; nothing in it is executed.

    Raises:
        UsageError: the file cannot be read, is damaged, or is not one; what came before the damage has been yielded.
    """
    lines = _lines(Path(path), KIND, FORMAT)
    if next(lines, None) is None:
        raise UsageError(f"{path}: not a file of trials: it is empty")
    for number, data in enumerate(lines, 2):
        if "mark" in data:
            continue  # the end of a block (see ``appending``)
        try:
            yield Trial.from_data(data)
        except MisfoldError as error:
            raise UsageError(f"{path}: line {number}: {error}") from error


def _lines(path: Path, kind: str, version: int) -> Iterator[dict[str, Any]]:
    """The objects in a file of JSON lines, the header first."""
    number = 0
    try:
        with gzip.open(path, "rb") as file:
            while line := file.readline(_MAX_LINE):
                number += 1
                data = json.loads(line)
                if type(data) is not dict:
                    raise ValueError("not an object")
                if number == 1:
                    if data.get("kind") != kind:
                        raise UsageError(f"{path}: not a file of trials: {one_line(repr(data), 80)}")
                    if data.get("format") != version:
                        raise UsageError(f"{path}: format {data.get('format')!r}, not {version}; make it anew")
                yield data
    except (OSError, EOFError, zlib.error, ValueError, RecursionError) as error:
        place = f"line {number}: " if number else ""
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"{path}: {place}cannot be read as a file of trials: {one_line(reason)}") from error
