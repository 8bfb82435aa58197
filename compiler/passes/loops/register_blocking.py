"""Register blocking: matrix products and convolutions in blocks whose results stay in registers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from misfold.compiler.loops.accesses import Access, Accesses
from misfold.compiler.loops.ir import (
    Allocate,
    Buffer,
    Const,
    Expr,
    For,
    Function,
    Load,
    LoopKind,
    Reduce,
    Statement,
    Store,
    Var,
    index,
)
from misfold.compiler.loops.operators import identity
from misfold.compiler.loops.ranges import Ranges
from misfold.compiler.loops.verify import trip_count
from misfold.compiler.loops.visit import Block, Names, all_expressions, substitute, substitute_block
from misfold.compiler.passes.base import LoopPass, parameter

from .nests import bounds_are_free, perfect_nest, plus, rebuilt, rewrite_loops, strides

#: Fewer terms in a sum than this are not worth the accumulators' way to memory and back.
_FEWEST_TERMS = 4
_FEWEST_LANES = 4
#: More expression nodes than this in the innermost statement are no product.
_LARGEST = 32


@dataclass(frozen=True)
class RegisterBlocking(LoopPass):
    """Computes blocks of ``rows`` times ``vectors`` vectors in registers, over all terms of their sums: the
    micro-kernel of Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication" (TOMS 2008), without
    packing.

    What tiling, interchange, unroll-and-jam, vectorisation and scalar replacement make of a product in many steps, in
    one; all other loops are left alone.
    """

    name = "register-blocking"
    precondition = (
        "A perfect nest of serial loops with constant bounds holds one reduction and nothing else, which does not read "
        "the buffer it reduces into: all its iterations may then run in any order, into partial results too."
    )

    rows: int = parameter(8, "rows of a block", (2, 4, 6, 8))
    vectors: int = parameter(2, "vectors of a row of a block", (1, 2, 4))
    width: int = parameter(512, "bits of a vector", (128, 256, 512))
    smallest: int = parameter(0, "iterations of a nest for which it is worth the code", (0, 4096, 65536, 1 << 20))

    def run(self, function: Function) -> Function:
        names = Names(function)
        return rewrite_loops(function, lambda loop, ranges: self._visit(loop, ranges, names))

    def _visit(self, loop: For, ranges: Ranges, names: Names) -> Sequence[Statement] | None:
        nest = perfect_nest(loop)
        inner = nest[-1].body
        if len(nest) < 3 or len(inner) != 1 or not isinstance(inner[0], Reduce) or not _free(nest, inner[0]):
            return None
        statement = inner[0]
        accesses = Accesses((loop,), ranges).found
        sums = [one for one in nest if not _moves(accesses[-1], one)]
        lanes = self.width // max(one.buffer.dtype.bits for one in accesses)
        along = _along(nest, accesses, lanes)
        if along is None or _product(sums) < _FEWEST_TERMS or _product(nest) < self.smallest:
            return None
        across = _across(nest, accesses, along)
        if across is None:
            return None
        around = [one for one in nest if one not in sums and one is not along and one is not across]
        return tuple(_Blocking(self, statement, along, across, sums, lanes, names).blocks(around, nest))


def _free(nest: Sequence[For], statement: Reduce) -> bool:
    """Whether the iterations of a nest around one reduction may run in any order."""
    used = [node for node in all_expressions((statement,)) if isinstance(node, Load)]
    return (
        all(one.kind == "serial" and one.step == 1 and bounds_are_free(one) and trip_count(one) for one in nest)
        and all(isinstance(one.start, Const) for one in nest)
        and all(node.buffer.name != statement.buffer.name for node in used)
        and len(all_expressions((statement,))) <= _LARGEST
    )


def _product(loops: Sequence[For]) -> int:
    count = 1
    for one in loops:
        count *= trip_count(one) or 0
    return count


def _moves(access: Access, loop: For) -> bool:
    """Whether an access is to other elements in other iterations of a loop."""
    return any(form is None or form.coefficient(loop.var.name) for form in access.indices)


def _step(access: Access, loop: For) -> int | None:
    """How many elements further an access is in the next iteration; None: not known."""
    if any(form is None for form in access.indices):
        return None
    steps = strides(access.buffer)
    return sum(form.coefficient(loop.var.name) * step for form, step in zip(access.indices, steps) if form is not None)


def _along(nest: Sequence[For], accesses: Sequence[Access], lanes: int) -> For | None:
    """The loop for the lanes of vectors: results are consecutive, and each operand is so too or the same in all."""
    for loop in reversed(nest):
        found = [_step(access, loop) for access in accesses]
        if found[-1] == 1 and all(step in (0, 1) for step in found) and 1 in found[:-1]:
            return loop if lanes >= _FEWEST_LANES and (trip_count(loop) or 0) >= _FEWEST_LANES else None
    return None


def _across(nest: Sequence[For], accesses: Sequence[Access], along: For) -> For | None:
    """The loop for the rows of blocks: they share the vectors that are loaded."""
    for loop in nest:
        if loop is along or not _moves(accesses[-1], loop) or (trip_count(loop) or 0) < 2:
            continue
        if any(not _moves(access, loop) and _moves(access, along) for access in accesses[:-1]):
            return loop
    return None


@dataclass(frozen=True)
class _Blocking:
    parameters: RegisterBlocking
    statement: Reduce
    along: For
    across: For
    sums: Sequence[For]
    lanes: int
    names: Names

    def blocks(self, around: Sequence[For], nest: Sequence[For]) -> Iterator[Statement]:
        """The nest in parts: as many columns as fill rows of blocks, then vectors, then what is left."""
        first, stop = _bounds(self.along)
        lanes = self.lanes
        for width, lanes in (
            (self.lanes * self.parameters.vectors, self.lanes),
            (self.lanes, self.lanes),
            (1 << ((stop - first) % self.lanes).bit_length() - 1 if (stop - first) % self.lanes else 0, 0),
        ):
            count = (stop - first) // width if width >= _FEWEST_LANES else 0
            if count:
                part = replace(self.along, start=index(first), stop=index(first + count * width), step=width)
                yield from self._rows(around, part, lanes or width)
                first += count * width
        if first < stop:
            rest = [replace(one, start=index(first)) if one is self.along else one for one in nest]
            yield from self._renamed(rest)

    def _renamed(self, nest: Sequence[For]) -> Block:
        fresh = {one.var.name: Var(self.names.fresh(one.var.name)) for one in nest}
        heads = [replace(one, var=fresh[one.var.name]) for one in nest]
        return rebuilt(heads, substitute_block((self.statement,), fresh))

    def _rows(self, around: Sequence[For], columns: For, lanes: int) -> Iterator[Statement]:
        first, stop = _bounds(self.across)
        rows = min(self.parameters.rows, stop - first)
        rows = next((one for one in range(rows, rows // 2, -1) if (stop - first) % one == 0), rows)
        middle = first + (stop - first) // rows * rows
        for start, end, count in ((first, middle, rows), (middle, stop, stop - middle)):
            if start < end:
                part = replace(self.across, start=index(start), stop=index(end), step=count)
                yield from self._block([*around, columns, part], columns.step, count, lanes)

    def _block(self, heads: Sequence[For], width: int, rows: int, lanes: int) -> Block:
        """A nest over blocks of one size."""
        target = self.statement.buffer
        total = Buffer(self.names.fresh(f"{target.name}_block"), target.dtype, (rows, width))
        fresh: dict[str, Expr] = {one.var.name: Var(self.names.fresh(one.var.name)) for one in (*heads, *self.sums)}

        def in_block(kind: str) -> Block:
            """One statement for each element of the block."""
            row, vector, lane = [Var(self.names.fresh(name)) for name in ("row", "vector", "lane")]
            column = plus(vector, lane) if width > lanes else lane
            values = {
                **fresh,
                self.across.var.name: plus(fresh[self.across.var.name], row),
                self.along.var.name: plus(fresh[self.along.var.name], column),
            }
            old = self.statement
            statement: Statement
            if kind == "start":
                start = identity(old.op, target.dtype)
                # -0.0 is the neutral element: 0.0 would make -0.0 of a sum 0.0.
                start = -0.0 if old.op == "add" and target.dtype.is_float else start
                statement = Store(total, (row, column), Const(start, target.dtype))
            elif kind == "sum":
                statement = Reduce(old.op, total, (row, column), substitute(old.value, values))
            else:
                indices = tuple([substitute(one, values) for one in old.indices])
                statement = Reduce(old.op, target, indices, Load(total, (row, column)))
            body: Block = (_loop(lane, lanes, (statement,), "vectorised"),)
            if width > lanes:
                body = (_loop(vector, width, body, "unrolled", lanes),)
            return (_loop(row, rows, body, "unrolled"),)

        terms = rebuilt([_with_variable(one, fresh) for one in self.sums], in_block("sum"))
        return rebuilt(
            [_with_variable(one, fresh) for one in heads],
            (Allocate(total), *in_block("start"), *terms, *in_block("end")),
        )


def _bounds(loop: For) -> tuple[int, int]:
    start, stop = loop.start, loop.stop
    assert isinstance(start, Const) and isinstance(stop, Const)
    return int(start.value), int(stop.value)


def _with_variable(loop: For, variables: dict[str, Expr]) -> For:
    var = variables[loop.var.name]
    assert isinstance(var, Var)
    return replace(loop, var=var)


def _loop(var: Var, stop: int, body: Block, kind: LoopKind, step: int = 1) -> For:
    return For(var, index(0), index(stop), body, kind, step)
