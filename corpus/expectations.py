"""What a case says of targets: which of them it is expected to fail on, how, and in which versions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from misfold.programs.errors import TextError
from misfold.programs.versions import is_range, within
from misfold.targets.outcome import FAILURES

#: ``ok`` covers all that is not held against a target: right values, and an honest rejection.
RESULTS = ("ok", "wrong", *sorted(FAILURES))
_KEYS = {"target", "result", "versions", "oracle", "message"}
_ALLOWED = (
    '{"target": name, "result": one of ' + ", ".join(RESULTS) + ', and optionally "versions": {package: ">=1,<2"}, '
    '"oracle": name, "message": part of the message}'
)


@dataclass(frozen=True)
class Expectation:
    """What one target does with a case.

    ``versions`` maps distributions to version specifiers (PEP 440); outside them nothing is said, and ``ok`` is
    expected. A failing ``result`` may be narrowed to an ``oracle`` and to a ``message`` that the failure's message or
    the verdict's explanation contains.
    """

    target: str
    result: str
    versions: Mapping[str, str] = field(default_factory=dict)
    oracle: str | None = None
    message: str | None = None

    @property
    def fails(self) -> bool:
        """Whether this is a known bug."""
        return self.result != "ok"

    def applies(self, installed: Mapping[str, str]) -> bool:
        """Whether it speaks of these versions. A package that is not installed matches no specifier."""
        return within(self.versions, installed)

    def matches(self, result: str, oracle: str, message: str) -> bool:
        """Whether what was seen is what is expected."""
        if self.result != result:
            return False
        if not self.fails:
            return True
        return (self.oracle in (None, oracle)) and (self.message is None or self.message in message)

    def to_data(self) -> dict[str, Any]:
        """The form in a case file."""
        data: dict[str, Any] = {"target": self.target, "result": self.result}
        if self.versions:
            data["versions"] = dict(self.versions)
        return data | {key: value for key in ("oracle", "message") if (value := getattr(self, key)) is not None}

    @staticmethod
    def from_data(data: Any, source: str | None = None) -> Expectation:
        """Inverse of ``to_data``.

        Raises:
            TextError: the data is no expectation.
        """
        if not isinstance(data, Mapping) or not {"target", "result"} <= set(data) <= _KEYS:
            raise TextError("not an expectation", allowed=_ALLOWED, source=source)
        versions = data.get("versions", {})
        words = [data["target"], data["result"], *(data[key] for key in ("oracle", "message") if key in data)]
        if not isinstance(versions, Mapping) or not all(isinstance(one, str) for one in (*words, *versions.values())):
            raise TextError("not an expectation", allowed=_ALLOWED, source=source)
        if data["result"] not in RESULTS:
            raise TextError(f"unknown result {data['result']!r:.40}", allowed=", ".join(RESULTS), source=source)
        for package, specifier in versions.items():
            if not is_range(specifier):
                raise TextError(
                    f"{package}: {specifier!r:.60} is no version range", allowed='as in ">=2.13,<2.14"', source=source
                )
        return Expectation(data["target"], data["result"], dict(versions), data.get("oracle"), data.get("message"))
