"""Everything the compiler raises on purpose."""

from __future__ import annotations


class CompilerError(Exception):
    """Base of all errors below."""


class Unsupported(CompilerError):
    """The compiler honestly does not take a program. ``operator`` names the operator at fault, where there is one."""

    def __init__(self, reason: str, operator: str | None = None):
        super().__init__(f"{operator}: {reason}" if operator else reason)
        self.reason = reason
        self.operator = operator


class ParseError(CompilerError):
    """Text that is not in an IR's syntax. ``line`` and ``column`` count from 1."""

    def __init__(self, message: str, line: int, column: int):
        super().__init__(f"line {line}, column {column}: {message}")
        self.message = message
        self.line = line
        self.column = column


class VerificationError(CompilerError):
    """IR that breaks a rule of its language. ``place`` says where: a path of statements or the name of a value."""

    def __init__(self, message: str, place: str):
        super().__init__(f"{place}: {message}")
        self.message = message
        self.place = place


class PipelineError(CompilerError):
    """A pipeline that cannot be run: an unknown pass or parameter, a value out of range, a pass at the wrong level."""


class PassError(CompilerError):
    """A pass that failed, or whose result does not verify: always a defect of the compiler. ``name`` is the pass."""

    def __init__(self, name: str, message: str):
        super().__init__(f"pass {name}: {message}")
        self.name = name


class UndefinedBehaviour(CompilerError):
    """The interpreter met something that the loop IR leaves undefined: see ``kind`` and ``place``."""

    #: All that is undefined in the loop IR.
    KINDS = ("out of bounds", "uninitialised read", "division by zero", "data race", "write to an input")

    def __init__(self, kind: str, message: str, place: str):
        super().__init__(f"{place}: {kind}: {message}")
        assert kind in self.KINDS
        self.kind = kind
        self.place = place


class AssertionFailed(CompilerError):
    """A compiled or interpreted function met an ``assert`` that does not hold: an index out of range, for instance."""


class OutOfBounds(CompilerError):
    """Code compiled in bounds-checked mode met an index outside of its buffer."""
