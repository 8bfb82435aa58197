"""One loop nest: what an operator's loops are made with, and where results go."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from misfold.compiler.dtypes import DType
from misfold.compiler.graph.ir import Node, Value
from misfold.compiler.loops.ir import Buffer, Cast, Const, Expr, Load, Store

from .emitter import Emitter
from .indices import outer_to_inner
from .layout import strides_of
from .reader import Index, Reader


class Nest:
    """The nest of one node, together with what is computed in place for it and from it.

    ``destinations`` are the values that go to memory. The operator calls ``finish`` once for each element of its
    output, when that is final; or it makes the elements in the buffer ``memory`` and calls ``finish_all`` in the end.
    """

    def __init__(self, node: Node, reader: Reader, destinations: Sequence[tuple[Value, Buffer]]):
        self.node = node
        self.reader = reader
        self.emitter: Emitter = reader.emitter
        self.indices = reader.indices
        self._destinations = destinations
        self._memory: Buffer | None = None

    @property
    def order(self) -> list[int]:
        """The dimensions of the output, outermost first as they lie in memory."""
        return store_order(self._destinations)

    def read(self, value: Value, index: Index) -> Expr:
        return self.reader.read(value, index)

    @property
    def home(self) -> Buffer | None:
        """The destination of the operator's only output."""
        for value, buffer in self._destinations:
            if value == self.node.output:
                return buffer
        return None

    def order_of(self, value: Value) -> list[int]:
        """The dimensions of a value that is read, outermost first as they lie in memory."""
        return outer_to_inner(value.type.shape, strides_of(self.reader, value))

    def memory(self, dtype: DType) -> Buffer:
        """A buffer for the operator's only output: its destination, or a local one, for instance of a wider type."""
        output = self.node.output
        home = self.home
        if home is None or home.dtype != dtype:
            home = self.emitter.allocate(output.name, dtype, output.type.shape)
        self._memory = home
        return home

    def clear(self, value: Const) -> Buffer:
        """``memory``, with the value everywhere."""
        memory = self.memory(value.dtype)
        with self.over(memory.shape, self.order) as index:
            self.emitter.emit(Store(memory, index, value))
        return memory

    def finish(self, index: Index, results: Sequence[Expr]) -> None:
        """The elements of the operator's outputs at an index: computes what depends on them and stores all."""
        made = dict(zip([value.name for value in self.node.outputs], results))
        for value, result in zip(self.node.outputs, results):
            self.reader.define(value, index, result)
        for value, buffer in self._destinations:
            if made.get(value.name) != Load(buffer, index):  # what was made in its place is there already
                self.emitter.emit(Store(buffer, index, self.reader.read(value, index)))

    def finish_all(self) -> None:
        """``finish`` for each element of ``memory``."""
        assert self._memory is not None
        with self.over(self._memory.shape, self.order) as index:
            made, dtype = Load(self._memory, index), self.node.output.type.dtype
            self.finish(index, [made if made.dtype == dtype else Cast(dtype, made)])

    @contextmanager
    def over(self, shape: Sequence[int], order: Sequence[int] | None = None) -> Iterator[Index]:
        """Loops over the elements of a shape, row by row or with its dimensions in another order."""
        dims = range(len(shape)) if order is None else order
        with self.emitter.loops({dim: shape[dim] for dim in dims}) as found:
            yield tuple([found[dim] for dim in range(len(shape))])


def store_order(destinations: Sequence[tuple[Value, Buffer]]) -> list[int]:
    """The order of loops in which the first destination is written from its first element to its last."""
    _, buffer = destinations[0]
    return outer_to_inner(buffer.shape, buffer.strides)


#: Emits the loops of one operator.
Lowering = Callable[[Nest], None]
