"""The text of the loop IR read back: recursive descent, with precedence climbing for infix operators.

Precedence climbing: M. Richards and C. Whitby-Strevens, *BCPL: the language and its compiler*, 1979, chapter 6.
"""

from __future__ import annotations

from misfold.compiler.dtypes import BY_NAME, INDEX, DType
from misfold.compiler.text import MAX_NESTING, Lexer, read_dtype, read_literal, read_type

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
    Role,
    Select,
    Statement,
    Store,
    Unary,
    Var,
)
from .operators import BINARY, REDUCTIONS, UNARY
from .syntax import COMPARISON, INFIX, KEYWORDS, KINDS, PRECEDENCE

_ROLES: dict[str, Role] = {"in": "in", "out": "out", "inout": "inout"}
#: Operators written as calls, and how many operands each takes.
_CALLS = {
    **dict.fromkeys((*UNARY, *BY_NAME), 1),
    **{operator.name: 2 for operator in BINARY.values() if operator.infix is None},
    "select": 3,
}
_LEVELS = {symbol: PRECEDENCE[op] for symbol, op in INFIX.items()}
# An expression and how deep it nests.
_Sized = tuple[Expr, int]


def parse_function(text: str) -> Function:
    """The function that a text is of. What it says is not checked beyond names: that is what ``verify`` is for.

    Raises:
        ParseError: the text is not in the syntax, names something that is not there, binds a name twice, or nests
            deeper than ``text.MAX_NESTING``.
    """
    return _Parser(text).function()


