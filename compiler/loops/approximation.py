"""Which buffers of a function hold what is only right to a few ULP."""

from __future__ import annotations

from .ir import Binary, Expr, For, Function, Let, Load, Reduce, Statement, Store, Unary, Var
from .operators import UNARY
from .visit import Block, blocks_of, expressions_of, nodes, statements

#: Rounded correctly, and so the same everywhere.
EXACT_UNARY = ("neg", "abs", "sqrt", "floor", "ceil", "trunc", "round")
#: The functions with an error of a few ULP.
APPROXIMATE_UNARY = tuple(
    operator.name for operator in UNARY.values() if "float" in operator.kinds and operator.name not in EXACT_UNARY
)
APPROXIMATE_BINARY = ("pow", "atan2")


def approximate(function: Function, rounded: bool = False) -> frozenset[str]:
    """Names of the buffers that a result of a function like ``exp`` may reach, by way of values or of conditions.

    All others are the same bit by bit in every right implementation, as long as sums and products of floats are exact
    in any order. Where they are not, ``rounded`` adds the buffers that one of these may reach.
    """
    reached: set[str] = set()
    if rounded:
        reached |= {
            one.buffer.name
            for one in statements(function.body)
            if isinstance(one, Reduce) and one.op in ("add", "mul") and one.buffer.dtype.is_float
        }
    while True:
        before = len(reached)
        _reach(function.body, reached, rounded, decided=False)
        if len(reached) == before:
            parameters = {parameter.buffer.name for parameter in function.parameters}
            return frozenset(reached & parameters)


def _reach(block: Block, reached: set[str], rounded: bool, decided: bool) -> None:
    """Add what a block assigns; ``decided``: whether it runs depends on an approximate value itself."""
    for statement in block:
        depends = decided or any(_is_approximate(one, reached, rounded) for one in expressions_of(statement))
        if depends and isinstance(statement, Let | Store | Reduce):
            reached.add(_target(statement))
        if depends and isinstance(statement, For):
            reached.add(statement.var.name)
        for inner in blocks_of(statement):
            _reach(inner, reached, rounded, depends)


def _target(statement: Statement) -> str:
    assert isinstance(statement, Let | Store | Reduce)
    return statement.var.name if isinstance(statement, Let) else statement.buffer.name


def _is_approximate(expression: Expr, reached: set[str], rounded: bool) -> bool:
    for node in nodes(expression):
        match node:
            case Unary(op, operand) if op in APPROXIMATE_UNARY and operand.dtype.is_float:
                return True
            case Binary(op, left, _) if op in APPROXIMATE_BINARY and left.dtype.is_float:
                return True
            case Binary(op, left, _) if rounded and op in ("add", "sub", "mul") and left.dtype.is_float:
                return True
            case Load(buffer, _) if buffer.name in reached:
                return True
            case Var(name, _) if name in reached:
                return True
    return False
