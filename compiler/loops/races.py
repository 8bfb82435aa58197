"""Finding data races while a function is interpreted.

Iterations of a concurrent loop run one after the other. Each has a stamp, larger than all before it, and each element
remembers, for each concurrent loop around, the stamps of who read and who wrote it. For nested parallel loops that is
enough to find a race if this input has one: J. Mellor-Crummey, "On-the-fly detection of data races for programs with
nested fork-join parallelism", Supercomputing 1991.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count

from misfold.compiler.errors import UndefinedBehaviour

from .ir import Buffer

Touch = Callable[[int], None]


class Concurrent:
    """A parallel or vectorised loop that is running. ``begin`` is the stamp of its first iteration, ``now`` of this."""

    __slots__ = ("begin", "kind", "name", "now", "written")

    def __init__(self, name: str, kind: str, written: frozenset[str]):
        self.name = name
        self.kind = kind
        #: Buffers that a statement inside writes: nothing else can race.
        self.written = written
        self.begin = 0
        self.now = 0


class _Elements:
    """Who touched each element of one buffer in one loop: by its stamp, -1 for nobody."""

    __slots__ = ("combined", "operators", "read", "written")

    def __init__(self, elements: int):
        self.read = [-1] * elements  # by whom first
        self.written = [-1] * elements  # by whom last
        self.combined = [-1] * elements  # by whose ``reduce`` first
        self.operators = [""] * elements  # with which operator; "*" for several


class Races:
    """The elements that are watched in one interpretation."""

    def __init__(self) -> None:
        self._elements: dict[tuple[int, str], _Elements] = {}
        #: A new stamp, larger than all before it.
        self.next_stamp: Callable[[], int] = count().__next__

    def _watched(self, loops: Sequence[Concurrent], buffer: Buffer) -> list[tuple[Concurrent, _Elements]]:
        found = []
        for loop in loops:
            if buffer.name in loop.written:
                key = id(loop), buffer.name
                if key not in self._elements:
                    self._elements[key] = _Elements(buffer.elements)
                found.append((loop, self._elements[key]))
        return found

    def reading(self, loops: Sequence[Concurrent], buffer: Buffer, place: str) -> Touch | None:
        """What to call with the element that is read inside of these loops, which are inside of the buffer's scope;
        None: nothing."""
        watched = [
            _reader(loop, elements, _racing(loop, buffer, place)) for loop, elements in self._watched(loops, buffer)
        ]
        return _all(watched)

    def writing(self, loops: Sequence[Concurrent], buffer: Buffer, place: str) -> Touch | None:
        """The same for an element that is written."""
        watched = [
            _writer(loop, elements, _racing(loop, buffer, place)) for loop, elements in self._watched(loops, buffer)
        ]
        return _all(watched)

    def combining(self, op: str, loops: Sequence[Concurrent], buffer: Buffer, place: str) -> Touch | None:
        """The same for an element that a ``reduce`` statement combines something into."""
        watched: list[Touch] = []
        for loop, elements in self._watched(loops, buffer):
            racing = _racing(loop, buffer, place)
            if loop.kind == "vectorised":
                watched.append(_combiner(op, loop, elements, racing))
            else:
                watched.append(_writer(loop, elements, racing))
        return _all(watched)


def _all(touches: list[Touch]) -> Touch | None:
    if len(touches) <= 1:
        return touches[0] if touches else None

    def touch(element: int) -> None:
        for one in touches:
            one(element)

    return touch


def _racing(loop: Concurrent, buffer: Buffer, place: str) -> Callable[[int], None]:
    def racing(element: int) -> None:
        position = []
        for size in reversed(buffer.shape):
            element, last = divmod(element, size)
            position.append(last)
        at = ", ".join(map(str, reversed(position)))
        raise UndefinedBehaviour(
            "data race", f"two iterations of the {loop.kind} loop {loop.name} meet at {buffer.name}[{at}]", place
        )

    return racing


def _reader(loop: Concurrent, elements: _Elements, racing: Touch) -> Touch:
    read, written, combined = elements.read, elements.written, elements.combined

    def touch(element: int) -> None:
        begin, now = loop.begin, loop.now
        if begin <= written[element] < now or begin <= combined[element] < now:
            racing(element)
        if read[element] < begin:
            read[element] = now

    return touch


def _writer(loop: Concurrent, elements: _Elements, racing: Touch) -> Touch:
    read, written, combined = elements.read, elements.written, elements.combined

    def touch(element: int) -> None:
        begin, now = loop.begin, loop.now
        if begin <= written[element] < now or begin <= read[element] < now or begin <= combined[element] < now:
            racing(element)
        written[element] = now

    return touch


def _combiner(op: str, loop: Concurrent, elements: _Elements, racing: Touch) -> Touch:
    read, written, combined, operators = elements.read, elements.written, elements.combined, elements.operators

    def touch(element: int) -> None:
        begin, now = loop.begin, loop.now
        if begin <= written[element] < now or begin <= read[element] < now:
            racing(element)
        if combined[element] < begin:
            combined[element], operators[element] = now, op
        elif operators[element] != op:
            if combined[element] < now:
                racing(element)
            operators[element] = "*"

    return touch
