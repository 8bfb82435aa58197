"""How complicated a case of a graph is: what reduction makes smaller."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from misfold.programs.arguments import Argument, Ref
from misfold.programs.case import Case
from misfold.programs.graph import Node

from .tiers.operators import rank as operator_rank

# Element types from the plainest on; half types and narrow integers take special paths everywhere.
_DTYPES = (
    "float32", "int64", "int32", "bool", "float64", "uint8", "int8", "int16", "float16", "bfloat16",
    "uint16", "uint32", "uint64",
)  # fmt: skip


def dtype_rank(name: str) -> int:
    """Position of an element type among all, the plainest first."""
    return _DTYPES.index(name) if name in _DTYPES else len(_DTYPES)


def weight(case: Case) -> tuple[Any, ...]:
    """To be compared: nodes first, then returns, operators, arguments, inputs, ranks, elements, types, values."""
    graph = case.graph
    inputs = graph.inputs
    return (
        len(graph.nodes),
        0,  # where the pipeline's weight goes
        len(graph.returns),
        sum(operator_rank(node.op) for node in graph.nodes),
        sum(map(_attributes, graph.nodes)),
        sum(value.known.rank for value in inputs),
        sum(value.known.elements for value in inputs),
        len(inputs),
        sum(dtype_rank(value.known.dtype.name) for value in inputs) + sum(map(_types, graph.nodes)),
        sum(value.known.strides is not None for value in inputs),
        sum(recipe_weight(recipe) for recipe in case.recipes.values()),
    )


def _attributes(node: Node) -> int:
    return sum(_argument(item) for item in node.args) + sum(2 + _argument(item) for item in node.kwargs.values())


def _argument(item: Argument) -> int:
    if isinstance(item, Ref):
        return 0
    if isinstance(item, list | tuple):
        return 1 + sum(map(_argument, item))
    if item is None or isinstance(item, bool):
        return 1
    if isinstance(item, int | float):
        return 1 + len(repr(item))
    return 2


def _types(node: Node) -> int:
    found = 0
    for item in (*node.args, *node.kwargs.values()):
        name = getattr(item, "name", "")
        if isinstance(name, str) and name.startswith("torch."):
            found += dtype_rank(name.removeprefix("torch."))
    return found


def recipe_weight(recipe: Mapping[str, Any]) -> float:
    """The simplest is a constant 1; random numbers are simpler than a long list."""
    kind = recipe["draw"]
    extra = 0.5 * bool(recipe.get("requires_grad")) + 0.5 * bool(recipe.get("edges"))
    if kind == "constant":
        return extra + (0 if recipe["value"] in (0, 1, True) else 1 + len(repr(recipe["value"])) / 100)
    if kind == "values":
        values = recipe["values"]
        digits = sum(len(repr(value)) for value in values if value)
        # Some ten numbers that matter are easier to read than a distribution; a long list is not.
        return extra + 2 + sum(map(bool, values)) / 8 + len(values) / 500 + digits / 1000
    return extra + {"integers": 3, "bernoulli": 3, "normal": 4}.get(kind, 4.5)
