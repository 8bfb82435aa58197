"""What the text forms of both IRs share: tokens, types, literals and strings, read and written."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import TypeVar

from .dtypes import BOOL, BY_NAME, I64, DType
from .errors import ParseError
from .rounding import round_float

#: How deep statements and expressions may nest, taken together: passes recurse, and Python's stack has an end.
MAX_NESTING = 160

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TOKEN = re.compile(
    r"""[ \t\r\n]*+(?:\#[^\n]*+[ \t\r\n]*+)*+(?:
        (?P<name>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<number>[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)
      | (?P<string>"(?:[^"\\\n]|\\.)*")
      | (?P<symbol>\.\.|<<|>>|<=|>=|==|!=|//|->|[][(){}<>,:;=+*/%&|^.@-])
      | (?P<end>\Z)
    )""",
    re.VERBOSE,
)
# More than any number that is printed has.
_LONGEST_NUMBER = 64

Item = TypeVar("Item")
Number = int | float | bool


class Lexer:
    """Reads a text token by token. ``token`` is the one that stands next, ``kind`` what it is: ``name``, ``number``,
    ``string`` (with its quotes), ``symbol`` or ``end``.

    White space and comments (``# …``) only separate tokens. All methods raise ParseError.
    """

    def __init__(self, text: str):
        self.text = text
        self._end = 0
        self.advance()

    def advance(self) -> str:
        """Go on to the next token; the token that was left behind."""
        left = self.token if self._end else ""
        match = _TOKEN.match(self.text, self._end)
        if match is None or match.lastgroup is None:
            raise self._no_token()
        self.kind: str = match.lastgroup
        self.token: str = match[self.kind]
        self.offset: int = match.start(self.kind)
        if self.kind == "number" and len(self.token) > _LONGEST_NUMBER:
            raise self.error(f"a number of at most {_LONGEST_NUMBER} characters")
        # An empty token at the start is the end: advance() stays there.
        self._end = match.end() or len(self.text)
        return left

    def at(self, token: str) -> bool:
        """Whether this is what stands next; a string never is."""
        return self.token == token

    def accept(self, token: str) -> bool:
        """Go on if this is what stands next."""
        if self.token != token:
            return False
        self.advance()
        return True

    def expect(self, token: str) -> None:
        """Go on over this token; it must stand next."""
        if self.token != token:
            raise self.error(repr(token))
        self.advance()

    def name(self, what: str = "a name") -> str:
        """Go on over a name."""
        if self.kind != "name":
            raise self.error(what)
        return self.advance()

    def integer(self, what: str = "an integer") -> int:
        """Go on over an integer, which may have a minus sign."""
        negative = self.accept("-")
        if self.kind != "number" or not self.token.isdigit():
            raise self.error(what)
        value = int(self.advance())
        return -value if negative else value

    def string(self, what: str = "a string") -> str:
        """Go on over a quoted string; what it stands for."""
        if self.kind != "string":
            raise self.error(what)
        value = _ESCAPE.sub(self._unescape, self.token[1:-1])
        self.advance()
        return value

    def list_of(self, item: Callable[[], Item], opening: str, closing: str) -> tuple[Item, ...]:
        """Items with commas between two brackets; there may be none."""
        self.expect(opening)
        items: list[Item] = []
        if not self.at(closing):
            items.append(item())
            while self.accept(","):
                items.append(item())
        if not self.at(closing):
            raise self.error(f"',' or {closing!r}")
        self.advance()
        return tuple(items)

    def error(self, expected: str) -> ParseError:
        """The error that something else was expected here."""
        found = "the end" if self.kind == "end" else _shortened(self.token)
        return self.wrong(f"expected {expected}, found {found}")

    def wrong(self, message: str, offset: int | None = None) -> ParseError:
        """An error at an offset; None: where the lexer stands."""
        offset = self.offset if offset is None else offset
        line = self.text.count("\n", 0, offset) + 1
        return ParseError(message, line, offset - self.text.rfind("\n", 0, offset))

    def _no_token(self) -> ParseError:
        match = _SPACE.match(self.text, self._end)
        offset = match.end() if match else self._end
        return self.wrong(f"no token starts with {_shortened(self.text[offset : offset + 12])}", offset)

    def _unescape(self, match: re.Match[str]) -> str:
        if match[1]:
            code = int(match[1], 16)
            if code < 0x110000:
                return chr(code)
        elif match[0] in _UNESCAPED:
            return _UNESCAPED[match[0]]
        raise self.wrong(f"no such escape in a string: {match[0]}")


def _shortened(text: str) -> str:
    return ascii(text if len(text) <= 24 else text[:24] + "…")


# ------------------------------------------------------------------------------------------------------------ strings

_SPACE = re.compile(r"[ \t\r\n]*+(?:#[^\n]*+[ \t\r\n]*+)*+")
_ESCAPE = re.compile(r"\\(?:u\{([0-9a-fA-F]{1,6})\}|.)")
_ESCAPED = {"\n": "\\n", "\t": "\\t", '"': '\\"', "\\": "\\\\"}
_UNESCAPED = {written: character for character, written in _ESCAPED.items()}


def quote(text: str) -> str:
    """A string as it is written in IR: ``Lexer.string`` reads exactly it back."""
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return '"' + "".join([_ESCAPED.get(c) or (c if c.isprintable() else f"\\u{{{ord(c):x}}}") for c in text]) + '"'


# -------------------------------------------------------------------------------------------------------------- types


def read_dtype(lexer: Lexer) -> DType:
    """The name of an element type."""
    dtype = BY_NAME.get(lexer.token)
    if dtype is None:
        raise lexer.error("an element type")
    lexer.advance()
    return dtype


def read_type(lexer: Lexer) -> tuple[DType, tuple[int, ...], tuple[int, ...] | None]:
    """``f32[4, 16]`` or, with strides, ``f32[4, 16]{1, 4}``: element type, shape and strides."""
    dtype = read_dtype(lexer)
    shape = lexer.list_of(lexer.integer, "[", "]")
    strides = lexer.list_of(lexer.integer, "{", "}") if lexer.at("{") else None
    return dtype, shape, strides


def print_type(dtype: DType, shape: tuple[int, ...], strides: tuple[int, ...] | None = None) -> str:
    """What ``read_type`` reads."""
    text = f"{dtype.name}[{', '.join(map(str, shape))}]"
    return text if strides is None else f"{text}{{{', '.join(map(str, strides))}}}"


# ----------------------------------------------------------------------------------------------------------- literals


def print_literal(value: Number, dtype: DType) -> str:
    """A number with its type: ``3`` (an i64), ``3:i8``, ``0.1:f32``, ``-inf:f32``, ``true``. Floats are written with
    the fewest digits that ``read_literal`` reads back to the same value."""
    if dtype.is_bool:
        return "true" if value else "false"
    if dtype.is_float:
        return f"{_print_float(float(value), dtype)}:{dtype.name}"
    return str(int(value)) if dtype == I64 else f"{int(value)}:{dtype.name}"


def _print_float(value: float, dtype: DType) -> str:
    text = repr(value)
    if dtype.precision == 53 or len(text) <= 4 or not math.isfinite(value):
        return text
    for digits in range(1, 17):
        shorter = float(f"{value:.{digits}g}")
        if round_float(shorter, dtype) == value:
            return repr(shorter)
    return text


def read_literal(lexer: Lexer) -> tuple[Number, DType]:
    """What ``print_literal`` wrote, or an integer with a float type, as in ``3:f32``. A value that is out of its type's
    range is an error; a float with more digits than its type holds is rounded."""
    if lexer.token in ("true", "false"):
        return lexer.advance() == "true", BOOL
    start = lexer.offset
    sign = "-" if lexer.accept("-") else ""
    if lexer.kind != "number" and lexer.token not in ("inf", "nan"):
        raise lexer.error("a number")
    text = lexer.advance()
    if lexer.accept(":"):
        dtype = read_dtype(lexer)
    elif text.isdigit():
        dtype = I64
    else:
        raise lexer.error(f"':' and the type of {text}")
    if dtype.is_float:
        value = round_float(float(sign + text), dtype)
        if math.isinf(value) and text != "inf":
            raise lexer.wrong(f"{sign}{_shortened(text)} is out of the range of {dtype}", start)
        return value, dtype
    if not text.isdigit() or dtype.is_bool:
        raise lexer.wrong(f"{sign}{_shortened(text)} is no {dtype}", start)
    integer = int(sign + text)
    if not dtype.min <= integer <= dtype.max:
        raise lexer.wrong(f"{sign}{_shortened(text)} is out of the range of {dtype}", start)
    return integer, dtype
