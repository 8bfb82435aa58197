"""Constant folding, identities, canonical index arithmetic, and control flow that the ranges decide."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

from misfold.compiler.dtypes import INDEX, DType
from misfold.compiler.loops.arithmetic import cast, evaluate_binary, evaluate_unary
from misfold.compiler.loops.ir import (
    Allocate,
    Assert,
    Binary,
    Cast,
    Const,
    Expr,
    For,
    Function,
    If,
    Let,
    Reduce,
    Statement,
    Store,
    Unary,
    Var,
)
from misfold.compiler.loops.operators import BINARY, identity
from misfold.compiler.loops.ranges import Linear, Ranges
from misfold.compiler.loops.visit import Block, map_children, map_expressions, nodes, with_body
from misfold.compiler.passes.base import LoopPass

from .identities import improve

_SUMS = frozenset(("add", "sub", "mul", "neg"))


@dataclass(frozen=True)
class Simplify(LoopPass):
    """Makes everything as small as it can be locally; other passes count on its forms."""

    name = "simplify"
    precondition = (
        "Each rule says when it is exact (``identities.RULES``); a branch, loop or assert goes only where ranges prove "
        "that it never or always runs."
    )

    def run(self, function: Function) -> Function:
        body = simplify_block(function.body, Ranges())
        return function if body == function.body else replace(function, body=body)


def simplify_block(block: Block, ranges: Ranges) -> Block:
    """The block, simplified under what is known around it. ``ranges`` learns the block's ``let``s."""
    return _Simplifier().block(block, ranges)


def simplify_expression(expression: Expr, ranges: Ranges) -> Expr:
    """One expression, simplified under what is known around it."""
    return _Simplifier().expression(expression, ranges)


class _Simplifier:
    def __init__(self) -> None:
        #: What ``let``s and loops that are gone stood for.
        self.values: dict[str, Expr] = {}

    # -------------------------------------------------------------------------------------------------- statements

    def block(self, block: Block, ranges: Ranges) -> Block:
        result: list[Statement] = []
        for statement in block:
            match statement:
                case Let(var, value):
                    value = self.expression(value, ranges)
                    if isinstance(value, Const | Var):
                        self.values[var.name] = value
                    else:
                        ranges.bind(var, value)
                        result.append(statement if value is statement.value else Let(var, value))
                case Store() | Reduce():
                    new = map_expressions(statement, partial(self.expression, ranges=ranges))
                    if not (isinstance(new, Reduce) and _does_nothing(new.op, new.value)):
                        result.append(new)
                case For():
                    result += self._loop(statement, ranges)
                case If():
                    result += self._branch(statement, ranges)
                case Assert(condition, message):
                    condition = self.expression(condition, ranges)
                    if ranges.truth(condition) is not True:
                        result.append(Assert(condition, message))
                        ranges = ranges.assuming(condition)
                case Allocate():
                    result.append(statement)
        return tuple(result)

    def _loop(self, loop: For, ranges: Ranges) -> Block:
        start, stop = self.expression(loop.start, ranges), self.expression(loop.stop, ranges)
        if ranges.truth(Binary("ge", start, stop)):
            return ()
        once = Binary("le", stop, Binary("add", start, Const(loop.step, INDEX)))
        # start + step wraps only for a loop that runs once anyway; then the answer is at worst "not known".
        if ranges.truth(Binary("lt", start, stop)) and ranges.truth(once):
            if isinstance(start, Const | Var):
                self.values[loop.var.name] = start
                return self.block(loop.body, ranges)
            inner = Ranges(ranges)
            inner.bind(loop.var, start)
            return (Let(loop.var, start), *self.block(loop.body, inner))
        changed = loop
        if start is not loop.start or stop is not loop.stop:
            changed = replace(loop, start=start, stop=stop)
        body = self.block(loop.body, ranges.inside(changed))
        if all(isinstance(statement, Let | Allocate) for statement in body):
            return ()
        return (with_body(changed, body),)

    def _branch(self, branch: If, ranges: Ranges) -> Block:
        condition = self.expression(branch.condition, ranges)
        truth = ranges.truth(condition)
        if truth is not None:
            return self.block(branch.then if truth else branch.other, ranges)
        then = self.block(branch.then, ranges.assuming(condition, True))
        other = self.block(branch.other, ranges.assuming(condition, False))
        if not then and not other:
            return ()
        if not then:
            return (If(self.expression(Unary("not", condition), ranges), other),)
        return (If(condition, then, other),)

    # ------------------------------------------------------------------------------------------------- expressions

    def expression(self, expression: Expr, ranges: Ranges, in_sum: bool = False) -> Expr:
        """``in_sum``: an integer sum around takes care of the order of terms."""
        if isinstance(expression, Var):
            return self.values.get(expression.name, expression)
        if isinstance(expression, Const):
            return expression
        sums = isinstance(expression, Binary | Unary) and expression.op in _SUMS and expression.dtype.is_integer
        result = map_children(expression, lambda child: self.expression(child, ranges, sums))
        for _ in range(8):  # a rule's result may fit another rule
            folded = _folded(result)
            better = improve(folded, ranges)
            if better is result:
                break
            result = better
        if result.dtype.is_integer and not isinstance(result, Const | Var) and not (in_sum and sums):
            result = _canonical(result, ranges)
        if isinstance(result, Binary) and BINARY[result.op].compares and result.left.dtype.is_integer:
            result = _compared(result, ranges)
        return result


