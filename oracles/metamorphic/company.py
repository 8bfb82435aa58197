"""The program twice in one, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from misfold.programs.case import merge_cases

from .program import Program
from .relation import Relation, Variant


class Company(Relation):
    """Both copies have inputs of their own, with the same elements; compilers may fuse across them."""

    name = "company"
    statement = "a program beside another copy of itself gives what it gives alone, twice"

    def sites(self, program: Program) -> Sequence[str]:
        return ["the whole program"]

    def apply(self, program: Program, site: str) -> Variant | None:
        merged = replace(merge_cases([program.case, program.case]), exact=program.case.exact)
        count = len(program.graph.returns)
        return Variant(merged, (*range(count), *range(count)), site, gradients=False)
