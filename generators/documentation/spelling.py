"""Spellings: a text's markup read (roles, formulas), comparisons in words as signs, and its sentences."""

from __future__ import annotations

import re

from .vocabulary import dtype_word

_ABBREVIATIONS = re.compile(
    r"\b(e\.\s?g|i\.\s?e|etc|vs|cf|resp|w\.r\.t|approx|Eq|eq|Fig|al|no|dim|max|min)\.", re.IGNORECASE
)
_ROLE = re.compile(r":(?:[a-z]+:)?([a-z]+):`([^`]*)`", re.DOTALL)
_TITLE = re.compile(r"^(.*?)\s*<[^>]*>$", re.DOTALL)
_LATEX = (
    (re.compile(r"\\(?:text|mathrm|mathit|mathbf|mathbb|operatorname|texttt)\s*\{([^{}]*)\}"), r"\1"),
    (re.compile(r"\\(?:ldots|dots|cdots)"), "..."),
    (re.compile(r"\\(?:geq|ge)(?![a-z])"), ">="),
    (re.compile(r"\\(?:leq|le)(?![a-z])"), "<="),
    (re.compile(r"\\(?:neq|ne)(?![a-z])"), "!="),
    (re.compile(r"\\(?:times|cdot)(?![a-z])"), "x"),
    (re.compile(r"\\(?:infty|inf)(?![a-z])"), "inf"),
    (re.compile(r"\\(?:left|right|big|Big|quad|,|;|!)"), ""),
    (re.compile(r"\\ast(?![a-z])"), "*"),
    (re.compile(r"\\_"), "_"),
    (re.compile(r"\\([a-zA-Z]+)"), r"\1"),
    (re.compile(r"[{}$\\]"), ""),
)  # fmt: skip
NUMBER = r"[-+]?(?:\d+\.(?:\d+|(?!\s|$))(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|\d+[eE][-+]?\d+|\d+)"
# Comparisons in words, as the signs they stand for.
_N = rf"`*({NUMBER}|zero|one)`*"
_COMPARISONS = tuple(
    (re.compile(rf"\b{words}", re.IGNORECASE), signs)
    for words, signs in (
        (rf"(?:greater|larger|bigger|more|higher) than or equals? to {_N}", r">= \1"),
        (rf"(?:less|smaller|lower|fewer) than or equals? to {_N}", r"<= \1"),
        (rf"(?:at least|no (?:less|smaller|fewer) than|not (?:less|smaller) than|a minimum of) {_N}", r">= \1"),
        (rf"(?:at most|no (?:more|greater|larger) than|not (?:more|greater|larger) than|a maximum of) {_N}", r"<= \1"),
        (rf"(?:greater|larger|bigger|higher) than {_N}", r"> \1"),
        (rf"(?:less|smaller|lower) than {_N}", r"< \1"),
        (rf"between {_N} and {_N}(?! *,? *(?:if|when))", r"between [\1, \2]"),
        (rf"in (?:the )?(?:range|interval) (?:from )?{_N} to {_N}", r"in the range [\1, \2]"),
    )
)
# Two comparisons that are one interval: ``0 < p <= 1``, ``> 0 and < 1``, ``< 1 and >= 0``.
_S = r"(<=|>=|≤|≥|<|>)"
_CHAINED = re.compile(rf"(?<![\w.])({NUMBER})\s*([<≤]=?)\s*`*([A-Za-z_]\w*)`*\s*([<≤]=?)\s*({NUMBER})(?![\w(])")
_BOTH = re.compile(rf"{_S}\s*({NUMBER})\s*(?:and|but|,)\s*(?:it |must be |is |be )?{_S}\s*({NUMBER})(?![\w(])")


def plain(text: str) -> str:
    """A text with its markup read: roles and LaTeX as what they show, line breaks as spaces."""
    text = _ROLE.sub(_role, text)
    text = re.sub(r"<(\w+)>", lambda match: match[1] if dtype_word(match[1]) else match[0], text)
    text = re.sub(r"\$([^$]{1,80})\$", lambda match: latex(match[1]), text)
    text = re.sub(r"\bhalf(?= (?:of|the|as|a)\b)", "part", text)
    # "'left' (default) or 'right'" lists two; a number in code is a number.
    text = re.sub(r"\s*\((?:the |by )?default\)", "", text, flags=re.IGNORECASE)
    text = re.sub(rf"(<=|>=|≤|≥|<|>)\s*`+({NUMBER})`+", r"\1 \2", text)
    text = re.sub(r"\b(non)(negative|positive|zero|empty)", r"\1-\2", text, flags=re.IGNORECASE)
    for pattern, replacement in _COMPARISONS:
        text = pattern.sub(replacement, text)
    text = _CHAINED.sub(_chained, text)
    text = _BOTH.sub(_both, text)
    return re.sub(r"\s+", " ", text.replace("“", '"').replace("”", '"')).strip()


def _chained(match: re.Match[str]) -> str:
    low, first, name, second, high = match.groups()
    left = "[" if first in ("<=", "≤") else "("
    return f"{name} in the interval {left}{low}, {high}{']' if second in ('<=', '≤') else ')'}"


def _both(match: re.Match[str]) -> str:
    first, one, second, other = match.groups()
    if (first[0] in "<≤") == (second[0] in "<≤"):
        return match[0]
    (low_sign, low), (high_sign, high) = sorted(((first, one), (second, other)), key=lambda pair: pair[0][0] in "<≤")
    left, right = "[" if low_sign in (">=", "≥") else "(", "]" if high_sign in ("<=", "≤") else ")"
    return f"in the interval {left}{low}, {high}{right}"


def _role(match: re.Match[str]) -> str:
    role, content = match[1], match[2]
    title = _TITLE.match(content)
    content = title[1] if title else content
    if role == "math":
        return latex(content)
    content = content.lstrip("~!")
    if role in ("class", "py", "func", "meth", "mod", "ref", "doc", "obj", "data"):
        return content.rsplit(".", 1)[-1] if role in ("class", "func", "meth", "obj") else content
    return f"`{content}`"


def latex(text: str) -> str:
    """What a formula says, in plain characters."""
    for pattern, replacement in _LATEX:
        text = pattern.sub(replacement, text)
    return text


def split(text: str) -> list[str]:
    """Sentences of a text, with abbreviations, numbers and dotted names left whole."""
    text = _ABBREVIATIONS.sub(lambda match: match[1] + "․", text)  # a dot that ends no sentence
    parts = re.split(r"(?<=[.!?])\s+(?=[^a-z\s]|[a-z])|(?<=[a-z)\]'\"`])\.(?=[A-Z][a-z])|;\s+|\.\s*(?=Default)", text)
    return [part.replace("․", ".").strip() for part in parts if part and re.search(r"\w", part)]
