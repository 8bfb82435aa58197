"""The normal form of what documentation says about a parameter: sentences of stemmed words and typed placeholders.

``"If reduce is 'sum', a 2-D float tensor of shape (N, C)"`` becomes ``if PARAM is ENUM a NDIM DTYPE STRUCT of shape
SHAPE``; every placeholder keeps the values that the text had in its place. Quotations, mathematics and markup of
reStructuredText and Markdown are read, not kept.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from .spelling import NUMBER, plain, split
from .vocabulary import NDIM, NUMBER_WORDS, dtype_word, stem, structure_word

#: What a placeholder may stand for.
PLACEHOLDERS = (
    "DTYPE", "STRUCT", "SHAPE", "ENUM", "PARAM", "NUM", "FLOAT", "BOOL", "NONE", "REL", "INTERVAL", "NDIM",
    "CODE", "PROSE",
)  # fmt: skip

# The fields of a parameter: what it says about itself, its documented type, and its default.
TEXT, TYPE, DEFAULT = "text", "type", "default"

# Words that begin an interval though its brackets are round.
_ROUND = frozenset({"interval", "range", "within", "lie", "between"})
# What makes a count of dimensions one of other things: "the last two dimensions", "more than 2 dimensions".
_COUNTED = frozenset(
    {"last", "first", "leading", "trailing", "innermost", "outer", "inner", "these", "those", "both", "other", "than",
     "remaining", "following"}
)  # fmt: skip
# What an operator is, when a number of dimensions stands in front of it.
_OPERATIONS = frozenset({"convolution", "pooling", "window", "case", "transform", "transposed", "average", "adaptive"})
_BOUND = rf"(?:{NUMBER}|[-+]?(?:inf|infinity|∞)|[-+]?\w+)"
_INTERVAL = re.compile(rf"^[\[(]\s*({_BOUND})\s*,\s*({_BOUND})\s*[\])]$")
_RELATION = re.compile(rf"(?:\b([A-Za-z_]\w*)\s*)?(>=|<=|≥|≤|!=|==|>|<)\s*(zero|one|{NUMBER}|[A-Za-z_]\w*)")
_SHAPE_ITEM = re.compile(r"^(?:[*\w.+/ ^'-]+|\.\.\.|\*)$")
_TOKEN = re.compile(
    r"(?P<code>``[^`]+``|`[^`]+`)"
    r"|(?P<quote>\"[^\"\n]{0,60}\"|“[^”]{0,60}”|‘[^’]{1,60}[’'](?!\w)|(?<![\w])'[^'\n]{0,60}[’'](?!\w))"
    r"|(?P<braces>\{[^{}]*\})"
    rf"|(?P<relation>(?:\b[A-Za-z_]\w*\s*)?(?:>=|<=|≥|≤|!=|==|>|<)\s*(?:{NUMBER}|[A-Za-z_]\w*))"
    r"|(?P<bracket>[\[(](?:[^()\[\]]|\[[^\[\]]*\]|\([^()]*\))*[\])])"
    r"|(?P<ndim>\b(?:\d+|[Oo]ne|[Tt]wo|[Tt]hree|[Ff]our|[Ff]ive|[nNkK])(?:[dD]\b|[\s-][dD]\b|[\s-]dim(?:s|ensions?|ensional)?\b)|\brank[\s-]\d+\b)"
    r"|(?P<size>\d+\s?x\s?\d+\b)"
    rf"|(?P<number>{NUMBER}(?![\w.]*[A-Za-z]))"
    r"|(?P<word>[A-Za-z_][\w]*(?:[.][A-Za-z_]\w*)*(?:-[A-Za-z]+)*)"
    r"|(?P<other>[^\s\w])"
)
_TRUTHS = {"true": "True", "false": "False"}
_PUNCTUATION = {",": None, ";": None, ".": None, ":": ":", "=": "=", "/": "or", "|": "or", "&": "and"}


@dataclass(frozen=True)
class Token:
    """A stemmed word, or a placeholder with the values it stands for."""

    text: str
    values: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Sentence:
    """One sentence in normal form; ``field`` is where it stood and ``raw`` what it was."""

    field: str
    tokens: tuple[Token, ...]
    raw: str

    def __str__(self) -> str:
        return " ".join(token.text for token in self.tokens)

    def values(self, placeholder: str) -> tuple[str, ...]:
        """All values of one kind of placeholder, left to right, without repetitions."""
        return tuple(dict.fromkeys(v for token in self.tokens if token.text == placeholder for v in token.values))


def sentences(text: str, field: str = TEXT, own: str = "", others: Collection[str] = ()) -> list[Sentence]:
    """The normal form of a text; ``own`` is the parameter's name, ``others`` are those of its siblings."""
    text = plain(text)
    parts = split(text) if field == TEXT else [text]
    found = []
    for part in parts:
        tokens = tokens_of(part, own, frozenset(others))
        if tokens:
            found.append(Sentence(field, tuple(tokens), part))
    return found


