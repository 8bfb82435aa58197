"""Canonical spellings of constraint values, so that two ways to write one value are equal."""

from __future__ import annotations

import re

from .vocabulary import NUMBER_WORDS, dtype_word, structure_word

_UNBOUNDED = re.compile(r"[-+]?(?:inf|infinity|∞)", re.IGNORECASE)


def canonical(category: str, text: str) -> list[str]:
    """The values that a text of one category (dtype, structure, shape, ndim, range, enum) names, in canonical form."""
    return list(dict.fromkeys(_CANONICAL[category](text.strip())))


def _dtype(text: str) -> list[str]:
    text = text.strip("<>.,`'\" ")
    if text in ("numpy.dtype", "dtype"):
        return ["dtype"]
    if text == "scalar":
        return ["numeric"]
    return [dtype_word(text) or text.lower()]


def _structure(text: str) -> list[str]:
    text = text.strip("<>.,`'\"() ").removesuffix("[]")
    return [structure_word(text) or text.lower()] if text else []


def _shape(text: str) -> list[str]:
    inner = text
    while inner and inner[0] in "[(" and inner[-1:] in ("]", ")") and _closes(inner):
        inner = inner[1:-1]
    parts = [part.strip().strip("'\"`") for part in inner.split(",")]
    return ["[" + ",".join(re.sub(r"\s+", "", part).lower() for part in parts if part) + "]"]


def _closes(text: str) -> bool:
    """Whether the first bracket is closed by the last character."""
    depth = 0
    for index, char in enumerate(text):
        depth += char in "[("
        depth -= char in "])"
        if depth == 0:
            return index == len(text) - 1
    return False


def _ndim(text: str) -> list[str]:
    text = re.sub(r"[\s-]*(?:d|dim\w*|rank)$", "", text.strip("().,` "), flags=re.IGNORECASE)
    text = text.lower()
    relation = re.fullmatch(r"[a-z_]*\s*(>=|<=|>|<|==)\s*(\d+)", text)
    if relation:
        return [relation[1] + relation[2]]
    return [str(NUMBER_WORDS.get(text, text))] if text else []


def _range(text: str) -> list[str]:
    text = re.sub(r"\s+", "", text).replace("≥", ">=").replace("≤", "<=")
    relation = re.fullmatch(r"[A-Za-z_]*(>=|<=|>|<|!=|==)(.+)", text)
    if relation:
        sign, bound = relation[1], number(relation[2])
        return [
            {">=": f"[{bound},inf)", ">": f"({bound},inf)", "<=": f"(-inf,{bound}]", "<": f"(-inf,{bound})"}.get(
                sign, f"{sign}{bound}"
            )
        ]
    interval = re.fullmatch(r"([\[(])([^,]+),([^,]+)([\])])", text)
    if interval:
        low, high = number(interval[2]), number(interval[3])
        left = "(" if low == "-inf" else interval[1]
        right = ")" if high == "inf" else interval[4]
        return [f"{left}{low},{high}{right}"]
    return [text]


def number(text: str) -> str:
    """A number in one spelling: ``1.0`` as ``1``, any infinity as ``inf``; what is no number as it is."""
    if _UNBOUNDED.fullmatch(text):
        return "-inf" if text.startswith("-") else "inf"
    if text.lower() in NUMBER_WORDS:
        return str(NUMBER_WORDS[text.lower()])
    try:
        value = float(text)
    except ValueError:
        return text
    return str(int(value)) if value == int(value) else repr(value)


def _enum(text: str) -> list[str]:
    quoted = re.findall(r"['\"`‘“]([^'\"`’”]*)['\"`’”]", text)
    items = quoted if quoted else re.split(r"[,/]|\bor\b|\band\b", text.strip("{}()[] "))
    return [number(item.strip("'\"` ")) for item in items if item.strip("'\"` ") not in ("", "None")]


_CANONICAL = {
    "dtype": _dtype, "structure": _structure, "shape": _shape, "ndim": _ndim, "range": _range, "enum": _enum,
}  # fmt: skip
