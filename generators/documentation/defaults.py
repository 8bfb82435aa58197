"""Defaults as prose states them ("Default: ``False``", "(default: 1e-5)", "defaults to ``'mean'``"), as Python
constants."""

from __future__ import annotations

import ast
import re
from typing import Any

from .spelling import plain

_CONSTANT = (
    r"(?P<value>-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?|-?\.\d+|True|False|None|'[^']{0,40}'|"
    r"\"[^\"]{0,40}\"|\(-?[\d., ]+\)|\[\])"
)
# What follows must end the statement: "Default: 1 if …" states a condition, "default: 2.0 * x" an expression.
_STATED = re.compile(
    rf"\bdefaults?\s*(?:value)?\s*(?:is|to|:|=)?\s*(?:is|to|:|=)\s*(?:`{{1,2}})?(?:torch\.)?{_CONSTANT}(?:`{{1,2}})?(?=\s*(?:[),;\]]|[.](?!\s*[/\d])|$))",
    re.IGNORECASE,
)
_STATEMENT = re.compile(r"\bdefaults?\s*(?:value)?\s*(?:is|to|:|=)", re.IGNORECASE)


def stated_default(description: str) -> tuple[Any, str] | None:
    """The default that a description states, with the words that state it; None if none, or several that differ."""
    text = plain(description)
    found: list[tuple[Any, str]] = []
    for match in _STATED.finditer(text):
        try:
            value = ast.literal_eval(match["value"])
        except (ValueError, SyntaxError):
            continue
        found.append((value, match[0]))
    # A second statement that is no constant may be what holds under another condition.
    if (
        not found
        or len(_STATEMENT.findall(text)) > len(found)
        or any(not same(value, found[0][0]) for value, _ in found[1:])
    ):
        return None
    return found[0]


def same(left: Any, right: Any) -> bool:
    """Whether two defaults mean the same: ``1`` and ``1.0`` do, ``1`` and ``True`` do not, ``3`` and ``(3, 3)`` do."""
    if isinstance(left, bool) != isinstance(right, bool):
        return False
    if isinstance(left, tuple | list) != isinstance(right, tuple | list):
        group, single = (left, right) if isinstance(left, tuple | list) else (right, left)
        return bool(group) and all(same(item, single) for item in group)
    if isinstance(left, tuple | list):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right)
