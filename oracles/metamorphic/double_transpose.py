"""A transpose undone by the same transpose."""

from __future__ import annotations

from collections.abc import Sequence

from misfold.programs.arguments import Ref
from misfold.programs.case import Case

from .program import Program, Writer
from .relation import Relation


class DoubleTranspose(Relation):
    """Elements move there and back; half of the time through memory of the transposed layout."""

    name = "double-transpose"
    statement = "transposing two dimensions twice changes nothing, for two dimensions or more"

    def sites(self, program: Program) -> Sequence[str]:
        return [name for name in program.graph.values if program.values[name].dim() >= 2]

    def apply(self, program: Program, site: str) -> Case | None:
        first, second = program.random.sample(range(program.values[site].dim()), 2)
        writer = Writer(program.graph)
        turned = writer.call("torch.transpose", Ref(site), first, second)
        if program.random.random() < 0.5:
            turned = writer.call("torch.Tensor.contiguous", turned)
        return program.behind(site, writer, writer.call("torch.transpose", turned, first, second))
