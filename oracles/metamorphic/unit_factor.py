"""x · 1 = x."""

from __future__ import annotations

from collections.abc import Sequence

from misfold.programs.arguments import Ref
from misfold.programs.case import Case

from .program import Program, Writer
from .relation import Relation


class UnitFactor(Relation):
    """Numbers of every type times one are themselves, to the bit; truth values are left alone (they would become
    integers)."""

    name = "unit-factor"
    statement = "x * 1 is x, for numbers"

    def sites(self, program: Program) -> Sequence[str]:
        return [name for name in program.graph.values if str(program.values[name].dtype) != "torch.bool"]

    def apply(self, program: Program, site: str) -> Case | None:
        writer = Writer(program.graph)
        return program.behind(site, writer, writer.call("torch.mul", Ref(site), 1))
