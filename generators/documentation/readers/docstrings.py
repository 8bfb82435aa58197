"""Docstrings of Python objects: parameters in Google's, numpy's and Sphinx's styles, and torch's ``Shape`` sections."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from inspect import cleandoc

from ..facts import Parameter
from .signatures import Signature

_SECTION = re.compile(
    r"^(?P<indent> *)(?P<name>Args|Arguments|Parameters|Params|Keyword args|Keyword Args|Keyword Arguments|"
    r"Keyword arguments|Kwargs|Other Parameters|Inputs|Shape|Options):{1,2}\s*$"
)
_OTHER = re.compile(
    r"^ *(?:Returns?|Yields?|Raises|Examples?|Notes?|Warnings?|Attributes|Variables|References|See also|"
    r"Outputs?|.. \w+::)\b.*:{0,2}\s*$"
)
_NUMPY = re.compile(r"^(?P<name>Parameters|Other Parameters|Inputs)\s*\n-{3,}\s*$", re.MULTILINE)
_GOOGLE_ENTRY = re.compile(
    r"^(?P<names>\*{0,2}`{0,2}\w+`{0,2}(?: ?, ?\*{0,2}`{0,2}\w+`{0,2})*) ?(?:\((?P<type>(?:[^()]|"
    r"\([^()]*\))*)\))? ?:(?P<text>.*)$",
    re.DOTALL,
)
_NUMPY_ENTRY = re.compile(r"^(?P<names>\*{0,2}\w+(?:, ?\*{0,2}\w+)*)(?: ?: ?(?P<type>.*))?$")
_SPHINX = re.compile(
    r"^\s*:(?P<kind>param|parameter|arg|type)(?P<inline> [^:]*?)?\s+(?P<name>\w+)\s*:(?P<text>.*(?:\n(?!\s*:\w).+)*)",
    re.MULTILINE,
)
_SHAPE_ENTRY = re.compile(r"^[-*]\s*(?P<names>[\w ,/`:\\]{1,40}?)\s*:\s*(?P<text>.*)$", re.DOTALL)
_KEYWORD = re.compile("keyword|kwarg", re.IGNORECASE)


def parameters(api: str, text: str, signature: Signature | None = None) -> list[Parameter]:
    """Entries of a docstring, first mention first. ``signature`` adds defaults and restores names.

    A name that two sections document is one entry with both texts. Parameters without documentation are not there.
    """
    text = cleandoc(text)
    found: dict[str, Parameter] = {}
    for entry in (*_google(api, text), *_numpy(api, text), *_sphinx(api, text)):
        known = found.get(entry.name)
        if known is None:
            found[entry.name] = entry
        elif entry.description not in known.description:
            merged = f"{known.description.rstrip('. ')}. {entry.description}".lstrip(". ")
            found[entry.name] = replace(known, type=known.type or entry.type, description=merged)
    defaults = {} if signature is None else signature.defaults
    return [replace(entry, default=defaults.get(entry.name, entry.default)) for entry in found.values()]


def _google(api: str, text: str) -> Iterator[Parameter]:
    lines = text.split("\n")
    index = 0
    while index < len(lines):
        match = _SECTION.match(lines[index])
        index += 1
        if match is None:
            continue
        outer, block = len(match["indent"]), []
        while index < len(lines):
            line = lines[index]
            if line.strip() and _indent(line) <= outer and not (match["name"] == "Shape" and line.lstrip()[:1] in "-*"):
                break
            if line.strip() and _OTHER.match(line) and _indent(line) <= outer:
                break
            block.append(line)
            index += 1
        yield from (_shapes if match["name"] == "Shape" else _entries)(api, match["name"], block)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _blocks(lines: list[str]) -> Iterator[str]:
    """Entries of a section: each begins at the section's own indentation, what is deeper belongs to it."""
    depth = min((_indent(line) for line in lines if line.strip()), default=0)
    current: list[str] = []
    for line in lines:
        if line.strip() and _indent(line) == depth and current:
            yield "\n".join(current)
            current = []
        if line.strip() or current:
            current.append(line[depth:] if not current else line.strip())
    if current:
        yield "\n".join(current)


def _entries(api: str, section: str, lines: list[str]) -> Iterator[Parameter]:
    for block in _blocks(lines):
        match = _GOOGLE_ENTRY.match(block.lstrip("-* ") if block[:2] in ("- ", "* ") else block)
        if match is None:
            continue
        for name in match["names"].split(","):
            yield Parameter(
                api, name.strip().strip("`").lstrip("*"), _type(match["type"] or ""), _prose(match["text"]),
                where=f"{api}: {section}", keyword_only=bool(_KEYWORD.search(section)),
            )  # fmt: skip


def _shapes(api: str, section: str, lines: list[str]) -> Iterator[Parameter]:
    """A module's ``Shape`` section says of its inputs what Args says of functions' ones; results are left out."""
    for block in _blocks(lines):
        match = _SHAPE_ENTRY.match(block.strip())
        if match is None:
            continue
        for name in re.split(r",| and |/", match["names"]):
            name = re.sub(r"[^\w]", "", name)
            if name and name.lower() not in ("output", "outputs", "where", "note"):
                text = f"Tensor of shape {_prose(match['text'])}"
                yield Parameter(api, name.lower() if name[0].isupper() else name, "", text, where=f"{api}: Shape")


def _numpy(api: str, text: str) -> Iterator[Parameter]:
    for match in _NUMPY.finditer(text):
        body = text[match.end() :].lstrip("\n").split("\n")
        lines = []
        for number, line in enumerate(body):
            if number + 1 < len(body) and re.match(r"^-{3,}\s*$", body[number + 1]):
                break
            lines.append(line)
        for block in _blocks(lines):
            head, _, rest = block.partition("\n")
            entry = _NUMPY_ENTRY.match(head.strip())
            if entry is None:
                continue
            for name in entry["names"].split(","):
                yield Parameter(
                    api,
                    name.strip().lstrip("*"),
                    _type(entry["type"] or ""),
                    _prose(rest),
                    where=f"{api}: {match['name']}",
                )


def _sphinx(api: str, text: str) -> Iterator[Parameter]:
    types: dict[str, str] = {}
    texts: dict[str, str] = {}
    for match in _SPHINX.finditer(text):
        if match["kind"] == "type":
            types[match["name"]] = _prose(match["text"])
        else:
            texts[match["name"]] = _prose(match["text"])
            if match["inline"]:
                types.setdefault(match["name"], match["inline"].strip())
    for name, description in texts.items():
        yield Parameter(api, name, _type(types.get(name, "")), description, where=f"{api}: :param")


def _type(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip().strip("`")


def _prose(text: str) -> str:
    """A description without its code blocks and tables, on one line."""
    text = re.sub(r"\.\. math::.*?(?=\n\s*\n|\Z)", " ", text, flags=re.DOTALL)
    text = re.split(r"\n\s*(?:>>>|\.\. \w+::)", text)[0]
    return re.sub(r"\s+", " ", text).strip()
