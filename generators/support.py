"""Which operators a target takes at all, as measured: one data file per target and version in the package.

A campaign uses it to spend a narrow target's time on programs that it takes. Where there is no table for the installed
version, nothing is assumed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files

from misfold.programs.graph import Graph, Node


def operand_classes(graph: Graph, node: Node) -> str:
    """Element types of a node's tensor arguments, in order, each once: what support depends on."""
    names = dict.fromkeys(
        kind.dtype.name if (kind := graph.values[name].type) is not None else "?" for name in node.uses
    )
    return ",".join(names)


@dataclass(frozen=True)
class Support:
    """For a target: operator -> operand classes -> whether a one-operator program of it was taken."""

    target: str
    table: Mapping[str, Mapping[str, bool]]

    @staticmethod
    def load(target: str, versions: Mapping[str, str]) -> Support | None:
        """The shipped table for a target's versions, or None."""
        path = files(__package__).joinpath("data", file_name(target, versions))
        if not path.is_file():
            return None
        return Support(target, json.loads(path.read_text(encoding="utf-8"))["operators"])

    @cached_property
    def _taken(self) -> list[str]:
        return sorted(name for name, classes in self.table.items() if any(classes.values()))

    def operators(self) -> list[str]:
        """Operators taken for some element type."""
        return self._taken

    def missing(self, graph: Graph) -> str | None:
        """The first operator of a graph that the target is known not to take, or None."""
        for node in graph.nodes:
            classes = self.table.get(node.op)
            if classes is None:
                continue
            if not any(classes.values()) or classes.get(operand_classes(graph, node)) is False:
                return f"{node.op}({operand_classes(graph, node)})"
        return None


def file_name(target: str, versions: Mapping[str, str]) -> str:
    """Name of the data file: the target and the versions that decide what it takes."""
    return (
        "support-"
        + "-".join([target, *(f"{name}-{number.partition('+')[0]}" for name, number in sorted(versions.items()))])
        + ".json"
    )
