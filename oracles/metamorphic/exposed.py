"""An intermediate value returned besides the outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .program import Program
from .relation import Relation, Variant


class Exposed(Relation):
    """What is returned has to be stored, so that compilers fuse and reuse memory in another way."""

    name = "exposed"
    statement = "the outputs do not change when an intermediate value is returned besides them"

    def sites(self, program: Program) -> Sequence[str]:
        graph = program.graph
        return [name for name in graph.producers if name not in graph.returns]

    def apply(self, program: Program, site: str) -> Variant | None:
        graph = replace(program.graph, returns=(*program.graph.returns, site))
        outputs = (*range(len(program.graph.returns)), None)
        # another output has a cotangent of its own
        return Variant(replace(program.case, graph=graph), outputs, site, gradients=False)
