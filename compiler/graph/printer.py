"""The graph IR as text. ``parser.parse_graph`` reads exactly the same graph back."""

from __future__ import annotations

from collections.abc import Iterable

from misfold.compiler.dtypes import DType
from misfold.compiler.text import print_type, quote

from .ir import Attribute, Graph, Node, TensorType, Value

_INDENT = "  "
_WIDTH = 100


def print_graph(graph: Graph) -> str:
    """The text of a verified graph, which ends in a newline."""
    return f"{_graph(graph, '')}\n"


def print_node(node: Node, indent: str = "") -> str:
    """The text of a node: ``v1: f32[4] = reduce[op="max", dims=(1)](v0)``."""
    outputs = ", ".join([_typed(value) for value in node.outputs])
    attributes = ", ".join([f"{name}={print_attribute(value)}" for name, value in node.attributes])
    inputs = ", ".join([value.name for value in node.inputs])
    text = f"{outputs} = {node.operator}{f'[{attributes}]' if attributes else ''}({inputs})"
    return text if node.body is None else f"{text} {_graph(node.body, indent)}"


def print_tensor_type(type: TensorType) -> str:
    """``f32[4, 16]``, with strides ``f32[4, 16]{1, 4}``."""
    return print_type(type.dtype, type.shape, type.strides)


def print_attribute(value: Attribute) -> str:
    """An attribute's value: ``3``, ``0.5``, ``true``, ``"max"``, ``f32`` or ``(0, 1)``."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, DType):
        return value.name
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, tuple):
        return f"({', '.join(map(print_attribute, value))})"
    return repr(value)


def _typed(value: Value) -> str:
    return f"{value.name}: {print_tensor_type(value.type)}"


def _graph(graph: Graph, indent: str) -> str:
    """``graph name(inputs) -> (outputs) { nodes }``; the text begins where a line has ``indent`` already."""
    inner = indent + _INDENT
    inputs = ", ".join([_typed(value) for value in graph.inputs])
    outputs = ", ".join([value.name for value in graph.outputs])
    if len(indent) + len(inputs) > _WIDTH:
        inputs = _lines([_typed(value) for value in graph.inputs], inner) + indent
    nodes = "".join([f"{inner}{print_node(node, inner)}\n" for node in graph.nodes])
    return f"graph {graph.name}({inputs}) -> ({outputs}) {{\n{nodes}{indent}}}"


def _lines(items: Iterable[str], indent: str) -> str:
    return "\n" + ",\n".join([indent + item for item in items]) + "\n"
