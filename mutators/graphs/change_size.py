"""Another size."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from misfold.programs.case import Case
from misfold.programs.types import TensorType

from .mutator import Edit, GraphMutator
from .signatures import Signatures


class ChangeSize(GraphMutator):
    """Replaces a size by another one in all inputs, and where they are needed in lists of integers too."""

    name = "change-size"

    def edit(self, case: Case, random: Random, signatures: Signatures, donors: Sequence[Case] = ()) -> Edit | None:
        open_inputs = [one for one in case.graph.inputs if case.recipes[one.name]["draw"] not in ("definite",)]
        sizes = sorted({size for one in open_inputs for size in one.known.shape})
        if not sizes:
            return None
        old = random.choice(sizes)
        new = random.choice([size for size in (1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 33) if size != old])
        changed = {}
        for value in open_inputs:
            if old in value.known.shape:
                shape = tuple([new if size == old else size for size in value.known.shape])
                recipe = dict(case.recipes[value.name])
                if recipe["draw"] == "integers" and recipe["high"] == old - 1:
                    recipe["high"] = max(recipe["low"], new - 1)  # it indexes that dimension, by all appearances
                changed[value.name] = TensorType(value.known.dtype, shape), recipe
        return Edit(inputs=changed, sizes={old: new})
