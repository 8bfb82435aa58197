"""Elements that a loop comes back to live in a small local buffer, which becomes registers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from math import prod

from misfold.compiler.dtypes import INDEX
from misfold.compiler.loops.ir import (
    Allocate,
    Binary,
    Buffer,
    Const,
    Expr,
    For,
    Function,
    If,
    Let,
    Load,
    LoopKind,
    Reduce,
    Statement,
    Store,
    Var,
    index,
)
from misfold.compiler.loops.ranges import Linear, Ranges
from misfold.compiler.loops.verify import MAX_LANES, trip_count
from misfold.compiler.loops.visit import Block, Names, nodes, statements, with_body
from misfold.compiler.passes.base import LoopPass, parameter

from .contraction import contract
from .forwarding import forward
from .regions import Indices, Region, Use, region, replace_accesses, split, uses_of
from .simplify import write_linear


@dataclass(frozen=True)
class ScalarReplacement(LoopPass):
    """Three ways to memory not touched: D. Callahan, S. Carr and K. Kennedy, *Improving Register Allocation for
    Subscripted Variables*, PLDI 1990 (here for whole tiles: the accumulators of an unrolled or vectorised matmul);
    stored values are forwarded to loads; temporary buffers lose dimensions (array contraction)."""

    name = "scalar-replacement"
    precondition = (
        "All accesses to the buffer in the loop are at indices that differ only in parts bound inside, the loop runs "
        "at least once, and surely accesses each element of the region: so loading it before is as defined as it was."
    )

    limit: int = parameter(256, "elements that may live in a local buffer during a loop", (1, 16, 64, 256, 1024))
    forward: bool = parameter(True, "whether stored values are forwarded to loads", (True, False))
    contract: bool = parameter(True, "whether temporaries lose dimensions that a loop has fixed", (True, False))

    def run(self, function: Function) -> Function:
        body = function.body
        if self.contract:
            body = contract(body)
        if self.forward:
            body = forward(body, Names(function))
        promotion = _Promotion(self.limit, replace(function, body=body))
        promoted = promotion.block(body, Ranges())
        if promotion.changed:
            body = promoted
        return function if body is function.body else replace(function, body=body)


class _Promotion:
    def __init__(self, limit: int, function: Function):
        self.limit = limit
        self.names = Names(function)
        #: Parameters whose every element has a value at any time.
        self.initialised = {one.buffer.name for one in function.parameters if one.role != "out"}
        self.local: dict[str, Buffer] = {}
        self.changed = False

    def block(self, block: Block, ranges: Ranges) -> Block:
        if not any(isinstance(statement, Allocate | For | If) for statement in block):
            return block
        result: list[Statement] = []
        for statement in block:
            match statement:
                case Let(var, value):
                    ranges.bind(var, value)
                    result.append(statement)
                case Allocate(buffer):
                    self.local[buffer.name] = buffer
                    result.append(statement)
                case For() if statement.kind != "vectorised":
                    before, loop, after = self.loop(statement, ranges)
                    loop = with_body(loop, self.block(loop.body, ranges.inside(loop)))
                    result += (*before, loop, *after)
                case If(condition, then, other):
                    then = self.block(then, ranges.assuming(condition, True))
                    result.append(If(condition, then, self.block(other, ranges.assuming(condition, False))))
                case _:
                    result.append(statement)
        return tuple(result)

    def loop(self, loop: For, ranges: Ranges) -> tuple[Block, For, Block]:
        """What comes before the loop, the loop, what comes after it."""
        before: list[Statement] = []
        after: list[Statement] = []
        if loop.kind == "parallel" or ranges.truth(Binary("lt", loop.start, loop.stop)) is not True:
            return (), loop, ()
        candidates = _come_back(loop)
        if not candidates:
            return (), loop, ()
        inner_loops = {s.var.name: s for s in statements(loop.body) if isinstance(s, For)}
        if any(inner.kind == "parallel" for inner in inner_loops.values()):
            return (), loop, ()
        inside = {loop.var.name} | {s.var.name for s in statements(loop.body) if isinstance(s, Let | For)}
        for name, uses in uses_of(loop.body, ranges.inside(loop)).items():
            if name not in candidates:
                continue
            place = self._place(uses, inside, inner_loops)
            if place is None:
                continue
            where, loads = place
            buffer = uses[0].buffer
            shape = _shape(where)
            tile = Buffer(self.names.fresh(f"{name}_{'tile' if shape else 'element'}"), buffer.dtype, shape)
            self.local[tile.name] = tile
            loop = with_body(loop, replace_accesses(loop.body, {name: (tile, partial(_local, where, inside))}))
            kinds = _kinds(uses, inside, inner_loops)
            before.append(Allocate(tile))
            if loads:
                before += self._copies(where, kinds, buffer, tile, load=True)
            after += self._copies(where, kinds, buffer, tile, load=False)
            self.changed = True
        return tuple(before), loop, tuple(after)

    def _place(self, uses: list[Use], inside: set[str], loops: dict[str, For]) -> tuple[Region, bool] | None:
        """The region that lives in a tile, and whether it has to be loaded first."""
        where = region(uses, inside, pieces=True)
        if where is None:
            return None
        elements = prod(len(one.pieces) * one.width for one in where)
        if elements > self.limit:
            return None
        known = self.local.get(uses[0].buffer.name)
        if known is not None and known.elements <= elements:
            return None
        covered: set[tuple[tuple[int, int], ...]] = set()
        for use in uses:
            box = _box(use, where, inside, loops) if use.certain else None
            if box is not None:
                covered.update(product(*box))
                if len(covered) == elements:
                    break
        else:
            return None
        if elements == 1 and uses[0].kind == "store" and uses[0].certain:
            return where, False
        if uses[0].buffer.name not in self.initialised:
            # A first value is surely there only if each store comes after a read of the very same element.
            read: set[tuple[Expr, ...]] = set()
            for use in uses:
                if use.kind == "store" and use.indices not in read:
                    return None
                if use.kind != "store" and use.certain:
                    read.add(use.indices)
        return where, True

    def _copies(
        self, where: Region, kinds: dict[int, LoopKind], buffer: Buffer, tile: Buffer, load: bool
    ) -> list[Statement]:
        """A loop nest for each piece of the region."""
        return [
            self._copy(where, pieces, kinds, buffer, tile, load) for pieces in product(*[one.pieces for one in where])
        ]

    def _copy(
        self,
        where: Region,
        pieces: tuple[int, ...],
        kinds: dict[int, LoopKind],
        buffer: Buffer,
        tile: Buffer,
        load: bool,
    ) -> Statement:
        variables: dict[int, Var] = {}
        outside: list[Expr] = []
        local: list[Expr] = []
        for number, (one, piece) in enumerate(zip(where, pieces)):
            form = one.base.plus(Linear(piece + one.span.low))
            if len(one.pieces) > 1:
                local.append(index(one.pieces.index(piece)))
            if one.width > 1:
                variables[number] = Var(self.names.fresh(f"t{len(variables)}"))
                form = form.plus(Linear(0, {variables[number]: 1}))
                local.append(variables[number])
            outside.append(write_linear(form, INDEX))
        statement: Statement
        if load:
            statement = Store(tile, tuple(local), Load(buffer, tuple(outside)))
        else:
            statement = Store(buffer, tuple(outside), Load(tile, tuple(local)))
        lanes = [d for d in variables if kinds.get(d) == "vectorised" and where[d].width <= MAX_LANES][-1:]
        for dimension in (*lanes, *reversed([d for d in variables if d not in lanes])):
            kind: LoopKind = "unrolled" if where[dimension].width <= 16 else "serial"
            kind = "vectorised" if dimension in lanes else kind
            statement = For(variables[dimension], index(0), index(where[dimension].width), (statement,), kind)
        return statement


def _shape(where: Region) -> tuple[int, ...]:
    """Of a buffer for a region: number of pieces and width of each dimension, where it has more than one."""
    return tuple([size for one in where for size in (len(one.pieces), one.width) if size > 1])


def _local(where: Region, inside: set[str], indices: Indices) -> Indices:
    """The place of an element in a buffer for a region."""
    result: list[Expr] = []
    for one, dimension in zip(indices, where):
        piece, place = dimension.place(split(one, inside)[1])
        if len(dimension.pieces) > 1:
            result.append(index(dimension.pieces.index(piece)))
        if dimension.width > 1:
            result.append(write_linear(place, INDEX))
    return tuple(result)


def _come_back(loop: For) -> set[str]:
    """Buffers from outside that the loop writes, always at indices that its variable is not in."""
    found: set[str] = set()
    others: set[str] = set()
    for statement in statements(loop.body):
        if isinstance(statement, Allocate):
            others.add(statement.buffer.name)
        elif isinstance(statement, Store | Reduce):
            depends = any(node == loop.var for one in statement.indices for node in nodes(one))
            (others if depends else found).add(statement.buffer.name)
    return found - others


def _box(use: Use, where: Region, inside: set[str], loops: dict[str, For]) -> list[list[tuple[int, int]]] | None:
    """The elements that one access touches, all of them, while loops inside run: of each dimension, pieces and places.
    None: no box, or not known."""
    box: list[list[tuple[int, int]]] = []
    seen: set[str] = set()
    for one, dimension in zip(use.indices, where):
        piece, form = dimension.place(split(one, inside)[1])
        low = form.constant
        strides: list[tuple[int, int]] = []
        for atom, coefficient in form.terms.items():
            loop = loops.get(atom.name) if isinstance(atom, Var) else None
            trips = trip_count(loop) if loop is not None else None
            if loop is None or not trips or not isinstance(loop.start, Const) or loop.var.name in seen:
                return None
            seen.add(loop.var.name)
            first, step = coefficient * int(loop.start.value), coefficient * loop.step
            low += first + min(0, step * (trips - 1))
            strides.append((abs(step), trips))
        # Every place is met if each variable steps over exactly what those with smaller steps fill.
        width = 1
        for stride, trips in sorted(strides):
            if stride != width:
                return None
            width *= trips
        box.append([(piece, low + number) for number in range(width)])
    return box


def _kinds(uses: list[Use], inside: set[str], loops: dict[str, For]) -> dict[int, LoopKind]:
    """The kinds of the loops that run along each dimension: copies are vectorised where accesses are."""
    kinds: dict[int, LoopKind] = {}
    for use in uses:
        for dimension, one in enumerate(use.indices):
            for atom in split(one, inside)[1].terms:
                if isinstance(atom, Var) and atom.name in loops and kinds.get(dimension) != "vectorised":
                    kinds[dimension] = loops[atom.name].kind
    return kinds