class _Parser:
    def __init__(self, text: str):
        self.lexer = Lexer(text)
        self.buffers: dict[str, Buffer] = {}
        self.variables: dict[str, Var] = {}

    # ----------------------------------------------------------------------------------------------------- functions

    def function(self) -> Function:
        self.lexer.expect("function")
        name = self.name("the function's name")
        parameters = self.lexer.list_of(self.parameter, "(", ")")
        body = self.block(1)
        if self.lexer.kind != "end":
            raise self.lexer.error("the end")
        return Function(name, parameters, body)

    def parameter(self) -> Parameter:
        name = self.new_name("a parameter's name")
        self.lexer.expect(":")
        role = _ROLES.get(self.lexer.token)
        if role is None:
            raise self.lexer.error("'in', 'out' or 'inout'")
        self.lexer.advance()
        return Parameter(self.buffer(name), role)

    def buffer(self, name: str) -> Buffer:
        buffer = self.buffers[name] = Buffer(name, *read_type(self.lexer))
        return buffer

    def name(self, what: str) -> str:
        if self.lexer.token in KEYWORDS:
            raise self.lexer.error(what)
        return self.lexer.name(what)

    def new_name(self, what: str) -> str:
        offset = self.lexer.offset
        name = self.name(what)
        if name in self.variables or name in self.buffers:
            raise self.lexer.wrong(f"{name} is bound already", offset)
        return name

    # ---------------------------------------------------------------------------------------------------- statements

    def block(self, depth: int) -> tuple[Statement, ...]:
        self.check_depth(depth)
        self.lexer.expect("{")
        statements: list[Statement] = []
        while not self.lexer.accept("}"):
            statements.append(self.statement(depth))
        return tuple(statements)

    def statement(self, depth: int) -> Statement:
        lexer = self.lexer
        word = lexer.token
        if word in KINDS:
            return self.loop(depth)
        if word == "if":
            return self.branch(depth)
        if word not in KEYWORDS and lexer.kind == "name":
            return self.assignment(depth)
        if lexer.accept("let"):
            name = self.new_name("a variable's name")
            lexer.expect(":")
            dtype = read_dtype(lexer)
            lexer.expect("=")
            value = self.expression(depth)
            # Bound after its value is read: a variable does not occur in its own.
            return Let(self.bind(name, dtype), value)
        if lexer.accept("alloc"):
            name = self.new_name("a buffer's name")
            lexer.expect(":")
            return Allocate(self.buffer(name))
        if lexer.accept("assert"):
            condition = self.expression(depth)
            lexer.expect(",")
            return Assert(condition, lexer.string("a message in quotes"))
        raise lexer.error("a statement or '}'")

    def bind(self, name: str, dtype: DType) -> Var:
        var = self.variables[name] = Var(name, dtype)
        return var

    def loop(self, depth: int) -> For:
        lexer = self.lexer
        kind = KINDS[lexer.advance()]
        name = self.new_name("a loop variable's name")
        lexer.expect("in")
        start = self.expression(depth)
        lexer.expect("..")
        stop = self.expression(depth)
        step = lexer.integer("a step") if lexer.accept("step") else 1
        return For(self.bind(name, INDEX), start, stop, self.block(depth + 1), kind, step)

    def branch(self, depth: int) -> If:
        self.lexer.expect("if")
        condition = self.expression(depth)
        then = self.block(depth + 1)
        if not self.lexer.accept("else"):
            return If(condition, then)
        if self.lexer.at("if"):
            self.check_depth(depth + 1)
            return If(condition, then, (self.branch(depth + 1),))
        return If(condition, then, self.block(depth + 1))

    def assignment(self, depth: int) -> Store | Reduce:
        lexer = self.lexer
        offset = lexer.offset
        buffer = self.known_buffer(lexer.advance(), offset)
        indices, _ = self.list_of("[", "]", depth)
        if lexer.accept("="):
            return Store(buffer, indices, self.expression(depth))
        if lexer.token not in REDUCTIONS:
            raise lexer.error(f"'=' or one of {', '.join([f'{op}=' for op in REDUCTIONS])}")
        op = lexer.advance()
        lexer.expect("=")
        return Reduce(op, buffer, indices, self.expression(depth))

    # --------------------------------------------------------------------------------------------------- expressions

    def expression(self, depth: int) -> Expr:
        return self.climb(0, depth)[0]

    def climb(self, loosest: int, depth: int) -> _Sized:
        """An expression whose infix operators bind at least as tightly as ``loosest``, at a depth of nesting."""
        left, height = self.operand(depth)
        while (level := _LEVELS.get(self.lexer.token, -1)) >= loosest:
            symbol = self.lexer.advance()
            right, other = self.climb(level + 1, depth + 1)
            height = max(height, other) + 1
            self.check_depth(depth + height - 1)
            left = Binary(INFIX[symbol], left, right)
            if level == COMPARISON:
                if _LEVELS.get(self.lexer.token) == COMPARISON:
                    raise self.lexer.wrong("comparisons do not chain: use parentheses")
        return left, height

    def operand(self, depth: int) -> _Sized:
        self.check_depth(depth)
        lexer = self.lexer
        if lexer.accept("("):
            inside = self.climb(0, depth + 1)
            lexer.expect(")")
            return inside
        word, kind = lexer.token, lexer.kind
        if kind == "number" or word in ("-", "true", "false", "inf", "nan"):
            return Const(*read_literal(lexer)), 1
        if kind != "name" or word in KEYWORDS:
            raise lexer.error("an expression")
        # Variables may have the names of operators: only operators stand before parentheses.
        offset = lexer.offset
        name = lexer.advance()
        if lexer.at("("):
            operands, height = self.list_of("(", ")", depth)
            return self.call(name, operands, offset), height
        if lexer.at("["):
            buffer = self.known_buffer(name, offset)
            indices, height = self.list_of("[", "]", depth)
            return Load(buffer, indices), height
        var = self.variables.get(name)
        if var is None:
            raise lexer.wrong(f"there is no variable {name}", offset)
        return var, 1

    def call(self, name: str, operands: tuple[Expr, ...], offset: int) -> Expr:
        arity = _CALLS.get(name)
        if arity is None:
            raise self.lexer.wrong(f"there is no function {name}", offset)
        if len(operands) != arity:
            raise self.lexer.wrong(f"{name} takes {arity} operands, not {len(operands)}", offset)
        if name in BY_NAME:
            return Cast(BY_NAME[name], operands[0])
        if name == "select":
            return Select(*operands)
        return Unary(name, *operands) if arity == 1 else Binary(name, *operands)

    def known_buffer(self, name: str, offset: int) -> Buffer:
        buffer = self.buffers.get(name)
        if buffer is None:
            raise self.lexer.wrong(f"there is no buffer {name}", offset)
        return buffer

    def list_of(self, opening: str, closing: str, depth: int) -> tuple[tuple[Expr, ...], int]:
        """Expressions between brackets, and how deep the whole nests."""
        # Not Lexer.list_of: its frames would be on the stack at every level of nesting.
        self.lexer.expect(opening)
        items: list[Expr] = []
        deepest = 0
        while not self.lexer.at(closing) or items:
            item, height = self.climb(0, depth + 1)
            items.append(item)
            deepest = max(deepest, height)
            if not self.lexer.accept(","):
                break
        if not self.lexer.at(closing):
            raise self.lexer.error(f"',' or {closing!r}")
        self.lexer.advance()
        return tuple(items), deepest + 1

    def check_depth(self, depth: int) -> None:
        if depth > MAX_NESTING:
            raise self.lexer.wrong(f"this nests deeper than {MAX_NESTING}")
