"""Operators that make tensors out of nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from misfold.compiler.graph.ir import TensorType

from .base import operator
from .checks import check_dim, check_kind, check_shape, check_value, want

#: A literal has at most this many elements: larger constants are inputs of the graph.
MAX_LITERAL = 64


@operator("full", 0, {"value": "number", "shape": "ints", "dtype": "dtype"})
def full(inputs: Sequence[TensorType], attributes: Mapping[str, Any]) -> list[TensorType]:
    """``value`` everywhere. It is a bool for bool, an int in range for integers, a float exact in the dtype for
    floats."""
    check_shape("full", attributes["shape"])
    check_value("full", attributes["value"], attributes["dtype"])
    return [TensorType(attributes["dtype"], attributes["shape"])]


@operator("iota", 0, {"dim": "int", "shape": "ints", "dtype": "dtype"})
def iota(inputs: Sequence[TensorType], attributes: Mapping[str, Any]) -> list[TensorType]:
    """The index along ``dim``, an i64 cast to ``dtype``, which is not bool."""
    check_shape("iota", attributes["shape"])
    check_dim("iota", attributes["dim"], len(attributes["shape"]))
    check_kind("iota", attributes["dtype"], ("int", "uint", "float"))
    return [TensorType(attributes["dtype"], attributes["shape"])]


@operator("literal", 0, {"values": "numbers", "shape": "ints", "dtype": "dtype"})
def literal(inputs: Sequence[TensorType], attributes: Mapping[str, Any]) -> list[TensorType]:
    """The elements in row-major order, each written as for ``full``; at most 64."""
    check_shape("literal", attributes["shape"])
    made = TensorType(attributes["dtype"], attributes["shape"])
    values = attributes["values"]
    want(made.elements <= MAX_LITERAL, f"literal: {made.elements} elements are more than {MAX_LITERAL}")
    want(len(values) == made.elements, f"literal: the shape has {made.elements} elements, not {len(values)}")
    for value in values:
        check_value("literal", value, made.dtype)
    return [made]
