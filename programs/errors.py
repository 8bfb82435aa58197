"""Every exception that misfold raises for a reason a user can act on."""

from __future__ import annotations


def one_line(text: str, limit: int = 400) -> str:
    """A text as one printable line: what a hostile file holds must not reach a terminal as control characters."""
    text = "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text[: limit + 1]
    )
    return text if len(text) <= limit else text[:limit] + "…"


class MisfoldError(Exception):
    """Base of all errors shown to a user as one line, without a traceback."""


class TextError(MisfoldError):
    """A case, graph, type or recipe text is not what the format allows."""

    def __init__(self, what: str, *, line: int | None = None, allowed: str | None = None, source: str | None = None):
        self.what, self.line, self.allowed, self.source = one_line(what), line, allowed, source
        super().__init__(str(self))

    def __str__(self) -> str:
        source = None if self.source is None else one_line(self.source)
        place = ":".join(part for part in (source, str(self.line) if self.line else None) if part)
        if place and not self.source:
            place = f"line {place}"
        text = f"{place}: {self.what}" if place else self.what
        return f"{text} (allowed: {self.allowed})" if self.allowed else text


class GraphError(MisfoldError):
    """A Graph breaks a rule of the language: an undefined or redefined value, an unknown operator, a bad argument.

    ``place`` says where: ``("input", index)``, ``("node", index)``, ``("return", index)``, or None.
    """

    def __init__(self, what: str, place: tuple[str, int] | None = None):
        self.place = place
        super().__init__(one_line(what))


class BoundError(MisfoldError):
    """A case asks for more elements, weights, multiply-adds or memory than the limits allow."""


class TargetError(MisfoldError):
    """A target is unknown, not installed, or does not have the pipeline that was asked for."""


class StoreError(MisfoldError):
    """The campaign's folder or database cannot be opened, read or written."""


class UsageError(MisfoldError):
    """A command was given options that do not make sense together."""
