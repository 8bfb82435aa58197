"""Memory planning: temporaries whose lives do not meet share memory."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from misfold.compiler.dtypes import INDEX
from misfold.compiler.loops.ir import (
    Allocate,
    Binary,
    Buffer,
    Const,
    Expr,
    Function,
    If,
    Load,
    Reduce,
    Statement,
    Store,
)
from misfold.compiler.loops.ranges import Ranges
from misfold.compiler.loops.visit import (
    Block,
    Names,
    loads,
    map_blocks,
    map_expressions,
    map_statements,
    rewrite,
    touched,
)
from misfold.compiler.passes.base import LoopPass, parameter

from .simplify import write_linear


@dataclass(frozen=True)
class BufferReuse(LoopPass):
    """Linear scan over the statements of each block (M. Poletto and V. Sarkar, *Linear Scan Register Allocation*,
    TOPLAS 1999), best fit by size. Buffers of one shape share one buffer of that shape. As buffers never overlap,
    those of different shapes can only share a flat one with computed indices, which other passes see less in."""

    name = "buffer-reuse"
    precondition = (
        "Both buffers are allocated in one block, have one element type, and all statements of the block that use the "
        "one come before all that use the other. Nothing reads an element before it is written, so no value survives."
    )

    shapes: str = parameter("any", "which buffers share: those of the same shape, or any", ("same", "any"))
    smallest: int = parameter(64, "buffers of fewer elements are left to be registers", (1, 64, 1024))
    sink: bool = parameter(True, "whether allocations move down to their first use", (True, False))

    def run(self, function: Function) -> Function:
        planner = _Planner(self, Names(function))
        body = planner.block(function.body)
        if planner.flat or planner.renamed:
            body = _redirected(body, planner)
        return function if body == function.body else replace(function, body=body)


@dataclass(eq=False)
class _Slot:
    """Memory for several buffers, one after the other in time."""

    buffers: list[Buffer] = field(default_factory=list)
    elements: int = 0
    #: The last statement of the block that uses it.
    last: int = -1

    @property
    def same(self) -> bool:
        return all(one.shape == self.buffers[0].shape for one in self.buffers)


class _Planner:
    def __init__(self, options: BufferReuse, names: Names):
        self.options = options
        self.names = names
        #: Buffers that become another one of the same shape; buffers that become part of a flat one.
        self.renamed: dict[str, Buffer] = {}
        self.flat: dict[str, Buffer] = {}

    def block(self, block: Block) -> Block:
        if not any(isinstance(statement, Allocate) for statement in block):
            return _each(block, self.block)
        block = _each(self._sunk(block) if self.options.sink else block, self.block)
        spans = _spans(block)
        slots = self._slots(block, spans)
        shared = [slot for slot in slots if len(slot.buffers) > 1]
        if not shared:
            return block
        replacing: dict[str, Buffer | None] = {}  # what an Allocate becomes; None: nothing
        for slot in shared:
            first = slot.buffers[0]
            if slot.same:
                replacing.update({one.name: None for one in slot.buffers[1:]})
                self.renamed.update({one.name: first for one in slot.buffers[1:]})
            else:
                flat = Buffer(self.names.fresh(f"{first.name}_memory"), first.dtype, (slot.elements,))
                replacing.update({one.name: None for one in slot.buffers})
                replacing[first.name] = flat
                self.flat.update({one.name: flat for one in slot.buffers})
        result: list[Statement] = []
        for statement in block:
            if isinstance(statement, Allocate) and statement.buffer.name in replacing:
                new = replacing[statement.buffer.name]
                if new is not None:
                    result.append(Allocate(new))
            else:
                result.append(statement)
        return tuple(result)

    def _slots(self, block: Block, spans: dict[str, tuple[int, int]]) -> list[_Slot]:
        buffers = [one.buffer for one in block if isinstance(one, Allocate) and self._planned(one.buffer)]
        lives = sorted([(spans[one.name], number) for number, one in enumerate(buffers) if one.name in spans])
        slots: list[_Slot] = []
        free: dict[str, list[tuple[int, int]]] = {}  # by element type: elements and number of the slot, sorted
        active: list[tuple[int, int]] = []  # last use and number of the slot, sorted
        for (first, last), number in lives:
            buffer = buffers[number]
            while active and active[0][0] < first:
                _, slot_number = active.pop(0)
                slot = slots[slot_number]
                insort(free.setdefault(slot.buffers[0].dtype.name, []), (slot.elements, slot_number))
            chosen = self._fit(free.get(buffer.dtype.name, []), slots, buffer)
            if chosen is None:
                chosen = len(slots)
                slots.append(_Slot())
            slot = slots[chosen]
            slot.buffers.append(buffer)
            slot.elements = max(slot.elements, buffer.elements)
            insort(active, (last, chosen))
        return slots

    def _planned(self, buffer: Buffer) -> bool:
        return buffer.elements >= self.options.smallest and buffer.strides is None

    def _fit(self, free: list[tuple[int, int]], slots: list[_Slot], buffer: Buffer) -> int | None:
        """Takes a slot out of the free ones: of the same size and shape, the smallest large enough, or the largest."""
        start = bisect_left(free, (buffer.elements, -1))
        for place in range(start, len(free)):
            elements, number = free[place]
            if elements != buffer.elements:
                break
            if slots[number].same and slots[number].buffers[0].shape == buffer.shape:
                return free.pop(place)[1]
        if self.options.shapes == "same" or not free:
            return None
        return free.pop(min(start, len(free) - 1))[1]

    @staticmethod
    def _sunk(block: Block) -> Block:
        """Allocations right before their first use, or in the only branch of an ``If`` that uses them."""
        spans = _spans(block)
        before: dict[int, list[Allocate]] = {}
        for statement in block:
            if isinstance(statement, Allocate) and statement.buffer.name in spans:
                before.setdefault(spans[statement.buffer.name][0], []).append(statement)
        if not before:
            return block
        result: list[Statement] = []
        for number, statement in enumerate(block):
            if isinstance(statement, Allocate) and statement.buffer.name in spans:
                continue
            for allocate in before.get(number, ()):
                branch = _only_branch(statement, allocate.buffer.name) if _ends(spans, allocate, number) else None
                if branch is None:
                    result.append(allocate)
                elif isinstance(statement, If):
                    then, other = statement.then, statement.other
                    then, other = ((allocate, *then), other) if branch else (then, (allocate, *other))
                    statement = If(statement.condition, then, other)
            result.append(statement)
        return tuple(result)


def _each(block: Block, function: Callable[[Block], Block]) -> Block:
    """``map_blocks`` of each statement; the same object if none changes."""
    return map_statements(block, lambda statement: map_blocks(statement, function))


def _ends(spans: dict[str, tuple[int, int]], allocate: Allocate, number: int) -> bool:
    return spans[allocate.buffer.name][1] == number


def _only_branch(statement: Statement, name: str) -> bool | None:
    """Which branch of an ``If`` has all uses of a buffer; None: neither."""
    if not isinstance(statement, If) or name in touched([If(statement.condition, ())]):
        return None
    in_then, in_other = name in touched(statement.then), name in touched(statement.other)
    return None if in_then == in_other else in_then


def _spans(block: Block) -> dict[str, tuple[int, int]]:
    """The first and the last statement of a block that use each buffer."""
    spans: dict[str, tuple[int, int]] = {}
    for number, statement in enumerate(block):
        for name in touched([statement]):
            first = spans[name][0] if name in spans else number
            spans[name] = first, number
    return spans


def _redirected(block: Block, planner: _Planner) -> Block:
    """All accesses made to the buffers that memory is shared through."""

    def target(buffer: Buffer, indices: tuple[Expr, ...]) -> tuple[Buffer, tuple[Expr, ...]]:
        if buffer.name in planner.renamed:
            return planner.renamed[buffer.name], indices
        if buffer.name in planner.flat:
            return planner.flat[buffer.name], (_offset(buffer, indices),)
        return buffer, indices

    def in_node(node: Expr) -> Expr:
        return Load(*target(node.buffer, node.indices)) if isinstance(node, Load) else node

    def moved(buffer: Buffer) -> bool:
        return buffer.name in planner.renamed or buffer.name in planner.flat

    def in_whole(expression: Expr) -> Expr:
        return rewrite(expression, in_node) if any(moved(one.buffer) for one in loads(expression)) else expression

    def in_statement(statement: Statement) -> Statement:
        new = map_expressions(statement, in_whole)
        if isinstance(new, Store | Reduce) and moved(new.buffer):
            buffer, indices = target(new.buffer, new.indices)
            new = replace(new, buffer=buffer, indices=indices)
        return map_blocks(new, inner)

    def inner(one: Block) -> Block:
        return map_statements(one, in_statement)

    return inner(block)


def _offset(buffer: Buffer, indices: tuple[Expr, ...]) -> Expr:
    """The row-major position of an element."""
    offset: Expr = Const(0, INDEX)
    for index, size in zip(indices, buffer.shape):
        offset = Binary("add", Binary("mul", offset, Const(size, INDEX)), index)
    return write_linear(Ranges().linear(offset), INDEX)