# What a description's first words may be made of, if they are the parameter's type.
_TYPE_WORDS = frozenset(
    {"DTYPE", "STRUCT", "NUM", "NDIM", "or", "of", "a", "an", "optional", "python", "single", "(", ")"}
)


def leading_type(text: str) -> tuple[str, str]:
    """A description's first words, if they say the type and nothing else ("int or tuple of 2 ints, the factors"), and
    what follows them; an empty text if they do not."""
    match = re.match(r"[^,.:;]{2,60}?(?=[,.:](?:\s|$))", text)
    if match is None:
        return "", text
    words = {token.text for token in tokens_of(plain(match[0]))}
    if not words <= _TYPE_WORDS or not words & {"DTYPE", "STRUCT"}:
        return "", text
    return match[0], text[match.end() :].lstrip(",.: ")


def tokens_of(text: str, own: str = "", others: frozenset[str] = frozenset()) -> list[Token]:
    """The normal form of one sentence."""
    found: list[Token] = []
    for match in _TOKEN.finditer(text):
        kind, piece = match.lastgroup or "", match[0]
        if kind == "bracket" and _is_interval(piece, found):
            found.append(Token("INTERVAL", (re.sub(r"\s+", "", piece),)))
            continue
        found += _READERS[kind](piece, own, others)
    return _joined(found)


def _is_interval(piece: str, before: list[Token]) -> bool:
    """Whether two numbers in round brackets are an interval: the words in front of them say so."""
    match = _INTERVAL.match(piece)
    if match is None or not all(re.fullmatch(NUMBER, end) for end in match.groups()):
        return False
    return float(match[1]) < float(match[2]) and any(token.text in _ROUND for token in before[-3:])


def _joined(tokens: list[Token]) -> list[Token]:
    """Neighbouring enumerated values, also with "and", "or" or commas between, as one placeholder with all of them."""
    result: list[Token] = []
    for index, token in enumerate(tokens):
        # The number of things is a count, and no element type.
        if token.values == ("numeric",) and index + 1 < len(tokens) and tokens[index + 1].text == "of":
            token = Token("number")
        if token.text == "NDIM" and result and result[-1].text in _COUNTED:
            token = Token("dimension")
        # "2D convolution" is said of an operator, "0 <= x < y" of other things than the parameter.
        if token.text == "NDIM" and index + 1 < len(tokens) and tokens[index + 1].text in _OPERATIONS:
            token = Token("dimension")
        if token.text == "REL" and result and result[-1].text in ("NUM", "FLOAT", "condition", "length"):
            token = Token("condition")
        # "dtype" in front of an element type is the word for it, and no element type of its own.
        if token.values == ("dtype",) and _names_type(tokens[index + 1 : index + 5]):
            token = Token("type")
        if token.text == "DTYPE" and result and result[-1].text == "DTYPE":
            result[-1] = Token("DTYPE", (*result[-1].values, *token.values))
            continue
        if token.text == "ENUM" and result:
            if result[-1].text == "ENUM":
                result[-1] = Token("ENUM", (*result[-1].values, *token.values))
                continue
            if len(result) > 1 and result[-1].text in ("or", "and") and result[-2].text == "ENUM":
                result.pop()
                result[-1] = Token("ENUM", (*result[-1].values, *token.values))
                continue
        result.append(token)
    return result


