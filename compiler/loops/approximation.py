"""Which buffers of a function hold what is only right to a few ULP."""

from __future__ import annotations

from .ir import Binary, Expr, Function, Let, Load, Reduce, Statement, Store, Unary, Var
from .operators import UNARY
from .visit import expressions_of, nodes, statements

#: Rounded correctly, and so the same everywhere.
EXACT_UNARY = ("neg", "abs", "sqrt", "floor", "ceil", "trunc", "round")
#: The functions with an error of a few ULP.
APPROXIMATE_UNARY = tuple(
    operator.name for operator in UNARY.values() if "float" in operator.kinds and operator.name not in EXACT_UNARY
)
APPROXIMATE_BINARY = ("pow", "atan2")


def approximate(function: Function) -> frozenset[str]:
    """Names of the buffers that a result of a function like ``exp`` may reach, by way of values.

    All others are the same bit by bit in every right implementation, as long as sums and products of floats are exact
    in any order.
    """
    reached: set[str] = set()
    assigning = [one for one in statements(function.body) if isinstance(one, Let | Store | Reduce)]
    while True:
        before = len(reached)
        for statement in assigning:
            if any(_is_approximate(expression, reached) for expression in expressions_of(statement)):
                reached.add(_target(statement))
        if len(reached) == before:
            parameters = {parameter.buffer.name for parameter in function.parameters}
            return frozenset(reached & parameters)


def _target(statement: Statement) -> str:
    assert isinstance(statement, Let | Store | Reduce)
    return statement.var.name if isinstance(statement, Let) else statement.buffer.name


def _is_approximate(expression: Expr, reached: set[str]) -> bool:
    for node in nodes(expression):
        match node:
            case Unary(op, operand) if op in APPROXIMATE_UNARY and operand.dtype.is_float:
                return True
            case Binary(op, left, _) if op in APPROXIMATE_BINARY and left.dtype.is_float:
                return True
            case Load(buffer, _) if buffer.name in reached:
                return True
            case Var(name, _) if name in reached:
                return True
    return False
