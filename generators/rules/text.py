"""The text form of expressions and constraints: Python's own syntax, read through ``ast`` against an allow-list.

``(input[2] + 2*padding[0] - dilation[0]*(weight[2] - 1) - 1)//stride[0] + 1``; functions ``min``, ``max``, ``abs``,
``floor``, ``ceil``, ``ceildiv``, ``broadcast``; ``x if a == b else y``. Reading a text never runs it.
"""

from __future__ import annotations

import ast
from functools import lru_cache

from misfold.programs.errors import TextError

from .constraints import AnyOf, Comparison, Constraint
from .expressions import COMPARISONS, OPERATIONS, UNARY, Const, Expression, If, Op, Sym, op

# Longer than any rule; hostile texts must not cost time or stack.
MAX_TEXT = 2000
MAX_DEPTH = 60
_INFIX = {"+": 1, "-": 1, "*": 2, "//": 2, "%": 2, "/": 2}
_BINARY: dict[type[ast.AST], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.Div: "/",
}
_COMPARE: dict[type[ast.AST], str] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
}


def print_expression(expression: Expression, level: int = 0) -> str:
    """The expression as text; ``level`` is the binding strength of what surrounds it."""
    if isinstance(expression, Const):
        return str(expression.value) if expression.value >= 0 or level == 0 else f"({expression.value})"
    if isinstance(expression, Sym):
        return expression.name
    if isinstance(expression, If):
        parts = [_side(item) for item in (expression.then, expression.left, expression.right)]
        text = f"{parts[0]} if {parts[1]} {expression.comparison} {parts[2]} else {print_expression(expression.other)}"
        return f"({text})" if level else text
    strength = _INFIX.get(expression.name)
    if strength is None:
        return f"{expression.name}({', '.join(map(print_expression, expression.operands))})"
    left, right = expression.operands
    sign = f" {expression.name} " if strength == 1 else expression.name
    # Operators of one strength associate to the left.
    text = f"{print_expression(left, strength)}{sign}{print_expression(right, strength + 1)}"
    return f"({text})" if strength < level else text


def print_constraint(constraint: Constraint) -> str:
    """The constraint as text."""
    if isinstance(constraint, AnyOf):
        return " or ".join(map(print_constraint, constraint.options))
    return f"{_side(constraint.left)} {constraint.name} {_side(constraint.right)}"


def _side(expression: Expression) -> str:
    return print_expression(expression, 0 if isinstance(expression, Const) else 1)


def _tree(text: str) -> ast.expr:
    if len(text) > MAX_TEXT:
        raise TextError("an expression that is too long", allowed=f"{MAX_TEXT} characters")
    try:
        return ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise TextError(f"not an expression: {text[:60]!r}") from error


@lru_cache(maxsize=65536)
def parse_expression(text: str) -> Expression:
    """Read an expression.

    Raises:
        TextError: the text is none of this language.
    """
    return _expression(_tree(text), text)


@lru_cache(maxsize=65536)
def parse_constraint(text: str) -> Constraint:
    """Read a constraint.

    Raises:
        TextError: the text is none of this language.
    """
    return _constraint(_tree(text), text)


def _constraint(tree: ast.expr, text: str, depth: int = 0) -> Constraint:
    if depth > MAX_DEPTH:
        raise TextError("a constraint nested too deeply", allowed=f"{MAX_DEPTH} levels")
    if isinstance(tree, ast.BoolOp) and isinstance(tree.op, ast.Or):
        options = tuple(_constraint(item, text, depth + 1) for item in tree.values)
        if all(isinstance(item, Comparison) for item in options):
            return AnyOf(options)  # type: ignore[arg-type]
    if isinstance(tree, ast.Compare) and len(tree.ops) == 1 and type(tree.ops[0]) in _COMPARE:
        name = _COMPARE[type(tree.ops[0])]
        return Comparison(name, _expression(tree.left, text, depth), _expression(tree.comparators[0], text, depth))
    raise TextError(f"not a constraint: {text[:60]!r}", allowed=f"comparisons {', '.join(COMPARISONS)} joined by or")


def _expression(tree: ast.expr, text: str, depth: int = 0) -> Expression:
    if depth > MAX_DEPTH:
        raise TextError("an expression nested too deeply", allowed=f"{MAX_DEPTH} levels")
    depth += 1
    if isinstance(tree, ast.Constant) and type(tree.value) in (int, float):
        return Const(tree.value)  # type: ignore[arg-type]
    if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub):
        return op("-", 0, _expression(tree.operand, text, depth))
    if isinstance(tree, ast.BinOp) and type(tree.op) in _BINARY:
        return Op(_BINARY[type(tree.op)], (_expression(tree.left, text, depth), _expression(tree.right, text, depth)))
    if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name) and not tree.keywords:
        name, count = tree.func.id, 1 if tree.func.id in UNARY else 2
        if name in OPERATIONS and name not in _INFIX and len(tree.args) == count:
            return Op(name, tuple(_expression(item, text, depth) for item in tree.args))
    if isinstance(tree, ast.IfExp):
        test = _constraint(tree.test, text, depth)
        if isinstance(test, Comparison):
            then, other = _expression(tree.body, text, depth), _expression(tree.orelse, text, depth)
            return If(test.name, test.left, test.right, then, other)
    symbol = _symbol(tree)
    if symbol is None:
        raise TextError(f"not an expression of a rule: {text[:60]!r}", allowed=f"{', '.join(OPERATIONS)}, if")
    return Sym(symbol)


def _symbol(tree: ast.expr) -> str | None:
    """``input``, ``input[2]``, ``tensors[0][1]``."""
    if isinstance(tree, ast.Name):
        return tree.id
    if isinstance(tree, ast.Subscript) and isinstance(tree.slice, ast.Constant) and type(tree.slice.value) is int:
        base = _symbol(tree.value)
        return None if base is None else f"{base}[{tree.slice.value}]"
    return None
