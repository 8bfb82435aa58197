"""The nest of operators that are computed by element: a loop per dimension, and an assignment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod

from misfold.compiler.graph.ir import Node, Value
from misfold.compiler.loops.ir import Buffer, Store, index

from .attributes import integer, ints
from .elements import POINTWISE
from .nest import store_order
from .reader import Reader

Destinations = Sequence[tuple[Value, Buffer]]
Box = tuple[tuple[int, int], ...]

# Nests are split at the seams of ``pad`` and ``concatenate``, but not small ones and not into more pieces than this.
_WORTH_SPLITTING = 256
_MOST_PIECES = 16


def pointwise(reader: Reader, destinations: Destinations) -> None:
    """Compute all elements of the destinations, which have one shape."""
    order = store_order(destinations)
    emitter = reader.emitter
    for box in _pieces(reader, destinations):
        with emitter.loops({dim: box[dim][1] - box[dim][0] for dim in order}) as at:
            place = tuple([emitter.indices.add(at[dim], index(box[dim][0])) for dim in range(len(box))])
            for value, buffer in destinations:
                emitter.emit(Store(buffer, place, reader.read(value, place)))


def _pieces(reader: Reader, destinations: Destinations) -> list[Box]:
    """Boxes that make up the destinations' shape, such that within one box few elements are both padding and not, or
    of several operands of a ``concatenate``: that keeps ``select`` and clamped indices out of most loops (index set
    splitting: Griebl, Feautrier and Lengauer, "Index set splitting", IJPP 2000)."""
    shape = destinations[0][1].shape
    todo: list[Box] = [tuple([(0, size) for size in shape])]
    seams = list(_seams(reader, destinations)) if prod(shape) >= _WORTH_SPLITTING else []
    done: list[Box] = []
    while todo:
        box = todo.pop()
        cut = next((cut for node in seams if (cut := _cut(node, box))), None)
        if cut is None or len(done) + len(todo) + 2 > _MOST_PIECES:
            done.append(box)
        else:
            dim, point = cut
            start, stop = box[dim]
            todo.append((*box[:dim], (point, stop), *box[dim + 1 :]))
            todo.append((*box[:dim], (start, point), *box[dim + 1 :]))
    return done


def _seams(reader: Reader, destinations: Destinations) -> Iterator[Node]:
    """The ``pad`` and ``concatenate`` nodes whose elements are read at the index that is stored to."""
    seen: set[str] = set()
    stack = [value for value, _ in destinations]
    while stack:
        value = stack.pop()
        node = reader.producer(value)
        if node is None or value.name in seen:
            continue
        seen.add(value.name)
        if node.operator in POINTWISE:
            stack.extend(node.inputs)
        elif node.operator in ("pad", "concatenate"):
            yield node


def _cut(node: Node, box: Box) -> tuple[int, int] | None:
    """A dimension, and an index strictly within the box, where a ``pad`` or ``concatenate`` should be cut."""
    if node.operator == "concatenate":
        dim = integer(node, "dim")
        (start, stop), seam = box[dim], 0
        for x in node.inputs:
            seam += x.type.shape[dim]
            if start < seam < stop:
                return dim, seam
        return None
    (x,) = node.inputs
    spans = [
        (low, low + (size - 1) * (interior + 1) + 1)
        for low, size, interior in zip(ints(node, "low"), x.type.shape, ints(node, "interior"))
    ]
    if any(stop <= low or high <= start for (start, stop), (low, high) in zip(box, spans)):
        return None  # nothing but padding
    for dim, ((start, stop), span) in enumerate(zip(box, spans)):
        for seam in span:
            if start < seam < stop:
                return dim, seam
    return None
