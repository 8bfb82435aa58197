"""Operators that move elements: which element of the input the one at an index is."""

from __future__ import annotations

from typing import cast

from misfold.compiler.graph.ir import Node
from misfold.compiler.loops.ir import Const, Expr, Select

from .attributes import integer, ints
from .indices import FALSE, TRUE, ZERO, conjunction, joint_groups
from .reader import Index, Reader

# A chain of this many ``select`` is cut by a variable.
_LONG_CHAIN = 8


def broadcast(reader: Reader, node: Node, index: Index) -> Expr:
    (x,) = node.inputs
    moved = [ZERO if size == 1 else index[dim] for size, dim in zip(x.type.shape, ints(node, "dims"))]
    return reader.read(x, tuple(moved))


def permute(reader: Reader, node: Node, index: Index) -> Expr:
    moved = dict(zip(ints(node, "dims"), index))
    return reader.read(node.inputs[0], tuple([moved[dim] for dim in range(len(index))]))


def slice_(reader: Reader, node: Node, index: Index) -> Expr:
    indices = reader.indices
    moved = [
        indices.add(indices.mul(position, step), Const(start, position.dtype))
        for position, start, step in zip(index, ints(node, "starts"), ints(node, "steps"))
    ]
    return reader.read(node.inputs[0], tuple(moved))


def reverse(reader: Reader, node: Node, index: Index) -> Expr:
    (x,) = node.inputs
    moved = list(index)
    for dim in ints(node, "dims"):
        last = x.type.shape[dim] - 1
        moved[dim] = reader.indices.counted_from(last, index[dim])
    return reader.read(x, tuple(moved))


def reshape(reader: Reader, node: Node, index: Index) -> Expr:
    (x,) = node.inputs
    return reader.read(x, reshaped(reader, index, node.output.type.shape, x.type.shape))


def reshaped(reader: Reader, index: Index, shape: tuple[int, ...], wanted: tuple[int, ...]) -> Index:
    """The index of the element in ``wanted`` that is at ``index`` in ``shape``, a tensor of as many elements.

    Most groups have one dimension on one side at least, and so need only products or only quotients.
    """
    indices = reader.indices
    moved: list[Expr] = [ZERO] * len(wanted)
    for sources, targets in joint_groups(shape, wanted):
        flat: Expr = ZERO
        for dim in sources:
            flat = indices.add(indices.mul(flat, shape[dim]), index[dim])
        outermost, *inner = targets
        if inner:
            flat = reader.short(flat)
        for dim in reversed(inner):
            moved[dim] = indices.floormod(flat, wanted[dim])
            flat = indices.floordiv(flat, wanted[dim])
        moved[outermost] = flat
    return tuple(moved)


def pad(reader: Reader, node: Node, index: Index) -> Expr:
    """Where it is padding, the nearest element is read in vain: ``select`` needs both."""
    (x,) = node.inputs
    indices = reader.indices
    conditions: list[Expr] = []
    moved: list[Expr] = []
    for position, size, low, interior in zip(index, x.type.shape, ints(node, "low"), ints(node, "interior")):
        at = indices.sub(position, low)
        span = (size - 1) * (interior + 1) + 1
        conditions += [indices.at_least(at, 0), indices.below(at, span)]
        if interior:
            conditions.append(indices.equal(indices.floormod(at, interior + 1), 0))
            at = indices.floordiv(at, interior + 1)
        moved.append(indices.clamp(at, size))
    inside = conjunction(conditions)
    value = Const(cast(float, node.attribute("value")), x.type.dtype)
    if inside == FALSE or x.type.elements == 0:
        return value
    element = reader.read(x, tuple(moved))
    return element if inside == TRUE else Select(inside, element, value)


def concatenate(reader: Reader, node: Node, index: Index) -> Expr:
    """The last operand that begins at the index or before; all that it may be are read, at the nearest index."""
    dim = integer(node, "dim")
    indices = reader.indices
    low, high = indices.range(index[dim])
    result: Expr | None = None
    start = 0
    for number, x in enumerate(node.inputs, 1):
        size = x.type.shape[dim]
        if start <= high and low < start + size:
            moved = indices.clamp(indices.sub(index[dim], start), size)
            element = reader.read(x, (*index[:dim], moved, *index[dim + 1 :]))
            result = element if result is None else Select(indices.below(index[dim], start), result, element)
            if number % _LONG_CHAIN == 0:
                result = reader.emitter.let(node.output.name, result)
        start += size
    if result is None:  # nothing at all, in a loop that never runs
        return reader.read(node.inputs[0], index)
    return result
