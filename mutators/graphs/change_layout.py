"""Another layout of an input."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from misfold.generators.inputs import layout
from misfold.programs.case import Case
from misfold.programs.types import TensorType

from .mutator import Edit, GraphMutator
from .signatures import Signatures


class ChangeLayout(GraphMutator):
    """Permutes, steps or expands an input, or makes it contiguous."""

    name = "change-layout"

    def edit(self, case: Case, random: Random, signatures: Signatures, donors: Sequence[Case] = ()) -> Edit | None:
        found = [one for one in case.graph.inputs if case.recipes[one.name]["draw"] != "definite"]
        if not found:
            return None
        value = random.choice(found)
        plain = TensorType(value.known.dtype, value.known.shape)
        kind = plain if value.known.strides is not None and random.random() < 0.3 else layout(random, plain, True)
        return Edit(inputs={value.name: (kind, case.recipes[value.name])}) if kind != value.known else None
