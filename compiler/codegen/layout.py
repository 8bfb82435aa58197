"""Where local buffers lie: small ones on the stack, where LLVM can keep their elements in registers, the others in an
arena that the caller hands in, one per call. Buffers do not share memory: that is left to the buffer-reuse pass."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from misfold.compiler.loops.ir import Allocate, For, Statement
from misfold.compiler.loops.visit import blocks_of

ALIGNMENT = 64
_LARGEST_ON_STACK = 8 << 10
_STACK = 64 << 10


@dataclass
class Layout:
    """Offsets of the buffers that are in the arena. Those allocated inside of parallel loops are in a part that each
    thread has a copy of, ``thread_bytes`` long."""

    shared: dict[str, int] = field(default_factory=dict)
    per_thread: dict[str, int] = field(default_factory=dict)
    shared_bytes: int = 0
    thread_bytes: int = 0

    def total(self, threads: int) -> int:
        return self.shared_bytes + threads * self.thread_bytes


def lay_out(body: Iterable[Statement], threads: int) -> Layout:
    layout = Layout()
    stack = _STACK

    def visit(block: Iterable[Statement], copies: int, parallel: bool) -> None:
        nonlocal stack
        for statement in block:
            if isinstance(statement, Allocate):
                buffer = statement.buffer
                size = -(-buffer.elements * buffer.dtype.bytes * copies // ALIGNMENT) * ALIGNMENT
                if size <= _LARGEST_ON_STACK and size <= stack:
                    stack -= size
                elif parallel:
                    layout.per_thread[buffer.name] = layout.thread_bytes
                    layout.thread_bytes += size
                else:
                    layout.shared[buffer.name] = layout.shared_bytes
                    layout.shared_bytes += size
            elif isinstance(statement, For):
                lanes = iterations(statement) if statement.kind == "vectorised" else copies
                visit(statement.body, lanes, parallel or (statement.kind == "parallel" and threads > 1))
            else:
                for inner in blocks_of(statement):
                    visit(inner, copies, parallel)

    visit(body, 1, False)
    return layout


def iterations(loop: For) -> int:
    """How often a loop with constant bounds runs."""
    start, stop = getattr(loop.start, "value", None), getattr(loop.stop, "value", None)
    assert isinstance(start, int) and isinstance(stop, int), f"the bounds of a {loop.kind} loop must be constants"
    return max(0, -(-(stop - start) // loop.step))
