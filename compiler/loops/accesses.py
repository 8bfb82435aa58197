"""The accesses to memory in a piece of code, each with its affine indices and the loops around it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from misfold.compiler.dtypes import BOOL

from .affine import Affine, Domain, Forms, domain
from .constraints import System
from .ir import Allocate, Assert, Binary, Buffer, Const, Expr, For, If, Let, Load, Reduce, Statement, Store
from .operators import BINARY
from .ranges import Ranges
from .visit import Block, expressions_of, nodes, statements

#: A buffer that stands for the right to go on. An ``Assert`` writes it, and whatever might be undefined, if it ran
#: without the asserts before it, reads it. So dependences keep such code on its side of an assert, and no other.
GOING_ON = Buffer("", BOOL, ())


@dataclass(frozen=True, slots=True, eq=False)
class Access:
    """One access of one statement. An index without an affine form is None: it may be anything."""

    buffer: Buffer
    indices: tuple[Affine | None, ...]
    kind: Literal["read", "write", "reduce"]
    #: The operation of a ``reduce``.
    op: str | None
    #: The loops around the access, from the root inward.
    loops: tuple[Domain, ...]
    #: The buffer is allocated inside of this many of them: each of their iterations has a buffer of its own.
    private: int
    #: The statement: its number in each block on the way from the root. Compares as the text does.
    path: tuple[int, ...]

    @property
    def order(self) -> tuple[tuple[int, ...], bool]:
        """Compares as the text does, a statement's reads before its write."""
        return self.path, self.kind != "read"


class Accesses:
    """All accesses in a block, in textual order.

    ``scope`` is what is known around the block: it makes the answer sharper, and may be None.
    """

    def __init__(self, block: Iterable[Statement], scope: Ranges | None = None):
        self.found: list[Access] = []
        self.forms = Forms.new()
        self.scope = scope
        #: Systems of constraints made for pairs of accesses, by what they were made of.
        self.systems: dict[tuple[object, ...], System] = {}
        self._local: dict[str, int] = {}
        self._loops: tuple[Domain, ...] = ()
        # All such tuples there were: the keys of ``systems`` are their identities.
        self._kept: list[tuple[Domain, ...]] = []
        self._path: tuple[int, ...] = ()
        block = tuple(block)
        self.asserted = any(isinstance(statement, Assert) for statement in statements(block))
        self._walk(block, Ranges(scope) if self.asserted else None)

    def append(self, body: Block, place: int) -> list[Access]:
        """Add statements to the end of the one loop that the block is, which has ``place`` so far. There must be no
        asserts, neither here nor there. Gives the new accesses; cutting them off ``found`` undoes it."""
        old = len(self.found)
        self._loops, self._path = self._kept[0], (0,)
        self._walk(body, None, place)
        self._loops, self._path = (), ()
        return self.found[old:]

    def _walk(self, block: Block, ranges: Ranges | None, first: int = 0) -> None:
        outer = self._path
        for number, statement in enumerate(block, first):
            self._path = (*outer, number)
            self._reads(statement, ranges)
            match statement:
                case Let(var, value):
                    self.forms.bind(statement)
                    if ranges is not None:
                        ranges.bind(var, value)
                case Allocate(buffer):
                    self._local[buffer.name] = len(self._loops)
                case Store(buffer, indices, _):
                    self._note(buffer, indices, "write")
                case Reduce(op, buffer, indices, _):
                    self._note(buffer, indices, "reduce", op)
                case Assert(condition, _):
                    self._note(GOING_ON, (), "write")
                    if ranges is not None:
                        ranges = ranges.assuming(condition)
                case For():
                    around = self._loops
                    self._loops = (*around, domain(statement, self.forms))
                    self._kept.append(self._loops)
                    self._walk(statement.body, ranges.inside(statement) if ranges is not None else None)
                    self._loops = around
                case If(condition, then, other):
                    # blocks of one statement are told apart by a number of their own
                    self._path = (*self._path, 0)
                    self._walk(then, ranges.assuming(condition) if ranges is not None else None)
                    self._path = (*outer, number, 1)
                    self._walk(other, ranges.assuming(condition, False) if ranges is not None else None)
        self._path = outer

    def _reads(self, statement: Statement, ranges: Ranges | None) -> None:
        seen: set[Load] = set()
        risky = ranges is not None and _leaves_buffer(statement, ranges)
        for expression in expressions_of(statement):
            for node in nodes(expression):
                if isinstance(node, Load):
                    if node in seen:
                        continue
                    seen.add(node)
                    self._note(node.buffer, node.indices, "read")
                    risky = risky or (ranges is not None and not _inside(node.buffer, node.indices, ranges))
                elif ranges is not None and isinstance(node, Binary) and BINARY[node.op].partial:
                    risky = risky or not _divides(node, ranges)
        if risky:
            self._note(GOING_ON, (), "read")

    def _note(
        self,
        buffer: Buffer,
        indices: tuple[Expr, ...],
        kind: Literal["read", "write", "reduce"],
        op: str | None = None,
    ) -> None:
        forms = tuple([self.forms.of(i) for i in indices])
        private = self._local.get(buffer.name, 0)
        self.found.append(Access(buffer, forms, kind, op, self._loops, private, self._path))


def _leaves_buffer(statement: Statement, ranges: Ranges) -> bool:
    return isinstance(statement, Store | Reduce) and not _inside(statement.buffer, statement.indices, ranges)


def _inside(buffer: Buffer, indices: tuple[Expr, ...], ranges: Ranges) -> bool:
    """Whether an access is certainly within its buffer."""
    intervals = [ranges.interval(i) for i in indices]
    return all(one.low >= 0 and one.high < size for one, size in zip(intervals, buffer.shape))


def _divides(node: Binary, ranges: Ranges) -> bool:
    """Whether a division is certainly defined."""
    if node.dtype.is_float:
        return True
    if isinstance(node.right, Const):
        return node.right.value != 0
    divisor = ranges.interval(node.right)
    return not divisor.low <= 0 <= divisor.high
