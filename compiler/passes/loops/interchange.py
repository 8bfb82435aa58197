"""Loop interchange: changes the order of the loops in a perfect nest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce as fold

from misfold.compiler.loops.accesses import Accesses
from misfold.compiler.loops.affine import Affine, affine, parts
from misfold.compiler.loops.dependence import Dependence, dependences
from misfold.compiler.loops.ir import Binary, Expr, For, Function, Statement
from misfold.compiler.loops.ranges import Ranges
from misfold.compiler.loops.visit import free_variables
from misfold.compiler.passes.base import LoopPass, parameter

from .nests import (
    bounds_are_free,
    length,
    may_differ,
    moderate,
    perfect_nest,
    rebuilt,
    reorderable,
    rewrite_block,
    rewrite_loops,
    strides,
)

_CACHE_LINE = 64
#: What a loop of unknown length is taken to run.
_GUESS = 64


@dataclass(frozen=True)
class Interchange(LoopPass):
    """Swaps adjacent loops until the wished order is reached, or as near to it as swaps are legal.

    ``contiguous`` orders loops by the cache lines that the nest would touch with each of them innermost: McKinley,
    Carr and Tseng, "Improving Data Locality with Loop Transformations" (TOPLAS 1996), section 3.
    """

    name = "interchange"
    precondition = (
        "In a perfect nest of serial or parallel loops no dependence has direction (<, >) in the two loops swapped "
        "(reductions aside), so sources stay before sinks; inner bounds do not depend on the outer variable, or do so "
        "with coefficient 1 or -1 and step 1, where they can be solved for it."
    )

    order: str = parameter(
        "contiguous",
        "contiguous: consecutive addresses innermost; register: the same, and loops that only reduce around the "
        "innermost one; outermost-parallel: loops that carry nothing outermost; reverse",
        ("contiguous", "register", "outermost-parallel", "reverse"),
    )

    def run(self, function: Function) -> Function:
        return rewrite_loops(function, self._visit)

    def _visit(self, loop: For, ranges: Ranges) -> Sequence[Statement] | None:
        if not reorderable(loop):
            return None
        nest = perfect_nest(loop)
        if len(nest) < 2:
            return None
        body = nest[-1].body
        everything = dependences(loop, ranges)
        inner = ranges
        for one in nest:
            inner = inner.inside(one)
        new_body = rewrite_block(body, inner, self._visit)
        order = self._sorted(nest, self._ranks(nest, everything, ranges), everything, ranges)
        if order == nest and new_body is body:
            return (loop,)
        return rebuilt(order, new_body)

    def _ranks(self, nest: list[For], everything: list[Dependence], ranges: Ranges) -> dict[str, float]:
        """The wished order: loops with small ranks go out."""
        if self.order == "reverse":
            return {loop.var.name: -float(number) for number, loop in enumerate(nest)}
        if self.order == "outermost-parallel":
            return {loop.var.name: float(any(may_differ(one, loop.var.name) for one in everything)) for loop in nest}
        accesses = Accesses((nest[0],), ranges).found
        costs = dict.fromkeys((loop.var.name for loop in nest), 0.0)
        for access in accesses:
            steps = strides(access.buffer)
            for loop in nest:
                name, trips = loop.var.name, length(loop)
                trips = _GUESS if trips is None else max(1, trips)
                if any(form is None for form in access.indices):
                    costs[name] += 1
                    continue
                moved = abs(sum(f.coefficient(name) * s for f, s in zip(access.indices, steps) if f is not None))
                lines = min(1.0, moved * loop.step * access.buffer.dtype.bytes / _CACHE_LINE)
                costs[name] += max(1 / trips, lines) if moved else 0.0  # per iteration
        # the cost is that of the loop as the innermost one, so the most expensive goes out
        ranks = {name: -cost for name, cost in costs.items()}
        if self.order == "register":
            # An element that a tile of the innermost loop reduces into stays in its register over a whole reduction.
            last = max(ranks, key=lambda name: ranks[name])
            carriers = {one.carrier for one in everything if one.kind == "reduction"}
            ranks.update((name, rank + 1e18) for name, rank in ranks.items() if name in carriers and name != last)
            ranks[last] = 1e30
        return ranks

    def _sorted(
        self, nest: list[For], ranks: dict[str, float], everything: list[Dependence], ranges: Ranges
    ) -> list[For]:
        order = list(nest)
        for end in range(len(order) - 1, 0, -1):
            for place in range(end):
                outer, inner = order[place], order[place + 1]
                if ranks[outer.var.name] <= ranks[inner.var.name]:
                    continue
                around = [loop.var.name for loop in order[:place]]
                if _reverses(everything, around, outer.var.name, inner.var.name):
                    continue
                scope = ranges
                for loop in order[:place]:
                    scope = scope.inside(loop)
                swapped = swap(outer, inner, scope)
                if swapped is not None:
                    if swapped[0].kind == "parallel" and any(
                        may_differ(one, inner.var.name, around) for one in everything
                    ):
                        swapped = replace(swapped[0], kind="serial"), swapped[1]
                    order[place : place + 2] = swapped
        return order


def _reverses(everything: list[Dependence], around: list[str], outer: str, inner: str) -> bool:
    """Whether swapping two adjacent loops would put some sink before its source."""
    for one in everything:
        if one.kind == "reduction" or inner not in one.loops:
            continue
        if one.interval(outer)[1] > 0 > one.interval(inner)[0]:
            if one.may({**dict.fromkeys(around, "="), outer: "<", inner: ">"}):  # type: ignore[dict-item]
                return True
    return False


def swap(outer: For, inner: For, ranges: Ranges) -> tuple[For, For] | None:
    """The heads of two nested loops the other way round, over exactly the same iterations; None if they have no such
    bounds. (Bodies are left as they were.)"""
    if outer.var.name not in free_variables(inner.start) | free_variables(inner.stop):
        return (inner, outer) if bounds_are_free(inner) else None
    if outer.step != 1 or inner.step != 1 or not (moderate(outer, ranges) and moderate(inner, ranges.inside(outer))):
        return None
    lowers, uppers = _forms("max", outer.start), _forms("min", outer.stop)
    inner_lowers, inner_uppers = _forms("max", inner.start), _forms("min", inner.stop)
    if lowers is None or uppers is None or inner_lowers is None or inner_uppers is None:
        return None
    i, j = outer.var.name, Affine.variable(inner.var.name)
    # Fourier-Motzkin elimination of the outer variable gives the new outer bounds; they may be wider than necessary,
    # and the new inner bounds, which solve the old ones, are then empty.
    starts, stops, new_lowers, new_uppers = [], [], list(lowers), list(uppers)
    for form in inner_lowers:  # form <= j
        c, rest = form.coefficient(i), form.without(i)
        if abs(c) > 1:
            return None
        starts += [rest] if c == 0 else [rest + x for x in lowers] if c > 0 else [rest - x + 1 for x in uppers]
        if c > 0:
            new_uppers.append(j - rest + 1)  # i <= j - rest
        elif c < 0:
            new_lowers.append(rest - j)
    for form in inner_uppers:  # j < form
        c, rest = form.coefficient(i), form.without(i)
        if abs(c) > 1:
            return None
        stops += [rest] if c == 0 else [rest + x - 1 for x in uppers] if c > 0 else [rest - x for x in lowers]
        if c > 0:
            new_lowers.append(j - rest + 1)  # i > j - rest
        elif c < 0:
            new_uppers.append(rest - j)
    return (
        replace(inner, start=_joined("max", starts), stop=_joined("min", stops)),
        replace(outer, start=_joined("max", new_lowers), stop=_joined("min", new_uppers)),
    )


def _forms(op: str, bound: Expr) -> list[Affine] | None:
    forms = [affine(part) for part in parts(op, bound)]
    return None if any(form is None for form in forms) else [form for form in forms if form is not None]


def _joined(op: str, forms: list[Affine]) -> Expr:
    unique = list(dict.fromkeys(forms))
    return fold(lambda left, right: Binary(op, left, right), [form.expression() for form in unique])
