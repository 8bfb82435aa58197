"""Pipelines: how a target compiles a program, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .errors import TextError


def _is_string(key: object) -> bool:
    return isinstance(key, str)


@dataclass(frozen=True)
class Pipeline:
    """A named way to compile: an ordered list of passes with parameters, option settings, or both.

    ``passes`` is None where the target's own default order applies; otherwise each entry is a pass name and its
    parameters. ``options`` holds literals only (None, bool, int, float, str, and lists and dicts of them).
    """

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)
    passes: tuple[tuple[str, Mapping[str, Any]], ...] | None = None

    def to_data(self) -> dict[str, Any]:
        """As nested literals, the form in which a case file and the wire hold it."""
        data: dict[str, Any] = {"name": self.name}
        if self.options:
            data["options"] = dict(self.options)
        if self.passes is not None:
            data["passes"] = [[name, dict(parameters)] for name, parameters in self.passes]
        return data

    @staticmethod
    def from_data(data: Mapping[str, Any]) -> Pipeline:
        """Inverse of ``to_data``.

        Raises:
            TextError: the data is not a pipeline.
        """
        allowed = '{"name": str, "options": {str: literal}, "passes": [[str, {str: literal}], ...]}'
        if not isinstance(data, Mapping) or not set(data) <= {"name", "options", "passes"}:
            raise TextError("not a pipeline", allowed=allowed)
        name, options, passes = data.get("name"), data.get("options", {}), data.get("passes")
        if not isinstance(name, str) or not isinstance(options, Mapping) or not all(map(_is_string, options)):
            raise TextError("not a pipeline", allowed=allowed)
        if passes is not None:
            if not isinstance(passes, list | tuple):
                raise TextError("a pipeline's passes must be a list", allowed=allowed)
            for entry in passes:
                well_formed = isinstance(entry, list | tuple) and len(entry) == 2
                if not (well_formed and isinstance(entry[0], str) and isinstance(entry[1], Mapping)):
                    raise TextError("not a pass with its parameters", allowed=allowed)
            passes = tuple((entry[0], dict(entry[1])) for entry in passes)
        return Pipeline(name, dict(options), passes)