#: What may stand between "dtype" and the element type that it is said to be.
_IS = frozenset(
    {"be", "is", "are", "should", "must", "can", "may", "of", "one", ":", "=", "support", "supported", "as"}
)


def _names_type(after: list[Token]) -> bool:
    for token in after:
        if token.text == "DTYPE":
            return token.values != ("dtype",)
        if token.text not in _IS:
            return False
    return False


def _code(piece: str, own: str, others: frozenset[str]) -> list[Token]:
    content = piece.strip("`").strip()
    if content == own:
        return [Token("SELF")]
    if content in others:
        return [Token("PARAM", (content,))]
    inner = tokens_of(content, own, others)
    if len(inner) == 1 and inner[0].text in PLACEHOLDERS:
        return inner
    if len(inner) > 1 and any(token.text in ("REL", "SHAPE", "INTERVAL", "DTYPE", "STRUCT") for token in inner):
        return inner
    if re.fullmatch(r"\w+\s*=\s*\S+", content):
        return inner
    return [Token("CODE", (content,))]


def _quote(piece: str, own: str, others: frozenset[str]) -> list[Token]:
    content = piece[1:-1].strip()
    if content in others:
        return [Token("PARAM", (content,))]
    if len(content.split()) > 3:
        return tokens_of(content, own, others)
    return [Token("ENUM", (content,))]


def _braces(piece: str, own: str, others: frozenset[str]) -> list[Token]:
    items = [item.strip() for item in re.split(r",|\bor\b|\|", piece[1:-1]) if item.strip()]
    values = [item.strip("'\"`‘’") for item in items]
    if values and all(re.fullmatch(NUMBER, value) for value in values):
        return [Token("NUMS", tuple(values))]
    none = [Token("NONE")] if "None" in items else []
    # "{non-zero int, inf, 'fro'}" has a class of values among single ones.
    classes = [item for item in items if item[:1] not in "'\"`‘" and dtype_word(item.split()[-1]) and " " in item]
    none += [Token("DTYPE", (str(dtype_word(item.split()[-1])),)) for item in classes]
    items = [item for item in items if item not in classes]
    values = [item.strip("'\"`‘’") for item in items]
    named = tuple(value for item, value in zip(items, values) if value and item != "None")
    return none + ([Token("ENUM", named)] if named else [])


# What a comparison may name and still speak of the parameter itself.
_SUBJECTS = frozenset({"ndim", "rank", "dims", "dim", "dimensions", "val", "x", "size", "length", "len", "number"})


def _relation(piece: str, own: str, others: frozenset[str]) -> list[Token]:
    match = _RELATION.fullmatch(piece.strip())
    if match is None:
        return []
    subject, sign, bound = match[1] or "", match[2].replace("≥", ">=").replace("≤", "<="), match[3]
    before = []
    if subject and (
        subject.lower() in ("is", "be", "are", "and", "or", "with", "of", "if", "values", "value", "dimension")
    ):
        before, subject = [Token(stem(subject))], ""
    if subject and subject != own and subject.lower() not in _SUBJECTS:
        # Said of something else: "``K >= 1`` in the case of ``K`` dimensions", "``x1 < x2``".
        return [Token("condition")]
    return [*before, Token("REL", (f"{'' if subject in ('', own) else subject}{sign}{bound}",))]


