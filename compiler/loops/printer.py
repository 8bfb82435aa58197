"""The loop IR as text. ``parser.parse_function`` reads exactly the same function back."""

from __future__ import annotations

from collections.abc import Iterable

from misfold.compiler.text import print_literal, print_type, quote

from .ir import (
    Allocate,
    Assert,
    Binary,
    Buffer,
    Cast,
    Const,
    Expr,
    For,
    Function,
    If,
    Let,
    Load,
    Parameter,
    Reduce,
    Select,
    Statement,
    Store,
    Unary,
    Var,
)
from .operators import BINARY
from .syntax import COMPARISON, LOOPS, PRECEDENCE

_INDENT = "  "
_WIDTH = 100


def print_function(function: Function) -> str:
    """The text of a function, which ends in a newline."""
    parameters = [_parameter(parameter) for parameter in function.parameters]
    head = f"function {function.name}({', '.join(parameters)}) {{"
    if len(head) > _WIDTH:
        lines = "".join([f"{_INDENT}{parameter},\n" for parameter in parameters]).removesuffix(",\n")
        head = f"function {function.name}(\n{lines}\n) {{"
    return f"{head}\n{print_block(function.body, 1)}}}\n"


def print_block(block: Iterable[Statement], depth: int = 0) -> str:
    """The text of statements, each on lines of its own."""
    lines: list[str] = []
    _block(block, _INDENT * depth, lines)
    return "".join([f"{line}\n" for line in lines])


def print_expression(expression: Expr, level: int = 0) -> str:
    """The text of an expression, in parentheses if it binds less tightly than ``level`` (of ``PRECEDENCE``)."""
    match expression:
        case Const(value, dtype):
            return print_literal(value, dtype)
        case Var(name, _):
            return name
        case Load(buffer, indices):
            return _element(buffer, indices)
        case Binary(op, left, right):
            operator = BINARY[op]
            if operator.infix is None:
                return _call(op, left, right)
            own = PRECEDENCE[op]
            first = print_expression(left, own + 1 if own == COMPARISON else own)
            text = f"{first} {operator.infix} {print_expression(right, own + 1)}"
            return f"({text})" if own < level else text
        case Unary(op, operand):
            return _call(op, operand)
        case Cast(dtype, operand):
            return _call(dtype.name, operand)
        case Select(condition, then, other):
            return _call("select", condition, then, other)
    raise TypeError(f"not an expression: {expression!r}")


def _call(name: str, *operands: Expr) -> str:
    return f"{name}({', '.join([print_expression(operand) for operand in operands])})"


def _element(buffer: Buffer, indices: tuple[Expr, ...]) -> str:
    return f"{buffer.name}[{', '.join([print_expression(index) for index in indices])}]"


def _buffer_type(buffer: Buffer) -> str:
    return print_type(buffer.dtype, buffer.shape, buffer.strides)


def _parameter(parameter: Parameter) -> str:
    return f"{parameter.buffer.name}: {parameter.role} {_buffer_type(parameter.buffer)}"


def _block(block: Iterable[Statement], indent: str, lines: list[str]) -> None:
    for statement in block:
        match statement:
            case Let(var, value):
                lines.append(f"{indent}let {var.name}: {var.dtype} = {print_expression(value)}")
            case Allocate(buffer):
                lines.append(f"{indent}alloc {buffer.name}: {_buffer_type(buffer)}")
            case Store(buffer, indices, value):
                lines.append(f"{indent}{_element(buffer, indices)} = {print_expression(value)}")
            case Reduce(op, buffer, indices, value):
                lines.append(f"{indent}{_element(buffer, indices)} {op}= {print_expression(value)}")
            case For(var, start, stop, body, kind, step):
                step_text = "" if step == 1 else f" step {step}"
                bounds = f"{print_expression(start)}..{print_expression(stop)}{step_text}"
                lines.append(f"{indent}{LOOPS[kind]} {var.name} in {bounds} {{")
                _block(body, indent + _INDENT, lines)
                lines.append(f"{indent}}}")
            case If():
                _if(statement, f"{indent}if", indent, lines)
            case Assert(condition, message):
                lines.append(f"{indent}assert {print_expression(condition)}, {quote(message)}")
            case _:
                raise TypeError(f"not a statement: {statement!r}")


def _if(statement: If, word: str, indent: str, lines: list[str]) -> None:
    lines.append(f"{word} {print_expression(statement.condition)} {{")
    _block(statement.then, indent + _INDENT, lines)
    match statement.other:
        case ():
            lines.append(f"{indent}}}")
        case (If() as following,):
            _if(following, f"{indent}}} else if", indent, lines)
        case _:
            lines.append(f"{indent}}} else {{")
            _block(statement.other, indent + _INDENT, lines)
            lines.append(f"{indent}}}")
