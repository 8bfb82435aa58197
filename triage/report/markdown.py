"""Pieces of Markdown: text of any kind, quoted so that it cannot become markup."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

#: Longest block of output or traceback, in characters: GitHub refuses bodies of more than 65,536.
LONGEST = 12_000
# An underscore inside a word, and a bracket without a parenthesis after it, are no markup.
_SPECIAL = re.compile(r"([\\`*<>|~]|(?<!\w)_|_(?!\w)|\](?=[(\[:]))")


def escape(text: str) -> str:
    """Text in a paragraph or a cell, on one line, with nothing that Markdown or HTML would take for its own."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def block(text: str, language: str = "") -> str:
    """A fenced block, its fence longer than any in the text; long texts lose their middle."""
    text = text.rstrip("\n")
    if len(text) > LONGEST:
        half = LONGEST // 2
        text = f"{text[:half]}\n[… {len(text) - 2 * half} characters left out …]\n{text[-half:]}"
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall(r"`+", text)), default=0))
    return f"{fence}{language}\n{text}\n{fence}"


def code(text: str) -> str:
    """Text in code font, on one line."""
    text = " ".join(text.split())
    fence = "`" * (1 + max((len(run) for run in re.findall(r"`+", text)), default=0))
    inner = f" {text} " if text.startswith("`") or text.endswith("`") else text
    return f"{fence}{inner}{fence}" if text else ""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells that are Markdown already."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace(chr(10), ' ') for cell in line)} |" for line in lines)


def bullets(items: Iterable[str]) -> str:
    """A list of items that are Markdown already."""
    return "\n".join(f"- {item}" for item in items)


def sections(parts: Iterable[str]) -> str:
    """Parts with an empty line between them; empty ones are left out."""
    return "\n\n".join(part.strip("\n") for part in parts if part.strip())
