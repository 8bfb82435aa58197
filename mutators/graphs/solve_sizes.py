"""Other sizes, all at once."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from random import Random

from misfold.generators.rules import RuleBase
from misfold.generators.solving.resolving import resized
from misfold.programs.case import Case

from .mutator import Edit, GraphMutator
from .signatures import Signatures


class SolveSizes(GraphMutator):
    """Solves the graph's sizes again: z3 finds other ones that the rules of all its calls take together, with the
    numbers among arguments that go with them."""

    name = "solve-sizes"

    def edit(self, case: Case, random: Random, signatures: Signatures, donors: Sequence[Case] = ()) -> Edit | None:
        if any(value.type is None for value in case.graph.values.values()):
            return None  # Types are stated once a case has been run.
        found = resized(case, random, _rules())
        return None if found is None else Edit(inputs=found.inputs, nodes=found.nodes)


@cache
def _rules() -> RuleBase:
    return RuleBase.load()
