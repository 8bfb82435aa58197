"""Vectorisation: runs consecutive iterations of a loop in the lanes of a vector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from misfold.compiler.loops.accesses import Access, Accesses
from misfold.compiler.loops.dependence import Dependence, each_dependence
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
    Reduce,
    Statement,
    Store,
    Var,
    index,
)
from misfold.compiler.loops.operators import identity
from misfold.compiler.loops.ranges import Ranges
from misfold.compiler.loops.verify import trip_count
from misfold.compiler.loops.visit import (
    Block,
    Names,
    bound_names,
    free_variables,
    loads,
    map_blocks,
    map_expressions,
    renamed,
    rewrite,
    statements,
    substitute_block,
)
from misfold.compiler.passes.base import LoopPass, parameter

from .nests import length, moderate, plus, reorderable, rewrite_loops, strides

Indices = tuple[Expr, ...]
#: What a reduction goes into: operation, buffer and element.
Target = tuple[str, Buffer, Indices]
_MAX_LANES = 64


@dataclass(frozen=True)
class Vectorisation(LoopPass):
    """Makes vectorised loops of the innermost loops: Allen and Kennedy, "Optimizing Compilers for Modern
    Architectures", chapter 5, for the test; Nuzman, Rosen and Zaks, "Auto-Vectorization of Interleaved Data for SIMD"
    (PLDI 2006) and LLVM's loop vectoriser for the shape of the result.

    A reduction into one element becomes one partial result per lane, and these are combined after the loop.
    """

    name = "vectorisation"
    precondition = (
        "A serial or parallel loop contains no loops but unrolled ones, carries no dependence other than reductions, "
        "and reads and writes consecutive elements or, in all its iterations, the same: then iterations may run in "
        "lockstep."
    )

    lanes: int = parameter(
        0, "lanes of a vector; 0: as many of the widest type used as fill a register", (0, 2, 4, 8, 16, 32, 64)
    )
    width: int = parameter(512, "bits of a register, for lanes = 0", (128, 256, 512))
    tail: str = parameter(
        "scalar",
        "iterations that fill no vector: scalar: a loop of their own; masked: every vector is under an if; split: a "
        "last vector under an if",
        ("scalar", "masked", "split"),
    )
    accumulators: int = parameter(1, "vectors of partial results of a reduction", (1, 2, 4, 8))
    strided: bool = parameter(False, "also where elements are not consecutive", (False, True))

    def run(self, function: Function) -> Function:
        names = Names(function)
        return rewrite_loops(function, lambda loop, ranges: self._visit(loop, ranges, names))

    def _visit(self, loop: For, ranges: Ranges, names: Names) -> Sequence[Statement] | None:
        inside = [one for one in statements(loop.body) if isinstance(one, For)]
        if not reorderable(loop) or any(one.kind != "unrolled" for one in inside):
            return None
        if not moderate(loop, ranges):
            return (loop,)
        trips = length(loop)
        if trips is None and loop.step != 1:
            return (loop,)
        accesses = Accesses((loop,), ranges).found
        lanes = self._lanes(accesses, trips)
        if lanes < 2 or not self._consecutive(loop, accesses):
            return (loop,)
        everything = []
        for one in each_dependence(loop, ranges):
            if one.level == 0 and one.kind != "reduction":
                return (loop,)
            everything.append(one)
        targets = _targets(loop, everything) if loop.kind == "serial" else []
        return _Vectoriser(self, loop, lanes, targets, names).result(trips)

    def _lanes(self, accesses: Sequence[Access], trips: int | None) -> int:
        lanes = self.lanes
        if not lanes:
            lanes = min(_MAX_LANES, self.width // max([one.buffer.dtype.bits for one in accesses], default=64))
            while trips is not None and lanes > trips:
                lanes //= 2
        return lanes if trips is None or lanes <= trips else 0

    def _consecutive(self, loop: For, accesses: Sequence[Access]) -> bool:
        found = self.strided
        for access in accesses:
            if access.private and not self.strided:  # gets a lane dimension
                continue
            if any(form is None for form in access.indices):
                if not self.strided:
                    return False
                continue
            moved = sum(
                form.coefficient(loop.var.name) * stride
                for form, stride in zip(access.indices, strides(access.buffer))
                if form is not None
            )
            if moved * loop.step not in (0, 1) and not self.strided:
                return False
            found = found or moved != 0
        return found


def _targets(loop: For, everything: Sequence[Dependence]) -> list[Target]:
    """Elements that every iteration reduces into, and nothing else in the loop touches."""
    ordered = {
        one.path for d in everything if d.kind != "reduction" for one in (d.source, d.sink) if one.kind == "reduce"
    }
    inner = set(bound_names((loop,)))
    found: dict[Target, None] = {}

    def walk(block: Block, path: tuple[int, ...]) -> None:
        for number, one in enumerate(block):
            here = (*path, number)
            if isinstance(one, For):
                if trip_count(one) != 0:
                    walk(one.body, here)
            elif isinstance(one, Reduce) and here not in ordered and one.buffer.name not in inner:
                if not any(free_variables(i) & inner or loads(i) for i in one.indices):
                    found[(one.op, one.buffer, one.indices)] = None

    walk(loop.body, (0,))
    return list(found)


@dataclass
class _Vectoriser:
    """Builds what takes the place of one loop."""

    options: Vectorisation
    loop: For
    lanes: int
    targets: list[Target]
    names: Names
    #: Partial results, [accumulators, lanes].
    partial: dict[Target, Buffer] = field(default_factory=dict)
    used: bool = False

    def result(self, trips: int | None) -> list[Statement]:
        loop = self.loop
        masked = self.options.tail == "masked" and (trips is None or trips % self.lanes != 0)
        several = self.options.accumulators if self.targets and not masked else 1
        if trips is not None:
            several = min(several, trips // self.lanes) or 1
        for target in self.targets:
            buffer = target[1]
            shape = (several, self.lanes)
            self.partial[target] = Buffer(self.names.fresh(f"{buffer.name}_partial"), buffer.dtype, shape)
        main: list[Statement] = []
        tail: list[Statement] = []
        lets: list[Statement] = []
        at, left = loop.start, trips
        if not masked:
            for count in dict.fromkeys((several, 1)):
                span = self.lanes * count
                end = self._end(at, span, left, lets)
                main += self._section(at, end, count, False, None if left is None else left // span)
                at, left = end, None if left is None else left % span
        if left != 0 and (masked or self.options.tail == "split"):
            main += self._section(at, loop.stop, 1, True, None if left is None else -(-left // self.lanes))
        elif left != 0:
            var = Var(self.names.fresh(loop.var.name))
            body = substitute_block(renamed(loop.body, self.names), {loop.var.name: var})
            tail.append(replace(loop, var=var, start=at, body=body))
        return [*lets, *self._before(several), *main, *self._after(several, trips), *tail]

    def _end(self, start: Expr, span: int, left: int | None, lets: list[Statement]) -> Expr:
        """Where the whole spans from a start on end; ``left`` are the iterations from there."""
        if left is not None:
            return plus(start, left // span * span * self.loop.step)
        room = Binary("max", Binary("sub", self.loop.stop, start), index(0))
        spans = Binary("mul", Binary("floordiv", room, index(span)), index(span))
        end = Var(self.names.fresh(f"{self.loop.var.name}_end"))
        lets.append(Let(end, Binary("add", start, spans)))
        return end

    def _section(self, start: Expr, stop: Expr, count: int, masked: bool, turns: int | None) -> list[Statement]:
        """The iterations from start to stop, ``count`` vectors at a time, this many times."""
        if turns == 0:
            return []
        stride = self.loop.step * self.lanes * count
        block = Var(self.names.fresh(f"{self.loop.var.name}_block"))
        base: Expr = block
        if turns == 1:
            base = start
        elif turns is not None and not isinstance(start, Const):  # so that bounds are constants
            base = plus(start, block)
            start, stop = index(0), index(turns * stride)
        if count == 1:
            body = self._vector(base, index(0), masked)
        else:
            unit = Var(self.names.fresh("unit"))
            shifted = plus(base, Binary("mul", unit, index(self.lanes * self.loop.step)))
            body = [For(unit, index(0), index(count), tuple(self._vector(shifted, unit, masked)), "unrolled")]
        if turns == 1:
            return body
        return [For(block, start, stop, tuple(body), self.loop.kind, stride)]

    def _vector(self, base: Expr, unit: Expr, masked: bool) -> list[Statement]:
        """One vector of iterations, from ``base`` on."""
        loop, names = self.loop, self.names
        lane = Var(names.fresh(f"{loop.var.name}_lane"))
        body = renamed(loop.body, names) if self.used else loop.body
        self.used = True
        value = plus(base, lane if loop.step == 1 else Binary("mul", lane, index(loop.step)))
        local = {
            one.buffer.name: Buffer(one.buffer.name, one.buffer.dtype, (*one.buffer.shape, self.lanes))
            for one in statements(body)
            if isinstance(one, Allocate)
        }
        partial: dict[tuple[str, str, Indices], tuple[Buffer, Indices]] = {
            (op, buffer.name, indices): (self.partial[(op, buffer, indices)], (unit, lane))
            for op, buffer, indices in self.targets
        }
        body = _per_lane(body, local, lane, partial)
        body = substitute_block(body, {loop.var.name: value})
        if masked:
            body = (If(Binary("lt", value, loop.stop), body),)
        vector = For(lane, index(0), index(self.lanes), body, "vectorised")
        return [*(Allocate(buffer) for buffer in local.values()), vector]

    def _before(self, several: int) -> list[Statement]:
        if not self.targets:
            return []
        lane = Var(self.names.fresh(f"{self.loop.var.name}_lane"))
        stores = [
            Store(buffer, (index(unit), lane), Const(_start(target[0], buffer), buffer.dtype))
            for target, buffer in self.partial.items()
            for unit in range(several)
        ]
        vector = For(lane, index(0), index(self.lanes), tuple(stores), "vectorised")
        return [*(Allocate(buffer) for buffer in self.partial.values()), vector]

    def _after(self, several: int, trips: int | None) -> list[Statement]:
        if not self.targets:
            return []
        lane = Var(self.names.fresh(f"{self.loop.var.name}_lane"))
        body: list[Statement] = []
        for (op, buffer, indices), partial in self.partial.items():
            first = (index(0), lane)
            for unit in range(1, several):
                body.append(Reduce(op, partial, first, Load(partial, (index(unit), lane))))
            body.append(Reduce(op, buffer, indices, Load(partial, first)))
        vector = For(lane, index(0), index(self.lanes), tuple(body), "vectorised")
        if trips is None:  # a loop that does not run touches nothing
            return [If(Binary("lt", self.loop.start, self.loop.stop), (vector,))]
        return [vector]


def _start(op: str, buffer: Buffer) -> int | float | bool:
    """The identity; of a float sum −0.0, so that a sum of negative zeros stays one."""
    return -0.0 if op == "add" and buffer.dtype.is_float else identity(op, buffer.dtype)


def _per_lane(
    block: Block,
    local: dict[str, Buffer],
    lane: Var,
    partial: dict[tuple[str, str, Indices], tuple[Buffer, Indices]],
) -> Block:
    """A body with local buffers that have a lane dimension, and are allocated outside, and with partial results."""

    def in_expression(node: Expr) -> Expr:
        if isinstance(node, Load) and node.buffer.name in local:
            return Load(local[node.buffer.name], (*node.indices, lane))
        return node

    def in_block(inner: Block, conditional: bool) -> Block:
        result: list[Statement] = []
        for one in inner:
            if isinstance(one, Allocate):
                continue
            if local:
                one = map_expressions(one, lambda expression: rewrite(expression, in_expression))
            if isinstance(one, Store | Reduce) and one.buffer.name in local:
                one = replace(one, buffer=local[one.buffer.name], indices=(*one.indices, lane))
            elif isinstance(one, Reduce) and not conditional:
                found = partial.get((one.op, one.buffer.name, one.indices))
                if found is not None:
                    one = Reduce(one.op, found[0], found[1], one.value)
            inside = conditional or isinstance(one, If)
            result.append(map_blocks(one, lambda further, inside=inside: in_block(further, inside)))  # type: ignore[misc]
        return tuple(result)

    return in_block(block, False)
