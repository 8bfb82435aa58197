"""Reduction of TVMScript: candidates made on the syntax tree; TVM and the interpreter say which of them are valid."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from misfold.programs.errors import MisfoldError
from misfold.programs.kernel_tvmscript_check import called, checked_function


def weight(script: str) -> tuple[int, float]:
    """What reduction makes smaller: the nodes of the text, then its numbers."""
    nodes = list(ast.walk(checked_function(script)))
    numbers = [
        min(abs(float(one.value)), 1e6)
        for one in nodes
        if isinstance(one, ast.Constant) and isinstance(one.value, int | float) and type(one.value) is not bool
    ]
    return len(nodes), sum(numbers)


def candidates(tier: Callable[[str], Iterator[str]]) -> Callable[[Any], Iterator[Any]]:
    """A tier of texts as one of TVMScript cases; texts that are not on the list of what is safe are left out."""

    def made(case: Any) -> Iterator[Any]:
        for script in tier(case.script):
            try:
                checked_function(script)
            except MisfoldError:
                continue
            yield replace(case, script=script)

    return made


def _bodies(function: ast.FunctionDef) -> list[list[ast.stmt]]:
    found = []
    for node in ast.walk(function):
        for name in ("body", "orelse"):
            block = getattr(node, name, None)
            if isinstance(block, list) and block:
                found.append(block)
    return found


def without_statements(script: str) -> Iterator[str]:
    """The script without runs of statements of one block, long runs and outer blocks first, and with blocks in the
    place of what is around them."""
    number = 0
    while True:
        function = checked_function(script)
        bodies = _bodies(function)
        if number >= len(bodies):
            return
        size = len(bodies[number])
        length = size
        while length:
            for first in range(0, size, length):
                copy = checked_function(script)
                block = _bodies(copy)[number]
                del block[first : first + length]
                if not block:
                    block.append(ast.Pass())
                yield ast.unparse(copy) + "\n"
            length //= 2
        for place in range(size):
            copy = checked_function(script)
            block = _bodies(copy)[number]
            inner = getattr(block[place], "body", None)
            if inner:
                block[place : place + 1] = inner
                yield ast.unparse(copy) + "\n"
        number += 1


def simpler_expressions(script: str) -> Iterator[str]:
    """The script with one expression replaced by a part of it or by a smaller literal."""
    number = 0
    while True:
        copy = checked_function(script)
        sites = [(node, field, place, value) for node in ast.walk(copy) for field, place, value in _children(node)]
        if number >= len(sites):
            return
        for choice in range(len(_simpler(sites[number][3]))):
            copy = checked_function(script)
            node, field, place, value = [
                (node, field, place, value) for node in ast.walk(copy) for field, place, value in _children(node)
            ][number]
            new = _simpler(value)[choice]
            if place is None:
                setattr(node, field, new)
            else:
                getattr(node, field)[place] = new
            yield ast.unparse(copy) + "\n"
        number += 1


def _children(node: ast.AST) -> Iterator[tuple[str, int | None, ast.expr]]:
    if isinstance(node, ast.arg | ast.FunctionDef):
        return
    for field, value in ast.iter_fields(node):
        if field in ("func", "targets", "target", "annotation", "keywords"):
            continue
        if isinstance(value, ast.expr):
            yield field, None, value
        elif isinstance(value, list):
            for place, one in enumerate(value):
                if isinstance(one, ast.expr):
                    yield field, place, one


def _simpler(value: ast.expr) -> list[ast.expr]:
    match value:
        case ast.BinOp(left=left, right=right):
            return [left, right]
        case ast.BoolOp(values=values):
            return list(values)
        case ast.UnaryOp(operand=operand):
            return [operand]
        case ast.Compare():
            return []
        case ast.Call(args=arguments) if called(value) not in (None, "axis.remap", "sblock"):
            return [one for one in arguments if not isinstance(one, ast.Constant)]
        case ast.Constant(value=int() as number) if type(number) is int and number > 1:
            return [ast.Constant(one) for one in sorted({1, number // 2, number - 1})]
    return []


TIERS: tuple[tuple[str, Callable[[str], Iterator[str]]], ...] = (
    ("statements", without_statements),
    ("expressions", simpler_expressions),
)
