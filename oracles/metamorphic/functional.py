"""Memory written in place, as values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from misfold.programs.aliasing import is_functional
from misfold.programs.case import Case
from misfold.targets.protocol import Unsupported
from misfold.targets.rewriting import without_writes

from .program import Program
from .relation import Relation


class Functional(Relation):
    """The form that all other relations start from: they would not know who else sees the memory."""

    name = "functional"
    statement = "v.add_(x) is v = v.add(x), where nothing else names the memory of v"

    def sites(self, program: Program) -> Sequence[str]:
        return ["the whole program"] if program.rewritten else []

    def apply(self, program: Program, site: str) -> Case | None:
        return program.case


def functional_form(case: Case) -> Case | None:
    """The case without in-place operators and with the same outputs; itself if it has none, None if others see what
    it writes."""
    if is_functional(case.graph.nodes):
        return case
    try:
        graph, _ = without_writes(case.graph)
    except Unsupported:
        return None
    return replace(case, graph=replace(graph, returns=graph.returns[: len(case.graph.returns)]))
