"""x + 0 = x, with the zero that leaves -0 as it is."""

from __future__ import annotations

from collections.abc import Sequence

from misfold.programs.arguments import Ref
from misfold.programs.case import Case

from .program import Program, Writer
from .relation import Relation


class ZeroAddend(Relation):
    """For floats the neutral element is -0.0: -0.0 + 0.0 would be 0.0 (IEEE 754, 6.3). For integers it is 0."""

    name = "zero-addend"
    statement = "x + (-0.0) is x for floats, x + 0 for integers"

    def sites(self, program: Program) -> Sequence[str]:
        return [
            name for name in program.graph.values
            if str(program.values[name].dtype) != "torch.bool" and not program.values[name].is_complex()
        ]  # fmt: skip

    def apply(self, program: Program, site: str) -> Case | None:
        writer = Writer(program.graph)
        zero = -0.0 if program.is_float(site) else 0
        return program.behind(site, writer, writer.call("torch.add", Ref(site), zero))
