"""Loop skewing: slants the iterations of an inner loop along those of the outer one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from misfold.compiler.loops.dependence import Dependence, dependences
from misfold.compiler.loops.ir import Binary, Expr, For, Function, Statement, Var, index
from misfold.compiler.loops.ranges import Ranges
from misfold.compiler.loops.visit import Names, substitute_block
from misfold.compiler.passes.base import LoopPass, parameter

from .nests import moderate, perfect_nest, plus, rebuilt, reorderable, rewrite_block, rewrite_loops


@dataclass(frozen=True)
class Skewing(LoopPass):
    """Replaces the variable ``j`` of a loop inside one over ``i`` by ``j + factor · i``.

    The order of iterations stays, but distances (1, −1) become (1, factor − 1): Wolfe, "Loop Skewing: The Wavefront
    Method Revisited" (1986). Interchange and tiling become legal by it.
    """

    name = "skewing"
    precondition = (
        "Two serial or parallel loops are perfectly nested; renaming iterations keeps their order, so this is always "
        "right. With when = needed, a dependence has direction (<, >) and after skewing none has."
    )

    factor: int = parameter(1, "how far each outer iteration moves the inner ones", (1, 2, 3, 4))
    when: str = parameter("needed", "needed: if it makes the two loops permutable; always", ("needed", "always"))

    def run(self, function: Function) -> Function:
        names = Names(function)
        return rewrite_loops(function, lambda loop, ranges: self._visit(loop, ranges, names))

    def _visit(self, loop: For, ranges: Ranges, names: Names) -> Sequence[Statement] | None:
        nest = perfect_nest(loop) if reorderable(loop) else [loop]
        if len(nest) < 2:
            return None
        inside = [ranges]
        for one in nest:
            inside.append(inside[-1].inside(one))
        old = nest[-1].body
        body = rewrite_block(old, inside[-1], lambda inner, around: self._visit(inner, around, names))
        outer, inner = nest[-2], nest[-1]
        skewed = self._skewed(outer, inner, inside[-3], names)
        if skewed is None:
            return (loop,) if body is old else rebuilt(nest, body)
        head, value = skewed
        body = substitute_block(body, {inner.var.name: value})
        return rebuilt([*nest[:-1], head], body)

    def _skewed(self, outer: For, inner: For, ranges: Ranges, names: Names) -> tuple[For, Expr] | None:
        """The head of the skewed loop, and what its variable was, in terms of the new one."""
        if not (moderate(outer, ranges) and moderate(inner, ranges.inside(outer))):
            return None
        if self.when == "needed" and not self._helps(outer, inner, dependences(outer, ranges)):
            return None
        shift: Expr = outer.var if self.factor == 1 else Binary("mul", outer.var, index(self.factor))
        var = Var(names.fresh(f"{inner.var.name}_skewed"))
        head = replace(inner, var=var, start=plus(inner.start, shift), stop=plus(inner.stop, shift))
        return head, Binary("sub", var, shift)

    def _helps(self, outer: For, inner: For, everything: list[Dependence]) -> bool:
        """Whether some distance in the inner loop is negative, and none would be after skewing."""
        needed = False
        for one in everything:
            if one.kind == "reduction" or one.level != 0:
                continue
            low = one.interval(inner.var.name)[0]
            if low < 0 and one.may({inner.var.name: ">"}):
                needed = True
                if low + self.factor * max(1, one.interval(outer.var.name)[0]) < 0:
                    return False
        return needed
