"""The file of what ``preparing`` makes of a version's rules and records: compressed JSON lines, a header and then the
lines of one operator after those of another.

It holds nothing that the two files it was made from do not: the header has their hashes, and where one of them is
another, the file does not count.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path

from misfold.programs.errors import UsageError

from ..lines import write_lines

FORMAT = 1
KIND = "misfold prepared rules"
COMMAND = "misfold rules prepare"
_PACKAGE = "misfold.generators"


def load(version: str, rules: str, records: str) -> Mapping[str, Sequence[bytes]] | None:
    """The shipped lines by operator for a version of torch; None if there are none, or if they were made from files
    with other hashes than ``rules`` and ``records``.

    Raises:
        UsageError: the file is damaged.
    """
    source = shipped(version)
    try:
        data = gzip.decompress(source.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, EOFError, zlib.error) as error:
        raise UsageError(f"{source}: cannot be read: {error}; make it anew: {COMMAND}") from error
    try:
        first, *lines = data.splitlines()
        header = json.loads(first)
        if (header["kind"], header["format"], header["rules"], header["records"]) != (KIND, FORMAT, rules, records):
            return None
        found, position = {}, 0
        for operator, count in header["operators"].items():
            found[operator] = lines[position : position + count]
            position += count
        if position != len(lines):
            raise ValueError(f"{len(lines)} lines where {position} are announced")
        return found
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{source}: not a file of prepared rules: {error}; make it anew: {COMMAND}") from error


def write(path: Path, version: str, rules: str, records: str, operators: Mapping[str, Sequence[bytes]]) -> None:
    """Write a file in one step; equal lines give equal bytes. ``rules`` and ``records`` are the hashes of the files
    that they were made from.

    Raises:
        UsageError: the file cannot be written.
    """
    counts = {name: len(lines) for name, lines in operators.items()}
    header = {"kind": KIND, "format": FORMAT, "torch": version, "rules": rules, "records": records}
    first = json.dumps({**header, "operators": counts}).encode()
    write_lines(path, [first, *(line for lines in operators.values() for line in lines)])


def shipped(version: str) -> Path:
    """Where the package has the file for a version of torch, given without its build tag."""
    return Path(str(files(_PACKAGE).joinpath("data", f"prepared-torch-{version}.jsonl.gz")))
