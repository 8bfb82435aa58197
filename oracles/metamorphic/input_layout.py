"""Inputs with the same elements in another memory layout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from misfold.programs.case import Case
from misfold.programs.graph import Graph
from misfold.programs.types import TensorType, contiguous_strides

from .program import Program
from .relation import Relation

#: Operators whose result is made of memory rather than of elements.
_MEMORY = ("as_strided", "as_strided_copy", "as_strided_scatter", "view", "view_as")


class InputLayout(Relation):
    """The last dimension comes first in memory, or elements lie two apart. Recipes draw elements in row-major order
    whatever the strides are. Not for programs that look at memory: ``as_strided``, ``view``."""

    name = "input-layout"
    statement = "a program gives the same on an input of other strides, unless it looks at memory"

    def sites(self, program: Program) -> Sequence[str]:
        if program.calls(*_MEMORY):
            return []
        return [
            value.name for value in program.graph.inputs
            if value.known.strides is None and value.known.elements > 1 and value.known.rank
        ]  # fmt: skip

    def apply(self, program: Program, site: str) -> Case | None:
        kind = program.graph.values[site].known
        shape = kind.shape
        if kind.rank > 1 and program.random.random() < 0.5:
            turned = contiguous_strides((shape[-1], *shape[:-1]))
            strides = (*turned[1:], turned[0])
        else:
            strides = tuple(2 * stride for stride in contiguous_strides(shape))
        other = TensorType(kind.dtype, shape, strides)
        graph = program.graph
        inputs = tuple(replace(item, type=other) if item.name == site else item for item in graph.inputs)
        # Strides of intermediate values follow; what was stated of them need not hold.
        nodes = tuple(
            replace(node, outputs=tuple(replace(item, type=None) for item in node.outputs)) for node in graph.nodes
        )
        return replace(program.case, graph=Graph(inputs, nodes, graph.returns))
