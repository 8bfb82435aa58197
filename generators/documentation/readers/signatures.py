"""Signatures: from Python itself where it knows them, from a docstring's first line where a built-in states its own."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_HEAD = re.compile(r"^\s*(?:[\w.]+\.)?(?P<name>\w+)\((?P<arguments>.*?)\)\s*(?:->\s*[^\n]+)?\s*$", re.MULTILINE)


@dataclass(frozen=True)
class Signature:
    """Parameter names in order, defaults as text by name, and what may be given by keyword only."""

    names: tuple[str, ...]
    defaults: Mapping[str, str] = field(default_factory=dict)
    keyword_only: frozenset[str] = frozenset()
    #: Whether it is Python's own, and not read from documentation.
    actual: bool = False
    #: Whether it takes further arguments that it does not name.
    open: bool = False


def signature_of(function: Any, text: str = "") -> Signature | None:
    """The signature of a callable, None if neither Python nor its documentation states one.

    A class counts with its constructor.
    """
    try:
        known = inspect.signature(function)
    except (TypeError, ValueError):
        return stated(text, getattr(function, "__name__", ""))
    items = [p for p in known.parameters.values() if p.name not in ("self", "cls")]
    if any(p.kind is p.VAR_POSITIONAL for p in items) and (told := stated(text, getattr(function, "__name__", ""))):
        # ``def f(*args, **kwargs)`` around something documented better.
        return told
    return Signature(
        tuple(p.name for p in items if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)),
        {p.name: _shown(p.default) for p in items if p.default is not p.empty},
        frozenset(p.name for p in items if p.kind is p.KEYWORD_ONLY),
        True,
        any(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in items),
    )


def _shown(value: Any) -> str:
    return repr(value) if isinstance(value, str | int | float | bool | tuple | list | type(None)) else str(value)


def stated(text: str, name: str) -> Signature | None:
    """The signature that a docstring begins with, as ``add(input, other, *, alpha=1) -> Tensor``."""
    for match in _HEAD.finditer(text[:2000]):
        # What is public as torch.linalg.qr calls itself linalg_qr.
        if name and match["name"] != name and not name.endswith(f"_{match['name']}"):
            continue
        return _parsed(match["arguments"])
    return None


def _parsed(arguments: str) -> Signature | None:
    # Optional positions in brackets, as "x[, y]", and types, as "int dim", are not Python.
    arguments = re.sub(r"\s*\[,", ",", arguments).replace("]", "") if "[," in arguments else arguments
    names, defaults, keyword, only = [], {}, set(), False
    for item in _split(arguments):
        if item == "*":
            only = True
            continue
        name, equals, default = item.partition("=")
        name = name.split(":")[0].split()[-1].lstrip("*") if name.strip() else ""
        if not name.isidentifier() or item.startswith("*") or name == "self":
            continue
        names.append(name)
        if equals:
            defaults[name] = default.strip()
        if only:
            keyword.add(name)
    return Signature(tuple(names), defaults, frozenset(keyword)) if names else None


def _split(arguments: str) -> list[str]:
    """Arguments between commas that stand in no bracket."""
    parts, depth, current = [], 0, ""
    for char in arguments:
        depth += (char in "([{") - (char in ")]}")
        if char == "," and depth == 0:
            parts.append(current.strip())
            current = ""
        else:
            current += char
    return [part for part in (*parts, current.strip()) if part]


def literal(text: str | None) -> tuple[bool, Any]:
    """Whether a default's text is a Python constant, and which."""
    if text is None:
        return False, None
    try:
        return True, ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return False, None
