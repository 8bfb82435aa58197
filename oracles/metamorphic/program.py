"""A case as relations see it: its graph, what eager makes of each value, and how to write a changed graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import torch

from misfold.programs.arguments import Argument, Ref, map_leaves
from misfold.programs.case import Case
from misfold.programs.graph import Graph, Node, Value

from ..calls import Call, make_calls
from ..kinds import base_name


@dataclass(frozen=True)
class Program:
    """A functional case. ``values``: every value of the graph by name, as eager gives it, detached.

    ``rewritten``: the case was made of one that writes in place.
    """

    case: Case
    values: Mapping[str, torch.Tensor]
    random: Random
    rewritten: bool = False

    @property
    def graph(self) -> Graph:
        return self.case.graph

    def is_float(self, name: str) -> bool:
        return self.values[name].is_floating_point()

    def calls(self, *names: str) -> list[int]:
        """Positions of the nodes whose operator is called so, whatever its name space."""
        return [index for index, node in enumerate(self.graph.nodes) if base_name(node.op) in names]

    def with_nodes(self, index: int, nodes: Sequence[Node]) -> Case:
        """The case with one node replaced by several, the last of which assigns what the node assigned."""
        old = self.graph.nodes
        graph = replace(self.graph, nodes=(*old[:index], *nodes, *old[index + 1 :]))
        return replace(self.case, graph=graph)

    def behind(self, name: str, writer: Writer, result: Ref) -> Case:
        """The case with calls written behind a value, whose ``result`` all others use in its place.

        The calls in ``writer`` use the value by its own name, and nothing else of the program.
        """
        graph = self.graph
        place = graph.producers.get(name, -1) + 1
        names = {name: result.name}
        later = [renamed(node, names) for node in graph.nodes[place:]]
        returns = tuple(names.get(item, item) for item in graph.returns)
        return replace(self.case, graph=Graph(graph.inputs, (*graph.nodes[:place], *writer.nodes, *later), returns))


def run(case: Case, inputs: Sequence[torch.Tensor]) -> dict[str, torch.Tensor]:
    """Every value of a case's graph by name, in eager, without gradients.

    Raises:
        RuntimeError and whatever else torch raises for a program that it does not run.
    """
    env = {value.name: item.detach() for value, item in zip(case.graph.inputs, inputs, strict=True)}
    with torch.no_grad():
        for node, call in zip(case.graph.nodes, make_calls(case.graph), strict=True):
            assert isinstance(call, Call), "only widening can fail"
            env.update(zip((value.name for value in node.outputs), call(env), strict=False))
    return env


def renamed(node: Node, names: Mapping[str, str]) -> Node:
    """A node that uses other values."""

    def leaf(item: Argument) -> Argument:
        return Ref(names.get(item.name, item.name)) if isinstance(item, Ref) else item

    if not any(name in names for name in node.uses):
        return node
    kwargs = {key: map_leaves(item, leaf) for key, item in node.kwargs.items()}
    return Node(node.op, map_leaves(node.args, leaf), kwargs, node.outputs, node.unpack)


class Writer:
    """Writes calls whose results have names that the graph does not have."""

    def __init__(self, graph: Graph):
        self._taken = set(graph.values)
        self._next = 0
        self.nodes: list[Node] = []

    def call(self, op: str, *args: Argument, **kwargs: Argument) -> Ref:
        """Write a call with one result."""
        return self._write(op, args, kwargs, Value(self._fresh()))

    def again(self, node: Node, names: Mapping[str, str]) -> Ref:
        """Write a call of one result once more, on other values."""
        other = renamed(node, names)
        return self._write(other.op, other.args, other.kwargs, Value(self._fresh()))

    def last(self, value: Value, op: str, *args: Argument, **kwargs: Argument) -> list[Node]:
        """All that was written, with a call at the end that assigns a value of the graph."""
        self._write(op, args, kwargs, value)
        return self.nodes

    def _write(self, op: str, args: tuple[Argument, ...], kwargs: Mapping[str, Any], value: Value) -> Ref:
        self.nodes.append(Node(op, args, dict(kwargs), (value,)))
        return Ref(value.name)

    def _fresh(self) -> str:
        while f"m{self._next}" in self._taken:
            self._next += 1
        name = f"m{self._next}"
        self._taken.add(name)
        return name


def single(node: Node) -> bool:
    """Whether a call has one result that is no part of a tuple."""
    return len(node.outputs) == 1 and not node.unpack


def argument(node: Node, position: int, keyword: str, default: Argument = None) -> Argument:
    """An argument by position or keyword."""
    if keyword in node.kwargs:
        return node.kwargs[keyword]
    return node.args[position] if len(node.args) > position else default
