"""Attributes of calls to their defaults, or to simpler values."""

from __future__ import annotations

from collections.abc import Iterator

from misfold.programs.arguments import Argument, Ref, references
from misfold.programs.case import Case
from misfold.programs.graph import Node

from ..surgery import attempt, with_nodes


def attributes(case: Case, index: int) -> Iterator[Case]:
    """Of the node at ``index``: keyword arguments left out, the last positional ones left out, numbers made smaller."""
    node = case.graph.nodes[index]
    for other in _simpler(node):
        yield from attempt(with_nodes, case, {index: other})


def _simpler(node: Node) -> Iterator[Node]:
    def made(args: tuple[Argument, ...], kwargs: dict[str, Argument]) -> Node:
        return Node(node.op, args, kwargs, node.outputs, node.unpack)

    if node.kwargs:
        yield made(node.args, {})
    for key in node.kwargs:
        yield made(node.args, {name: value for name, value in node.kwargs.items() if name != key})
    for count in range(1, len(node.args)):
        if not any(True for _ in references(list(node.args[count:]))):
            yield made(node.args[:count], dict(node.kwargs))
    for place, item in enumerate(node.args):
        for simple in _values(item):
            yield made((*node.args[:place], simple, *node.args[place + 1 :]), dict(node.kwargs))
    for key, item in node.kwargs.items():
        for simple in _values(item):
            yield made(node.args, {**node.kwargs, key: simple})


def _values(item: Argument) -> Iterator[Argument]:
    if isinstance(item, bool) or item is None or isinstance(item, Ref | str):
        return
    if isinstance(item, int):
        yield from (value for value in (0, 1, 2, -1) if len(repr(value)) < len(repr(item)))
    elif isinstance(item, float):
        yield from (value for value in (0.0, 1.0, 2.0, 0.5) if len(repr(value)) < len(repr(item)))
    elif isinstance(item, list | tuple):
        kind = type(item)
        if len(item) > 1:
            yield item[0]
            for place in range(len(item)):
                yield kind((*item[:place], *item[place + 1 :]))
        elif len(item) == 1:
            yield item[0]
        for place, inner in enumerate(item):
            for simple in _values(inner):
                yield kind((*item[:place], simple, *item[place + 1 :]))
