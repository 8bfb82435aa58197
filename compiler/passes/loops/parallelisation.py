"""Parallelisation: marks loops whose iterations can run at the same time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from misfold.compiler.loops.dependence import independent
from misfold.compiler.loops.ir import For, Function, Statement
from misfold.compiler.loops.ranges import Ranges
from misfold.compiler.loops.visit import blocks_of, map_blocks
from misfold.compiler.passes.base import LoopPass, parameter

from .nests import length, rewrite_loops

#: What a loop of unknown length is taken to run.
_GUESS = 64


@dataclass(frozen=True)
class Parallelisation(LoopPass):
    """Makes the outermost loops parallel that carry no dependence and have enough work; none inside another.

    The test is Allen and Kennedy's, "Automatic Translation of FORTRAN Programs to Vector Form" (TOPLAS 1987): a loop
    is parallel if it carries no dependence. Here a reduction counts as one, for threads would race for the element.
    """

    name = "parallelisation"
    precondition = (
        "The loop is serial, runs more than once, and carries no dependence, reductions included, so that no two "
        "iterations touch one element that either writes."
    )

    minimum: int = parameter(
        16384,
        "work that a loop must have: statements run in it, of an unknown number of iterations 64",
        (0, 64, 1024, 4096, 16384, 65536, 1048576),
    )

    def run(self, function: Function) -> Function:
        return rewrite_loops(function, self._visit)

    def _visit(self, loop: For, ranges: Ranges) -> Sequence[Statement] | None:
        if loop.kind == "parallel" or work((loop,)) < self.minimum:
            return (loop,)
        if loop.kind != "serial" or length(loop) in (0, 1) or not independent(loop, ranges):
            return None
        return (replace(loop, kind="parallel", body=_serial(loop.body)),)


def _serial(block: Iterable[Statement]) -> tuple[Statement, ...]:
    """A block whose parallel loops are made serial again: the ones around them are what is spread over threads."""
    return tuple(
        [
            map_blocks(replace(one, kind="serial") if isinstance(one, For) and one.kind == "parallel" else one, _serial)
            for one in block
        ]
    )


def work(block: Iterable[Statement]) -> int:
    """About how many statements a block runs."""
    total = 0
    for statement in block:
        inside = sum(work(inner) for inner in blocks_of(statement))
        if isinstance(statement, For):
            trips = length(statement)
            inside *= _GUESS if trips is None else trips
        total += 1 + inside
    return total
