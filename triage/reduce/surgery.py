"""Changes of cases that tiers share: pure data, nothing is run. Candidates may be nonsense, which eager then says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from misfold.programs.arguments import Argument, Ref, map_leaves
from misfold.programs.case import Case
from misfold.programs.errors import MisfoldError
from misfold.programs.graph import Graph, Node, Value
from misfold.programs.types import TensorType


def untyped(graph: Graph, keep: bool = False) -> Graph:
    """The graph without stated types of what its nodes compute: after a change they may not hold any more."""
    if keep:
        return graph
    nodes = tuple(replace(node, outputs=tuple(Value(value.name) for value in node.outputs)) for node in graph.nodes)
    return Graph(graph.inputs, nodes, graph.returns)


def with_nodes(case: Case, nodes: Mapping[int, Node]) -> Case:
    """The case with some nodes replaced.

    Raises:
        MisfoldError: the language does not have such a graph.
    """
    graph = case.graph
    changed = tuple(nodes.get(index, node) for index, node in enumerate(graph.nodes))
    return replace(case, graph=untyped(Graph(graph.inputs, changed, graph.returns)))


def with_types(
    case: Case,
    types: Mapping[str, TensorType],
    change: Callable[[Node], Node] = lambda node: node,
    recipes: Mapping[str, Mapping[str, Any]] | None = None,
) -> Case:
    """The case with other types of inputs, and each node changed.

    Raises:
        MisfoldError: the language does not have such a case, or a recipe does not fit its type.
    """
    graph = case.graph
    inputs = tuple(Value(value.name, types.get(value.name, value.known)) for value in graph.inputs)
    made = Graph(inputs, tuple(map(change, graph.nodes)), graph.returns)
    return replace(case, graph=untyped(made), recipes={**case.recipes, **(recipes or {})})


def without_node(case: Case, index: int, stand_in: str) -> Case:
    """The case without a node of one output, in whose place another value is used; unused inputs go.

    Raises:
        MisfoldError: nothing would be left, or a value is used before it is there.
    """
    graph = case.graph
    gone = graph.nodes[index].outputs[0].name

    def leaf(item: Argument) -> Argument:
        return Ref(stand_in) if isinstance(item, Ref) and item.name == gone else item

    nodes = tuple(mapped(node, leaf) for place, node in enumerate(graph.nodes) if place != index)
    returns = tuple(dict.fromkeys(stand_in if name == gone else name for name in graph.returns))
    return without_unused(replace(case, graph=untyped(Graph(graph.inputs, nodes, returns))))


def without_unused(case: Case) -> Case:
    """The case without inputs that nothing uses."""
    graph = case.graph
    used = {name for node in graph.nodes for name in node.uses} | set(graph.returns)
    inputs = tuple(value for value in graph.inputs if value.name in used)
    recipes = {value.name: case.recipes[value.name] for value in inputs}
    return replace(case, graph=Graph(inputs, graph.nodes, graph.returns), recipes=recipes)


def mapped(node: Node, leaf: Callable[[Argument], Argument]) -> Node:
    """The node with each leaf of its arguments changed."""
    kwargs = {key: map_leaves(argument, leaf) for key, argument in node.kwargs.items()}
    return Node(node.op, map_leaves(node.args, leaf), kwargs, node.outputs, node.unpack)


def attempt(make: Callable[..., Case], *arguments: Any) -> list[Case]:
    """What ``make`` gives for the arguments, or nothing if the language does not have it."""
    try:
        return [make(*arguments)]
    except (MisfoldError, KeyError):
        return []
