"""The file of rules of one framework version: compressed JSON lines, a header and then one line an operator.

A line is parsed when its operator is asked for, so that loading costs milliseconds.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from misfold.programs.errors import MisfoldError, UsageError, one_line

from ..lines import digest, write_lines
from ..records import installed_version
from .dtypes import DtypeRules
from .rule import Rule

FORMAT = 1
KIND = "misfold rules"
COMMAND = "misfold infer"
_PACKAGE = "misfold.generators"


class RuleBase:
    """All rules of one framework version, by operator."""

    def __init__(self, version: str, lines: Mapping[str, bytes], header: Mapping[str, Any], digest: str):
        self.version = version
        #: of the file's bytes
        self.digest = digest
        #: what the file says about itself: versions, seed, totals
        self.header = dict(header)
        self._lines = lines
        self._rules: dict[str, list[Rule]] = {}

    @property
    def operators(self) -> tuple[str, ...]:
        """Names of the operators that have rules, sorted."""
        return tuple(self._lines)

    def __contains__(self, operator: object) -> bool:
        return operator in self._lines

    def of(self, operator: str) -> list[Rule]:
        """The rules of one operator, most general first, usable and not; none for an unknown operator.

        Raises:
            UsageError: the file is damaged there.
        """
        found = self._rules.get(operator)
        if found is None:
            line = self._lines.get(operator)
            found = self._rules[operator] = [] if line is None else parse_operator(line, operator)
        return found

    @staticmethod
    def load(version: str | None = None, path: Path | str | None = None) -> RuleBase:
        """Read the rules for a version of torch (by default the installed one), from the package or from ``path``.

        Raises:
            UsageError: there is no file for the version, or it is not one; the message says how to make it.
        """
        if path is not None:
            source: Any = Path(path)
        else:
            version = (version or installed_version()).partition("+")[0]
            source = files(_PACKAGE).joinpath("data", file_name(version))
        try:
            raw = source.read_bytes()
            data = gzip.decompress(raw)
        except FileNotFoundError:
            if path is not None:
                raise UsageError(f"{path}: no such file") from None
            known = ", ".join(available()) or "none"
            raise UsageError(f"no rules for torch {version} (shipped: {known}); make them: {COMMAND}") from None
        except (OSError, EOFError, zlib.error) as error:
            raise UsageError(f"{source}: cannot be read as a file of rules: {error}") from error
        try:
            first, *lines = data.splitlines()
            header = json.loads(first)
            if header.get("kind") != KIND:
                raise UsageError(f"{source}: not a file of rules: {one_line(repr(header), 80)}")
            if header["format"] != FORMAT:
                raise UsageError(f"{source}: format {header['format']}, not {FORMAT}; make it anew: {COMMAND}")
            names = header.pop("operators")
            if len(names) != len(lines) or not all(type(name) is str for name in names):
                raise ValueError(f"{len(lines)} operators where {len(names)} are announced")
            return RuleBase(str(header["torch"]), dict(zip(names, lines)), header, digest(raw))
        except MisfoldError:
            raise
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UsageError(f"{source}: not a file of rules: {error}") from error


def parse_operator(line: bytes, operator: str) -> list[Rule]:
    """The rules in one line of a file.

    Raises:
        UsageError: the line is damaged.
    """
    try:
        data = json.loads(line)
        dtypes = DtypeRules(data["dtypes"])
        return [Rule.from_data(operator, item, dtypes) for item in data["rules"]]
    except (MisfoldError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise UsageError(f"not the rules of {operator}: {one_line(str(error))}; make them anew: {COMMAND}") from error


def operator_data(rules: Iterable[Rule]) -> dict[str, Any]:
    """The rules of one operator as plain JSON data; equal rules for element types are written once."""
    dtypes: dict[str, int] = {}
    items = []
    for rule in rules:
        text = json.dumps(rule.dtypes.to_data())
        items.append(rule.to_data(dtypes.setdefault(text, len(dtypes))))
    return {"dtypes": [json.loads(text) for text in dtypes], "rules": items}


def write(path: Path | str, operators: Mapping[str, Mapping[str, Any]], version: str, **more: Any) -> None:
    """Write a file in one step from ``operator_data`` by operator; equal rules give equal bytes. ``more`` goes into the
    header.

    Raises:
        UsageError: the file cannot be written.
    """
    names = sorted(operators)
    header = {"kind": KIND, "format": FORMAT, "torch": version.partition("+")[0], **more, "operators": names}
    lines = [json.dumps(header), *(json.dumps(operators[name], separators=(",", ":")) for name in names)]
    write_lines(path, [line.encode() for line in lines])


def file_name(version: str) -> str:
    """Name of the file for a version of torch, without its build tag."""
    return f"rules-torch-{version.partition('+')[0]}.jsonl.gz"


def available() -> list[str]:
    """Versions of torch that the package ships rules for."""
    names = [item.name for item in files(_PACKAGE).joinpath("data").iterdir()]
    return sorted(name[len("rules-torch-") : -len(".jsonl.gz")] for name in names if name.startswith("rules-torch-"))
