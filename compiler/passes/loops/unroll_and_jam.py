"""Unroll-and-jam: runs several iterations of an outer loop together, inside of the loops it contains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from misfold.compiler.loops.accesses import Accesses
from misfold.compiler.loops.dependence import Dependence, each_dependence
from misfold.compiler.loops.ir import For, Function, Statement, Var
from misfold.compiler.loops.ranges import Ranges
from misfold.compiler.loops.visit import Block, Names, renamed, substitute_block, with_body
from misfold.compiler.passes.base import LoopPass, parameter

from .nests import bounds_are_free, length, moderate, plus, rewrite_loops, size


@dataclass(frozen=True)
class UnrollAndJam(LoopPass):
    """Unrolls the outermost fitting loop of each nest by ``factor`` and fuses the copies of the loops inside.

    Values that the copies share then stay in registers: Callahan, Carr and Kennedy, "Improving Register Allocation for
    Subscripted Variables" (PLDI 1990). A loop after it does the iterations that are left over.
    """

    name = "unroll-and-jam"
    precondition = (
        "A serial loop of constant length, at least ``factor`` iterations, contains loops; between iterations "
        "less than ``factor`` apart no dependence, reductions aside, would run backwards once statements of these "
        "iterations alternate."
    )

    factor: int = parameter(4, "iterations that run together", (2, 3, 4, 6, 8, 16))
    limit: int = parameter(128, "statements that the jammed body may have", (16, 64, 128, 256, 1024))
    reuse: bool = parameter(
        True, "only where an access in the loops inside does not depend on the loop's variable", (True, False)
    )

    def run(self, function: Function) -> Function:
        names = Names(function)
        return rewrite_loops(function, lambda loop, ranges: self._visit(loop, ranges, names))

    def _visit(self, loop: For, ranges: Ranges, names: Names) -> Sequence[Statement] | None:
        trips = length(loop) if moderate(loop, ranges) else None
        if loop.kind != "serial" or trips is None or trips < self.factor:
            return None
        if size(loop.body) * self.factor > self.limit or not _jammable(loop.body, loop.var.name):
            return None
        if self.reuse and not _reuses(loop, ranges):
            return None
        near = (1, (self.factor - 1) * loop.step)
        if any(_reverses(one, loop.var.name, near) for one in each_dependence(loop, ranges)):
            return None
        return self._jammed(loop, trips, names)

    def _jammed(self, loop: For, trips: int, names: Names) -> list[Statement]:
        copies: list[Block] = []
        for number in range(self.factor):
            body = loop.body if number == 0 else renamed(loop.body, names)
            copies.append(substitute_block(body, {loop.var.name: plus(loop.var, number * loop.step)}))
        stop = plus(loop.start, trips // self.factor * self.factor * loop.step)
        main = replace(loop, stop=stop, step=loop.step * self.factor, body=_jam(copies))
        if trips % self.factor == 0:
            return [main]
        var = Var(names.fresh(loop.var.name))
        rest = substitute_block(renamed(loop.body, names), {loop.var.name: var})
        return [main, replace(loop, var=var, start=stop, body=rest)]


def _fuses(loop: For, variable: str) -> bool:
    """Whether copies of an inner loop for different values of an outer variable become one loop."""
    return loop.kind in ("serial", "unrolled") and bounds_are_free(loop, (variable,))


def _jammable(block: Block, variable: str) -> bool:
    return any(isinstance(one, For) and _fuses(one, variable) for one in block)


def _jam(copies: Sequence[Block]) -> Block:
    """Copies of a block run together: all copies of the first statement, all of the second; of loops with the same
    bounds, iteration by iteration."""
    result: list[Statement] = []
    for together in zip(*copies):
        first = together[0]
        loops = [one for one in together if isinstance(one, For)]
        if isinstance(first, For) and _alike(loops):
            bodies = [substitute_block(one.body, {one.var.name: first.var}) for one in loops[1:]]
            result.append(with_body(first, _jam([first.body, *bodies])))
        else:
            result += together
    return tuple(result)


def _alike(loops: Sequence[For]) -> bool:
    first = loops[0]
    return first.kind in ("serial", "unrolled") and all(
        one.start == first.start and one.stop == first.stop and bounds_are_free(one) for one in loops
    )


def _reverses(one: Dependence, loop: str, near: tuple[int, int]) -> bool:
    """Whether source and sink, in different iterations that run together, would change places.

    Together, statements run in the order of the loops inside, then of the text, then of the copies. (Loops inside that
    are not jammed keep their order; for them this asks too much.)
    """
    if one.kind == "reduction" or one.level != 0:
        return False
    same: dict[str, str] = {}
    for inner in one.loops[1:]:
        if one.interval(inner)[0] < 0 and one.may({loop: near, **same, inner: ">"}):  # type: ignore[dict-item]
            return True
        same[inner] = "="
    return one.source.path > one.sink.path and one.may({loop: near, **same})  # type: ignore[dict-item]


def _reuses(loop: For, ranges: Ranges) -> bool:
    """Whether an access of the innermost loops is the same for all iterations of the loop."""
    found = Accesses((loop,), ranges).found
    return any(
        len(access.loops) > 1
        and all(form is not None and not form.coefficient(loop.var.name) for form in access.indices)
        and not any(loop.var.name in form.variables for one in access.loops for form in one.lower)
        for access in found
    )
