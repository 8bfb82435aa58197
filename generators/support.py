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


#: What a one-operator program came to: values, a refusal, or a failure of the target.
TAKEN, REFUSED, FAILING = "taken", "refused", "failing"


@dataclass(frozen=True)
class Support:
    """For a target and the versions that decide: operator -> operand classes -> TAKEN, REFUSED or FAILING."""

    target: str
    versions: Mapping[str, str]
    table: Mapping[str, Mapping[str, str]]

    @staticmethod
    def load(target: str, versions: Mapping[str, str]) -> Support | None:
        """The shipped table for a target's versions, or None."""
        path = files(__package__).joinpath("data", file_name(target, versions))
        if not path.is_file():
            return None
        return Support(target, dict(versions), json.loads(path.read_text(encoding="utf-8"))["operators"])

    @cached_property
    def calls(self) -> frozenset[str]:
        """Operators with their operand classes, ``torch.add(float32,int64)``, that the target takes without failing."""
        return frozenset(
            f"{name}({key})" for name, classes in self.table.items() for key, state in classes.items() if state == TAKEN
        )

    def state(self, graph: Graph, node: Node) -> str | None:
        """What is known of a call: TAKEN, REFUSED, FAILING, or None. Unknown classes are as the operator's known ones
        are, if these all are the same."""
        classes = self.table.get(node.op)
        if not classes:
            return None
        known = classes.get(operand_classes(graph, node))
        if known is None and len(set(classes.values())) == 1:
            known = next(iter(classes.values()))
        return known

    def refused(self, graph: Graph) -> str | None:
        """The first call of a graph that the target is known to refuse, or None."""
        for node in graph.nodes:
            if self.state(graph, node) == REFUSED:
                return f"{node.op}({operand_classes(graph, node)})"
        return None

    def fails(self, graph: Graph) -> bool:
        """Whether some call of a graph is known to fail by itself."""
        return any(self.state(graph, node) == FAILING for node in graph.nodes)


def file_name(target: str, versions: Mapping[str, str]) -> str:
    """Name of the data file: the target and the versions that decide what it takes."""
    return (
        "support-"
        + "-".join([target, *(f"{name}-{number.partition('+')[0]}" for name, number in sorted(versions.items()))])
        + ".json"
    )
