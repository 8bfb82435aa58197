"""Smaller cases from a case: pure graph surgery, no execution."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from misfold.programs.aliasing import written_arguments
from misfold.programs.case import Case
from misfold.programs.graph import Graph, Value
from misfold.programs.types import TensorType
from misfold.targets.outcome import TensorValue


def live_nodes(graph: Graph, returns: Collection[str]) -> list[int]:
    """Indices of the nodes that the given values depend on, writers of memory they read included."""
    wanted = set(returns)
    live: list[int] = []
    for index in range(len(graph.nodes) - 1, -1, -1):
        node = graph.nodes[index]
        outputs = {value.name for value in node.outputs}
        if outputs & wanted or set(written_arguments(node)) & wanted:
            live.append(index)
            wanted |= set(node.uses)
    return live[::-1]


def keep_returns(case: Case, returns: Collection[str]) -> Case:
    """The case that returns only some of its values (in order), without what they do not need."""
    kept = tuple(name for name in case.graph.returns if name in returns)
    return keep_nodes(replace(case, graph=replace(case.graph, returns=kept)), live_nodes(case.graph, kept), {})


def keep_nodes(case: Case, nodes: Collection[int], captured: Mapping[str, TensorValue]) -> Case:
    """The case with only some of its nodes; values that the others made become inputs.

    A value returned by a node that goes is no longer returned. Inputs that nothing uses go too.

    Raises:
        KeyError: a value that has to become an input was not captured.
        GraphError: nothing would be returned.
    """
    graph = case.graph
    kept = [graph.nodes[index] for index in sorted(nodes)]
    made = {value.name for node in kept for value in node.outputs}
    used = dict.fromkeys(name for node in kept for name in node.uses)
    returns = tuple(name for name in graph.returns if name in made)
    if not returns and kept:
        returns = tuple(value.name for value in kept[-1].outputs)
    inputs = [value for value in graph.inputs if value.name in used]
    recipes: dict[str, Any] = {value.name: case.recipes[value.name] for value in inputs}
    known = {value.name for value in graph.inputs} | made
    for name in used:
        if name not in known:
            tensor = captured[name]
            inputs.append(Value(name, as_type(tensor)))
            recipes[name] = literal_recipe(tensor)
            if case.gradient and TensorType.of(tensor.dtype, ()).dtype.is_float:
                # Or the backward pass would be cut off here.
                recipes[name]["requires_grad"] = True
    return replace(case, graph=Graph(tuple(inputs), tuple(kept), returns), recipes=recipes)


def as_type(tensor: TensorValue) -> TensorType:
    """The type of an input that stands for a captured value, with its strides."""
    return TensorType.of(tensor.dtype, tensor.shape, tensor.strides if tensor.strides else None)


def literal_recipe(tensor: TensorValue) -> dict[str, Any]:
    """A recipe that holds a captured value's elements; a single number where they are all the same."""
    values = tensor.array().reshape(-1).tolist()
    if not values:
        return {"draw": "constant", "value": 0}
    same = all(value == values[0] and str(value) == str(values[0]) for value in values)
    if same and values[0] == values[0]:
        return {"draw": "constant", "value": values[0]}
    return {"draw": "values", "values": values}


def simple_recipes(value: Value) -> list[dict[str, Any]]:
    """Recipes to try in place of an input's own, the simplest first."""
    kind = value.known.dtype
    if kind.kind == "bool":
        return [{"draw": "constant", "value": True}, {"draw": "bernoulli", "seed": 0}]
    low = 0 if kind.kind == "unsigned" else -4
    simple: list[dict[str, Any]] = [
        {"draw": "constant", "value": 1},
        {"draw": "integers", "seed": 0, "low": low, "high": 4},
    ]
    if kind.is_float:
        simple.append({"draw": "normal", "seed": 0})
    return simple
