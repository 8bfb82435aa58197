"""How a value that is computed in place lies in memory: how far apart the elements are that it is read from.

It decides the order of loops and nothing else, so that it may be a guess.
"""

from __future__ import annotations

from itertools import pairwise

from misfold.compiler.graph.ir import Node, Value

from .attributes import ints
from .indices import joint_groups, row_major
from .reader import Reader

_MOVES = ("broadcast", "permute", "slice", "reverse", "reshape")


def strides_of(reader: Reader, value: Value) -> tuple[int, ...]:
    """The strides of a value: its own if it lies in memory, else those of the tensor that it is mainly made from."""
    path: list[Node] = []
    while (node := reader.producer(value)) is not None:
        if node.operator not in _MOVES and not reader.is_pointwise(node):
            break
        path.append(node)
        value = next((x for x in node.inputs if _moves(reader.producer(x))), node.inputs[0])
    strides = (node is None and value.type.strides) or row_major(value.type.shape)
    for node in reversed(path):
        strides = _through(node, strides)
    return strides


def _moves(producer: Node | None) -> bool:
    """Whether a value is no constant and not spread from a smaller one."""
    return producer is None or bool(producer.inputs and producer.operator != "broadcast")


def _through(node: Node, strides: tuple[int, ...]) -> tuple[int, ...]:
    x = node.inputs[0].type
    match node.operator:
        case "broadcast":
            below = {dim: s for dim, size, s in zip(ints(node, "dims"), x.shape, strides) if size != 1}
            return tuple([below.get(dim, 0) for dim in range(node.output.type.rank)])
        case "permute":
            return tuple([strides[dim] for dim in ints(node, "dims")])
        case "slice":
            return tuple([step * stride for step, stride in zip(ints(node, "steps"), strides)])
        case "reshape":
            return _view(x.shape, strides, node.output.type.shape)
    return strides


def _view(shape: tuple[int, ...], strides: tuple[int, ...], wanted: tuple[int, ...]) -> tuple[int, ...]:
    """The strides of the same memory in another shape; row-major ones if it has none in that shape."""
    found = [0] * len(wanted)
    for sources, targets in joint_groups(shape, wanted):
        for outer, inner in pairwise(sources):
            if strides[outer] != strides[inner] * shape[inner]:
                return row_major(wanted)
        stride = strides[sources[-1]]
        for dim in reversed(targets):
            found[dim] = stride
            stride *= wanted[dim]
    return tuple(found)
