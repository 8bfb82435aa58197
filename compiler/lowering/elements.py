"""Operators that are computed by element: elementwise ones, those that make tensors of nothing, and gather."""

from __future__ import annotations

from typing import cast

from misfold.compiler.dtypes import INDEX, DType
from misfold.compiler.graph.ir import Node
from misfold.compiler.loops.ir import Assert, Binary, Cast, Const, Expr, Select, Unary
from misfold.compiler.loops.operators import BINARY, UNARY

from . import movement
from .attributes import integer
from .indices import TRUE, Indices, conjunction
from .reader import Element, Index, Reader


def _unary(reader: Reader, node: Node, index: Index) -> Expr:
    return Unary(node.operator, reader.operand(node.inputs[0], index))


def _binary(reader: Reader, node: Node, index: Index) -> Expr:
    left, right = node.inputs
    return Binary(node.operator, reader.operand(left, index), reader.operand(right, index))


def _select(reader: Reader, node: Node, index: Index) -> Expr:
    condition, then, other = node.inputs
    return Select(reader.operand(condition, index), reader.operand(then, index), reader.operand(other, index))


def _cast(reader: Reader, node: Node, index: Index) -> Expr:
    dtype = cast(DType, node.attribute("dtype"))
    operand = reader.operand(node.inputs[0], index)
    return operand if operand.dtype == dtype else Cast(dtype, operand)


def _full(reader: Reader, node: Node, index: Index) -> Expr:
    return Const(cast(float, node.attribute("value")), node.output.type.dtype)


def _iota(reader: Reader, node: Node, index: Index) -> Expr:
    position = index[integer(node, "dim")]
    dtype = node.output.type.dtype
    return position if dtype == INDEX else Cast(dtype, position)


def _gather(reader: Reader, node: Node, index: Index) -> Expr:
    x, *positions = node.inputs
    found = []
    for dim, position in enumerate(positions):
        found.append(reader.emitter.let(position.name, reader.operand(position, index)))
        check_index(reader, found[dim], dim, x.type.shape[dim])
    return reader.read(x, tuple(found))


def check_index(reader: Reader, position: Expr, dim: int, size: int) -> None:
    """End the run where an index that is data is out of range."""
    indices: Indices = reader.indices
    inside = conjunction([indices.at_least(position, 0), indices.below(position, size)])
    if inside != TRUE:
        reader.emitter.emit(Assert(inside, f"an index is out of range for dimension {dim} of size {size}"))


#: Operators whose element needs only the operands' elements at the same index.
POINTWISE = frozenset({*UNARY, *BINARY, "select", "cast"})

ELEMENTS: dict[str, Element] = {
    **dict.fromkeys(UNARY, _unary),
    **dict.fromkeys(BINARY, _binary),
    "select": _select,
    "cast": _cast,
    "full": _full,
    "iota": _iota,
    "gather": _gather,
    "broadcast": movement.broadcast,
    "reshape": movement.reshape,
    "permute": movement.permute,
    "slice": movement.slice_,
    "reverse": movement.reverse,
    "pad": movement.pad,
    "concatenate": movement.concatenate,
}
