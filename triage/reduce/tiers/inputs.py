"""Simpler inputs: a constant, small integers, zeros but few, contiguous memory, no gradient."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from misfold.programs.case import Case
from misfold.programs.graph import Value
from misfold.programs.types import TensorType
from misfold.targets.outcome import TensorValue

from ..cuts import literal_recipe, simple_recipes
from ..surgery import attempt, with_types

#: Inputs of at most so many elements are written down one by one: more would not be read by anybody.
MOST_ELEMENTS = 256


def contiguous(case: Case) -> Iterator[Case]:
    """Row-major memory for an input that has other strides."""
    for value in case.graph.inputs:
        if value.known.strides is not None:
            plain = TensorType.of(value.known.dtype, value.known.shape)
            yield from attempt(with_types, case, {value.name: plain})


def without_gradients(case: Case) -> Iterator[Case]:
    """No gradient asked for, of all inputs or of one."""
    wanting = [name for name, recipe in case.recipes.items() if recipe.get("requires_grad")]
    for names in (wanting, *([name] for name in wanting)) if wanting else ():
        yield _with(case, {name: _without(case.recipes[name], "requires_grad") for name in names})


def simple_values(case: Case, index: int) -> Iterator[Case]:
    """Of the input at ``index``: recipes that say less."""
    value = case.graph.inputs[index]
    recipe = case.recipes[value.name]
    if recipe.get("edges"):
        yield _with(case, {value.name: _without(recipe, "edges")})
    for simple in _simple(value):
        if recipe.get("requires_grad"):
            simple = {**simple, "requires_grad": True}
        yield from attempt(_with, case, {value.name: simple})


def few_values(capture: Callable[[Case], Mapping[str, TensorValue]]) -> Callable[[Case, int], Iterator[Case]]:
    """Of an input: its elements written down, half of them 0, then fewer at a time; then whole numbers."""

    def candidates(case: Case, index: int) -> Iterator[Case]:
        value = case.graph.inputs[index]
        recipe = case.recipes[value.name]
        if value.known.elements > MOST_ELEMENTS or recipe["draw"] == "constant":
            return
        if recipe["draw"] == "values" and len(recipe["values"]) == value.known.elements:
            values = list(recipe["values"])
        else:
            captured = capture(case).get(value.name)
            if captured is None:
                return
            literal = literal_recipe(captured)
            values = list(literal["values"]) if literal["draw"] == "values" else []
        zero: Any = False if value.known.dtype.kind == "bool" else 0.0 if value.known.dtype.is_float else 0
        size = len(values)
        while size:
            for start in range(0, len(values), size):
                inside = range(start, start + size)
                if any(values[start : start + size]):
                    if size < len(values):
                        kept = [one if place in inside else zero for place, one in enumerate(values)]
                        yield from _valued(case, value, recipe, kept)
                    fewer = [zero if place in inside else one for place, one in enumerate(values)]
                    yield from _valued(case, value, recipe, fewer)
            size //= 2
        if value.known.dtype.is_float:
            yield from _valued(case, value, recipe, [float(round(one)) if abs(one) < 2**31 else one for one in values])
            for place, one in enumerate(values if sum(map(bool, values)) <= 4 else ()):
                for simple in (1.0, float(round(one)) if abs(one) < 2**31 else one):
                    if one and simple != one:
                        yield from _valued(case, value, recipe, [*values[:place], simple, *values[place + 1 :]])

    return candidates


def _simple(value: Value) -> Iterator[dict[str, Any]]:
    if value.known.dtype.kind != "bool":
        yield {"draw": "constant", "value": 0}
    yield from simple_recipes(value)


def _valued(case: Case, value: Value, recipe: Mapping[str, Any], values: list[Any]) -> Iterator[Case]:
    made: dict[str, Any] = {"draw": "values", "values": values}
    if recipe.get("requires_grad"):
        made["requires_grad"] = True
    yield from attempt(_with, case, {value.name: made})


def _without(recipe: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in recipe.items() if name != key}


def _with(case: Case, recipes: Mapping[str, Mapping[str, Any]]) -> Case:
    return replace(case, recipes={**case.recipes, **recipes})
