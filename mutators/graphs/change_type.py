"""Another element type."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

from misfold.programs.case import Case
from misfold.programs.dtypes import DTYPES, DType
from misfold.programs.types import TensorType

from .mutator import Edit, GraphMutator
from .signatures import Signatures


class ChangeType(GraphMutator):
    """Gives one input, or all of one element type, another element type, mostly one of the same kind."""

    name = "change-type"

    def edit(self, case: Case, random: Random, signatures: Signatures, donors: Sequence[Case] = ()) -> Edit | None:
        if not case.graph.inputs:
            return None
        old = random.choice(case.graph.inputs).known.dtype
        same = [one for one in DTYPES.values() if one is not old and _kind(one) == _kind(old)]
        others = [one for one in DTYPES.values() if one is not old]
        new = random.choice(same if same and random.random() < 0.8 else others)
        chosen = [one for one in case.graph.inputs if one.known.dtype is old]
        if random.random() < 0.3:
            chosen = [random.choice(chosen)]
        changed = {}
        for value in chosen:
            kind = value.known
            recipe = _recipe(case.recipes[value.name], new, random)
            changed[value.name] = TensorType(new, kind.shape, kind.strides), recipe
        return Edit(inputs=changed)


def _kind(dtype: DType) -> str:
    return "float" if dtype.is_float else "integer" if dtype.is_integer else dtype.name


def _recipe(recipe: Any, new: DType, random: Random) -> dict[str, Any]:
    """The recipe, if it suits the new type too; else one that does."""
    if new.name == "bool":
        return {"draw": "bernoulli", "seed": recipe.get("seed", 0)}
    if new.is_float and recipe["draw"] != "bernoulli":
        return dict(recipe)
    if recipe["draw"] == "integers" and (recipe["low"] >= 0 or new.is_float or not new.name.startswith("uint")):
        return dict(recipe)
    if new.is_float:
        return {"draw": "normal", "seed": recipe.get("seed", 0)}
    return {"draw": "integers", "seed": recipe.get("seed", random.getrandbits(32)), "low": 0, "high": 4}
