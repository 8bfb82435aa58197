"""How large a kernel case may be, checked before any memory is asked for and before anything runs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from misfold.compiler.loops.ir import Allocate, Buffer, For, Function, If, Let, Statement
from misfold.compiler.loops.ranges import Ranges
from misfold.compiler.loops.visit import expressions_of, nodes, statements

from .errors import BoundError
from .kernel import KernelCase
from .kernel_arrays import span


@dataclass(frozen=True)
class KernelBounds:
    """Limits of one kernel case.

    Attributes:
        elements: of memory that one buffer takes, what its strides skip included. 2**16 is far above the sizes at
            which a compiler's behaviour changes.
        total: of the memory of all buffers together.
        steps: expressions evaluated in one run at most: the interpreter takes some seconds for 2**23.
        statements: of the function's text, unrolled loops written out.
    """

    elements: int = 2**16
    total: int = 2**18
    steps: int = 2**23
    statements: int = 2**14


def check_kernel(program: KernelCase | Function, bounds: KernelBounds = KernelBounds()) -> None:
    """Check a kernel against limits. Loops whose bounds depend on data count with the most that they can run.

    Raises:
        BoundError: naming the buffer or the place and both numbers.
    """
    function = program.function if isinstance(program, KernelCase) else program
    buffers = [one.buffer for one in function.parameters]
    buffers += [one.buffer for one in statements(function.body) if isinstance(one, Allocate)]
    total = sum([_checked(buffer, bounds.elements) for buffer in buffers])
    if total > bounds.total:
        raise BoundError(f"the buffers have {total} elements together; at most {bounds.total} are allowed")
    _Counter(bounds).block(function.body, Ranges(), 1, 1)


def _checked(buffer: Buffer, most: int) -> int:
    elements = max(span(buffer)[0], buffer.elements)
    if elements > most:
        raise BoundError(f"{buffer.name} takes {elements} elements; at most {most} are allowed")
    return elements


class _Counter:
    def __init__(self, bounds: KernelBounds):
        self.bounds = bounds
        self.steps = 0
        self.statements = 0

    def block(self, block: Iterable[Statement], ranges: Ranges, runs: int, copies: int) -> None:
        """Count a block that runs so often, and stands so often in the written-out text."""
        for statement in block:
            weight = 1 + sum([1 for whole in expressions_of(statement) for _ in nodes(whole)])
            if isinstance(statement, Allocate):
                weight += statement.buffer.elements
            self.steps += runs * weight
            self.statements += copies
            if self.steps > self.bounds.steps:
                raise BoundError(f"a run may take {self.steps} steps; at most {self.bounds.steps} are allowed")
            if self.statements > self.bounds.statements:
                most = self.bounds.statements
                raise BoundError(f"{self.statements} statements written out; at most {most} are allowed")
            match statement:
                case Let(var, value):
                    ranges.bind(var, value)
                case For():
                    trips = _trips(statement, ranges)
                    inner = copies * trips if statement.kind == "unrolled" else copies
                    if trips:
                        self.block(statement.body, ranges.inside(statement), runs * trips, inner)
                case If(condition, then, other):
                    self.block(then, ranges.assuming(condition), runs, copies)
                    self.block(other, ranges.assuming(condition, False), runs, copies)


def _trips(loop: For, ranges: Ranges) -> int:
    """The most iterations that a loop can have."""
    first, last = ranges.interval(loop.start).low, ranges.interval(loop.stop).high
    return max(0, -(-(last - first) // loop.step))
