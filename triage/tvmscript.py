"""What TVMScript kernels are made of, for signatures and titles, and their reduction."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from misfold.oracles.verdict import Verdict
from misfold.programs.errors import MisfoldError
from misfold.programs.kernel_tvmscript import TVMScriptCase
from misfold.programs.kernel_tvmscript_check import called, checked_function
from misfold.programs.pipeline import Pipeline
from misfold.targets.outcome import Outcome

from .reduce.pipelines import pipeline_weight, simpler_pipelines
from .reduce.search import Search

#: What every seed has says nothing.
_COMMON = frozenset(
    ("prim_func", "Buffer", "func_attr", "reads", "writes", "sblock", "axis.remap", "axis.spatial", "grid",
     "sblock_alloc_buffer", "int32", "int64", "float32")
)  # fmt: skip
ROUNDS = 6


def tvmscript_patterns(script: str) -> list[str]:
    """What a script is made of, each thing once: what of T it calls, operators, conditions."""
    found: set[str] = set()
    for node in ast.walk(checked_function(script)):
        match node:
            case ast.Call():
                found.add(called(node) or "range")
            case ast.BinOp(op=operator):
                found.add(type(operator).__name__.lower())
            case ast.Compare(ops=operators):
                found |= {type(one).__name__.lower() for one in operators}
            case ast.If():
                found.add("if")
            case ast.BoolOp(op=operator):
                found.add(type(operator).__name__.lower())
    return sorted(found - _COMMON - {"range", "add", "mult"}) or ["store"]


def tvmscript_title(verdict: Verdict, outcome: Outcome, pipeline: Pipeline, script: str) -> str:
    """One line for a list of bugs."""
    patterns = tvmscript_patterns(script)
    things = ", ".join(patterns[:4]) + (", …" if len(patterns) > 4 else "")
    how = f" under {pipeline.name}" if pipeline.passes is None else f" after {len(pipeline.passes)} passes"
    if outcome.failure is None:
        return f"wrong {verdict.oracle} from TVMScript: {things}{how}"
    message = (outcome.failure.message.strip().splitlines() or [""])[0]
    return f"{outcome.failure.type.rpartition('.')[2]} in TVMScript: {things}{how}: {message[:100]}".rstrip(": ")


def tvmscript_weight(target: str, usual: Sequence[Pipeline]) -> Callable[[TVMScriptCase], Any]:
    """What reduction makes smaller: the pipeline before the text."""

    def weigh(case: TVMScriptCase) -> Any:
        pipeline = case.pipelines.get(target)
        function = checked_function(case.script)
        nodes = sum(1 for _ in ast.walk(function))
        literals = sum(
            min(abs(node.value), 10**6)
            for node in ast.walk(function)
            if isinstance(node, ast.Constant) and type(node.value) in (int, float)
        )
        return (() if pipeline is None else pipeline_weight(pipeline, usual), nodes, literals)

    return weigh


class TVMScriptReduction:
    """A reduction of a TVMScript case that names one target's pipeline: as ``KernelReduction``, on the syntax tree."""

    def __init__(self, search: Search[TVMScriptCase], target: str, usual: Sequence[Pipeline] = ()):
        self.search, self.target, self.usual = search, target, usual

    def run(self) -> TVMScriptCase:
        """All tiers, until nothing more goes or a bound is reached."""
        search = self.search
        search.exhaust("pipeline", self._pipelines)
        before: TVMScriptCase | None = None
        for _ in range(ROUNDS):
            if before == search.case or search.over:
                break
            before = search.case
            for name, tier in (("statements", without_statements), ("expressions", simpler_expressions)):
                search.exhaust(name, self._scripts(tier))
        search.exhaust("pipeline", self._pipelines)
        return search.case

    def normalise(self) -> TVMScriptCase:
        """There is no plainer form than the reduced one."""
        return self.search.case

    def _pipelines(self, case: TVMScriptCase) -> Iterator[TVMScriptCase]:
        if self.target in case.pipelines:
            for pipeline in simpler_pipelines(case.pipelines[self.target], self.usual):
                yield replace(case, pipelines={self.target: pipeline})

    def _scripts(self, tier: Callable[[str], Iterator[str]]) -> Callable[[TVMScriptCase], Iterator[TVMScriptCase]]:
        def candidates(case: TVMScriptCase) -> Iterator[TVMScriptCase]:
            for script in tier(case.script):
                try:
                    checked_function(script)
                except MisfoldError:
                    continue
                yield replace(case, script=script)

        return candidates


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
        sites = [
            (node, field, place, value)
            for node in ast.walk(copy)
            for field, place, value in _children(node)
        ]
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
