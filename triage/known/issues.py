"""The file of known issues: one ``[[issue]]`` table of TOML for each failure that need not be reported again.

What an issue says of a finding has to hold all together; what it leaves out holds for every finding. Patterns are those
of ``fnmatch`` (``*`` for any text), never regular expressions: the file may come from a stranger.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from misfold.programs.errors import UsageError, one_line
from misfold.programs.versions import is_range, within
from misfold.targets.outcome import KINDS

#: What a finding may be: the kinds of failing outcomes, and ``wrong`` for values that are.
FINDING_KINDS = ("wrong", *(kind for kind in KINDS if kind not in ("values", "rejected")))
# What tells findings apart; an issue without any of them would know everything.
_TELLING = ("signature", "operators", "message", "kinds")


@dataclass(frozen=True)
class Call:
    """A call in a program, as far as issues look at it: the operator and its operands' element types."""

    operator: str
    dtypes: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Failing:
    """What issues look at in a finding."""

    target: str
    kind: str
    signature: str
    message: str
    calls: tuple[Call, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Issue:
    """A known failure.

    ``target`` and ``signature`` are patterns; ``operators`` and ``dtypes`` lists of patterns, of which one has to match
    a call of the program and an element type of the same call's operands; ``message`` is a text that the failure's
    message contains. ``versions`` maps distributions to PEP 440 specifiers. It is forgotten after ``expires``.
    ``case`` is a case file that shows it, relative to the file of issues. ``steer``: programs that can be told
    beforehand to hit it are not given to the target; this needs ``operators``.
    """

    title: str
    target: str = "*"
    kinds: tuple[str, ...] = ()
    signature: str | None = None
    operators: tuple[str, ...] = ()
    dtypes: tuple[str, ...] = ()
    message: str | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    link: str | None = None
    reason: str | None = None
    expires: date | None = None
    case: str | None = None
    steer: bool = True

    def current(self, today: date, versions: Mapping[str, str]) -> bool:
        """Whether it has not expired and speaks of these versions."""
        if self.expires is not None and today > self.expires:
            return False
        return within(self.versions, versions)

    def knows(self, found: Failing) -> bool:
        """Whether a finding is this issue; ``current`` is asked separately."""
        return (
            fnmatchcase(found.target, self.target)
            and (not self.kinds or found.kind in self.kinds)
            and (self.signature is None or fnmatchcase(found.signature, self.signature))
            and (self.message is None or self.message in found.message)
            and (not (self.operators or self.dtypes) or any(map(self._touches, found.calls)))
        )

    def foresees(self, target: str, calls: tuple[Call, ...]) -> bool:
        """Whether a program can be told to hit it on a target, before it is compiled."""
        if not (self.steer and self.operators) or self.signature is not None:
            return False
        return fnmatchcase(target, self.target) and any(map(self._touches, calls))

    def _touches(self, call: Call) -> bool:
        names = (call.operator, call.operator.removeprefix("torch."))
        if self.operators and not any(fnmatchcase(name, one) for name in names for one in self.operators):
            return False
        return not self.dtypes or any(fnmatchcase(dtype, one) for dtype in call.dtypes for one in self.dtypes)


_STRINGS = ("title", "target", "signature", "message", "link", "reason", "case")
_LISTS = ("kinds", "operators", "dtypes")


def parse_issues(text: str, source: str) -> list[Issue]:
    """Read a file's text.

    Raises:
        UsageError: it is not TOML, or not a list of issues; says which issue and what is allowed.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{source}: not TOML: {one_line(str(error))}") from None
    if set(data) - {"issue"} or not isinstance(data.get("issue", []), list):
        raise UsageError(f"{source}: a file of known issues has [[issue]] tables and nothing else")
    return [_issue(raw, f"{source}: issue {number}") for number, raw in enumerate(data.get("issue", []), 1)]


def read_issues(path: Path) -> list[Issue]:
    """Read a file; errors as of ``parse_issues``."""
    try:
        return parse_issues(path.read_text(encoding="utf-8"), str(path))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path}: not UTF-8 text") from None


def _issue(raw: Any, where: str) -> Issue:
    if not isinstance(raw, dict):
        raise UsageError(f"{where}: not a table")
    known = {one.name for one in fields(Issue)}
    if unknown := sorted(set(raw) - known):
        raise UsageError(f"{where}: unknown key {one_line(unknown[0], 40)!r}; allowed: {', '.join(sorted(known))}")
    if "title" not in raw:
        raise UsageError(f"{where}: it has no title")
    for key, value in raw.items():
        _check(key, value, f"{where}: {key}")
    if not any(key in raw for key in _TELLING):
        raise UsageError(f"{where}: it would know every failure; say one of {', '.join(_TELLING)}")
    if "dtypes" in raw and "operators" not in raw:
        raise UsageError(f'{where}: dtypes without operators; for any operator write operators = ["*"]')
    values: dict[str, Any] = {key: tuple(value) if key in _LISTS else value for key, value in raw.items()}
    return Issue(**values)


def _check(key: str, value: Any, where: str) -> None:
    """Raise UsageError unless ``value`` is of the type that ``key`` has."""
    if key in _STRINGS and not isinstance(value, str):
        raise UsageError(f"{where} must be a text")
    if key in _LISTS and not (isinstance(value, list) and value and all(isinstance(one, str) for one in value)):
        raise UsageError(f"{where} must be a list of texts")
    if key == "kinds" and (odd := [one for one in value if one not in FINDING_KINDS]):
        raise UsageError(f"{where}: unknown kind {one_line(odd[0], 40)!r}; allowed: {', '.join(FINDING_KINDS)}")
    if key == "steer" and not isinstance(value, bool):
        raise UsageError(f"{where} must be true or false")
    # A date and time is a date to Python, and no day.
    if key == "expires" and type(value) is not date:
        raise UsageError(f"{where} must be a date, as in 2027-06-30 (without quotes)")
    if key == "versions":
        if not isinstance(value, dict):
            raise UsageError(f'{where} must be a table, as in {{ torch = "<2.14" }}')
        for package, specifier in value.items():
            if not is_range(specifier):
                raise UsageError(
                    f'{where}: {one_line(package, 40)}: not a version range; write it as in ">=2.13,<2.14"'
                )