def _folded(expression: Expr) -> Expr:
    """Operators on literals. Integer division by zero is undefined, so it is left alone."""
    match expression:
        case Unary(op, Const(a, dtype)):
            return Const(evaluate_unary(op, dtype, a), dtype)
        case Binary(op, Const(a, dtype), Const(b, _)):
            if BINARY[op].partial and dtype.is_integer and b == 0:
                return expression
            return Const(evaluate_binary(op, dtype, a, b), expression.dtype)
        case Cast(target, Const(a, dtype)):
            return Const(cast(a, dtype, target), target)
    return expression


def _does_nothing(op: str, value: Expr) -> bool:
    """Whether combining with a value changes nothing; for a float sum only -0.0 is neutral."""
    if not isinstance(value, Const):
        return False
    if op == "add" and value.dtype.is_float:
        return str(value.value) == "-0.0"
    return value.value == identity(op, value.dtype) and not (op in ("min", "max") and value.dtype.is_float)


# ------------------------------------------------------------------------------------------------------ canonical forms


def _canonical(expression: Expr, ranges: Ranges) -> Expr:
    """An integer expression written from its linear form: each term once, in order of appearance, the constant last.
    Sums wrap around as the form does, so this holds whatever overflows. Outside of indices only if it gets smaller."""
    form = ranges.linear(expression)
    if len(form.terms) == 1 and form.constant == 0 and form.terms.get(expression) == 1:
        return expression
    written = write_linear(form, expression.dtype)
    if written == expression:
        return expression
    product = isinstance(expression, Binary) and expression.op == "mul" and not isinstance(expression.right, Const)
    if expression.dtype == INDEX and not product and all(atom.dtype == INDEX for atom in form.terms):
        return written
    return written if _size(written) < _size(expression) else expression


def _size(expression: Expr) -> int:
    return sum(1 for _ in nodes(expression))


def write_linear(form: Linear, dtype: DType) -> Expr:
    """A linear form as an expression of an integer type, modulo 2ⁿ. Atoms of other types are cast."""
    result: Expr | None = None
    # A sum starts with a term that is added, where there is one.
    order = sorted(form.terms.items(), key=lambda term: term[1] < 0)
    for atom, coefficient in order:
        size = _wrapped(abs(coefficient), dtype)
        if size == 0:
            continue
        atom = atom if atom.dtype == dtype else Cast(dtype, atom)
        term = atom if size == 1 else Binary("mul", atom, Const(size, dtype))
        if result is None:
            result = term if coefficient > 0 else Unary("neg", term)
        else:
            result = Binary("add" if coefficient > 0 else "sub", result, term)
    constant = _wrapped(form.constant, dtype)
    if result is None:
        return Const(constant, dtype)
    if constant < 0 and constant != dtype.min:
        return Binary("sub", result, Const(-constant, dtype))
    return Binary("add", result, Const(constant, dtype)) if constant else result


def _wrapped(value: int, dtype: DType) -> int:
    value &= (1 << dtype.bits) - 1
    return value - (1 << dtype.bits) if value > dtype.max else value


def _compared(comparison: Binary, ranges: Ranges) -> Expr:
    """``x + 3 < 8`` as ``x < 5`` and ``4 * x < 16`` as ``x < 4``, where nothing overflows."""
    dtype = comparison.left.dtype
    if not isinstance(comparison.right, Const):
        return comparison
    form, limit = ranges.linear(comparison.left), int(comparison.right.value)
    if not form.terms or not ranges.exact(form, dtype):
        return comparison
    factor = next(iter(form.terms.values())) if len(form.terms) == 1 else 1
    rest = Linear(0, {atom: c // factor for atom, c in form.terms.items()}) if factor > 0 else Linear(0, form.terms)
    limit -= form.constant
    if factor > 1:
        if comparison.op in ("eq", "ne") and limit % factor:
            return comparison
        limit = -(-limit // factor) if comparison.op in ("lt", "ge") else limit // factor
    if not ranges.exact(rest, dtype) or not dtype.min <= limit <= dtype.max:
        return comparison
    return Binary(comparison.op, write_linear(rest, dtype), Const(limit, dtype))
