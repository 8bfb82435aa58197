"""Kernels whose integers do not overflow on their inputs.

The loop IR defines overflow, other compilers do not, and of random arithmetic on small types most overflows somewhere:
what such a kernel computes cannot be held against them. So the interpreter says which statements overflow, the
arithmetic of those, and of no others, gets operands that are small enough, and that again until nothing overflows.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from functools import partial

import numpy as np

from misfold.compiler.dtypes import DType
from misfold.compiler.errors import AssertionFailed, UndefinedBehaviour, VerificationError
from misfold.compiler.loops.interpret import interpret
from misfold.compiler.loops.ir import Binary, Const, Expr, Function, If, Let, Load, Reduce, Store, Unary
from misfold.compiler.loops.verify import place_of, verify
from misfold.compiler.loops.visit import Block, map_blocks, map_children, map_expressions

#: Statements feed each other: what is tamed in one may be enough for the next, or still too much for it.
ROUNDS = 6


def tame(function: Function, arrays: list[np.ndarray], rounds: int = ROUNDS) -> Function | None:
    """The function with its overflowing arithmetic replaced, so that nothing overflows on these arrays; None: it still
    does after so many rounds, or became undefined."""
    for attempt in range(rounds + 1):
        overflow: list[str] = []
        try:
            interpret(function, [array.copy() for array in arrays], overflow=overflow)
        except (UndefinedBehaviour, AssertionFailed):
            return None
        if not overflow:
            return function
        function = replace(function, body=_block(function.body, function.name, frozenset(overflow), attempt))
        try:
            verify(function)
        except VerificationError:
            return None
    return None


def _block(block: Block, place: str, places: Collection[str], attempt: int) -> Block:
    found = []
    for number, statement in enumerate(block, 1):
        here = place_of(statement, number, place)
        if here in places:
            if isinstance(statement, Store | Reduce):
                value = _tamed(statement.value, attempt)
                if isinstance(statement, Reduce) and statement.op in ("add", "mul") and value.dtype.is_integer:
                    # A sum or product over many iterations: small terms first, then no sum at all.
                    op = statement.op if attempt < 2 else "xor"
                    statement = Reduce(op, statement.buffer, statement.indices, _small(value, 2 if attempt else 4))
                else:
                    statement = replace(statement, value=value)
            elif isinstance(statement, Let | If):
                statement = map_expressions(statement, lambda expression: _tamed(expression, attempt))
        if isinstance(statement, If):
            then = _block(statement.then, f"{here}/then", places, attempt)
            statement = replace(statement, then=then, other=_block(statement.other, f"{here}/else", places, attempt))
        else:
            statement = map_blocks(statement, partial(_block, place=here, places=places, attempt=attempt))
        found.append(statement)
    return tuple(found)


def _tamed(expression: Expr, attempt: int) -> Expr:
    """An expression without overflow, but for indices in it, which stay as they are: those must not go elsewhere."""
    if isinstance(expression, Load):
        return expression
    made = map_children(expression, lambda child: _tamed(child, attempt))
    dtype = made.dtype
    if not dtype.is_integer:
        return made
    if isinstance(made, Unary) and made.op in ("neg", "abs"):
        return Unary(made.op, _above_smallest(made.operand)) if dtype.kind == "int" else Unary("not", made.operand)
    if not isinstance(made, Binary):
        return made
    match made.op:
        case "add":
            return Binary("add", _halved(made.left), _halved(made.right))
        case "sub" if dtype.kind == "uint":
            return Binary("sub", Binary("max", made.left, made.right), Binary("min", made.left, made.right))
        case "sub":
            return Binary("sub", _halved(made.left), _halved(made.right))
        case "mul":
            root = 1 << ((dtype.bits - 1) // 2)
            return Binary("mul", _small(made.left, root), _small(made.right, root))
        case "pow":
            # 3 to the fourth fits into seven bits.
            return Binary("pow", _small(made.left, 4), _small(made.right, 5))
        case "shl" | "shr" if attempt:
            return Binary("shr", made.left, made.right)
        case "truncdiv" | "floordiv" | "eucliddiv" if attempt and dtype.kind == "int":
            # Only the smallest number divided by -1 overflows.
            return Binary(made.op, _above_smallest(made.left), made.right)
    return made


def _halved(value: Expr) -> Expr:
    return Binary("truncdiv", value, Const(2, value.dtype))


def _small(value: Expr, below: int) -> Expr:
    return Binary("truncmod", value, Const(min(below, _largest(value.dtype)), value.dtype))


def _above_smallest(value: Expr) -> Expr:
    return Binary("max", value, Const(-_largest(value.dtype), value.dtype))


def _largest(dtype: DType) -> int:
    return int(dtype.max)
