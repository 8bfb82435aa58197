"""How much work nodes are: what ``operator-fusion`` weighs."""

from __future__ import annotations

import math
from typing import Any

from .fusion_rules import is_elementwise, is_index_computable
from .ir import Node

# Indices change, or a number is converted: reading a result from memory would take as long.
_FREE = frozenset(("broadcast", "reshape", "permute", "slice", "reverse", "cast", "full", "iota"))
# Tens of instructions for an element, or a branch, or an access to memory that depends on data.
_EXPENSIVE = frozenset(
    "sqrt exp exp2 expm1 log log2 log10 log1p sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh erf erfc div "
    "floordiv floormod truncdiv truncmod eucliddiv euclidmod pow atan2 gather pad concatenate".split()
)
# Reading one of a literal's elements takes a table or a chain of choices.
_SMALL_LITERAL = 4


def is_free(node: Node) -> bool:
    """Whether computing an element anew wherever it is read costs next to nothing."""
    return node.operator in _FREE or (node.operator == "literal" and node.output.type.elements <= _SMALL_LITERAL)


def is_cheap(node: Node) -> bool:
    """Whether an element takes an instruction or two."""
    return is_free(node) or (is_elementwise(node) and node.operator not in _EXPENSIVE)


def iterations(node: Node) -> int:
    """How often the loop nest of a primitive reads an element of an input, all in all."""
    attributes: dict[str, Any] = dict(node.attributes)
    made = node.outputs[0].type.elements
    if node.operator == "dot":
        return made * node.inputs[0].type.shape[2]
    if node.operator == "convolution":
        return made * math.prod(node.inputs[1].type.shape[1:])
    if node.operator in ("window", "argwindow"):
        return made * math.prod(attributes["sizes"])
    if is_index_computable(node):
        return made
    return max(value.type.elements for value in (*node.inputs, *node.outputs))


def reads_repeatedly(node: Node) -> bool:
    """Whether the loop nest reads elements of its inputs many times, so that none should be computed in it."""
    return node.operator in ("dot", "convolution", "window", "argwindow", "sort")