def _bracket(piece: str, own: str, others: frozenset[str]) -> list[Token]:
    interval = _INTERVAL.match(piece)
    inner = piece[1:-1].strip()
    items = [item.strip() for item in inner.split(",")]
    if interval:
        low, high = interval[1], interval[2]
        ends = [bool(re.fullmatch(NUMBER, end) or re.search(r"inf|∞", end)) for end in (low, high)]
        mixed = (piece[0] == "[" and piece[-1] == ")") or (piece[0] == "(" and piece[-1] == "]")
        same = low == high
        if (
            mixed
            or (piece[0] == "[" and all(ends) and not same)
            or (any(re.search(r"inf|∞", end) for end in (low, high)))
        ):
            return [Token("INTERVAL", (re.sub(r"\s+", "", piece),))]
        if piece[0] == "[" and low.lstrip("-+") == high.lstrip("-+"):
            return [Token("INTERVAL", (re.sub(r"\s+", "", piece),))]
    if not inner:
        return []
    # Names and numbers with commas between are a shape or a tuple; words are an aside.
    short = all(_SHAPE_ITEM.match(item) and len(item.split()) <= 2 for item in items if item)
    if len(items) > 1 and short and not any(dtype_word(i) or structure_word(i) or i.lower() in _ASIDES for i in items):
        return [Token("SHAPE", (re.sub(r"\s+", " ", piece),))]
    if len(items) == 1 and re.fullmatch(r"\*|[A-Z]\w?|[A-Z]_\w+", items[0]):
        return [Token("SHAPE", (piece,))]
    return [Token("("), *tokens_of(inner, own, others), Token(")")]


_ASIDES = {"optional", "required", "default", "keyword", "deprecated", "inclusive", "exclusive"}


def _ndim(piece: str, own: str, others: frozenset[str]) -> list[Token]:
    match = NDIM.search(piece)
    value = next((group for group in match.groups() if group), "") if match else ""
    return [Token("NDIM", (str(NUMBER_WORDS.get(value.lower(), value)),))]


def _number(piece: str, own: str, others: frozenset[str]) -> list[Token]:
    return [Token("FLOAT" if re.search(r"[.eE]", piece) else "NUM", (piece,))]


def _size(piece: str, own: str, others: frozenset[str]) -> list[Token]:
    return [Token("NxN")]


def _word(piece: str, own: str, others: frozenset[str]) -> list[Token]:
    if piece in others and (len(piece) > 2 and ("_" in piece or any(char.isdigit() for char in piece))):
        return [Token("PARAM", (piece,))]
    if piece == own and ("_" in piece or any(char.isdigit() for char in piece)):
        return [Token("SELF")]
    lower = piece.lower()
    if lower in _TRUTHS:
        return [Token("BOOL", (_TRUTHS[lower],))]
    if lower in ("none", "null", "_null", "nil", "nullopt"):
        return [Token("NONE")]
    if lower in NUMBER_WORDS and lower != "one":
        return [Token("NUM", (str(NUMBER_WORDS[lower]),))]
    if (name := dtype_word(piece)) is not None:
        # "LongTensor" names both.
        tensor = [Token("STRUCT", ("tensor",))] if lower.rpartition(".")[2].endswith("tensor") else []
        return [Token("DTYPE", (name,)), *tensor]
    if (name := structure_word(piece)) is not None:
        return [Token("STRUCT", (name,))]
    if "-" in piece:
        return [token for part in piece.split("-") for token in _word(part, own, others)]
    if "." in piece and len(piece) > 1:
        return [Token(stem(piece.rsplit(".", 1)[-1]))]
    return [Token(stem(piece))]


def _other(piece: str, own: str, others: frozenset[str]) -> list[Token]:
    word = _PUNCTUATION.get(piece)
    return [Token(word)] if word else []


_READERS = {
    "code": _code, "quote": _quote, "braces": _braces, "relation": _relation, "bracket": _bracket, "ndim": _ndim,
    "number": _number, "size": _size, "word": _word, "other": _other,
}  # fmt: skip
