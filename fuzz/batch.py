"""Merged cases: compile several as one, and take the outcome, or the batch, apart again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from misfold.programs.case import Case, merge_cases
from misfold.targets.outcome import FAILURES, Outcome, TensorValue


def split_outcome(merged: Outcome, cases: Sequence[Case], gradients: bool) -> list[Outcome]:
    """The outcome of each case from the values of a merged run.

    ``gradients`` says whether the target ran the backward pass. Time, memory and instructions are shared out evenly.
    Names of shared storage are moved to each case's own positions; storage shared between two cases is dropped, for
    there is none in either alone.
    """
    outcomes = []
    value_at = gradient_at = input_at = 0
    for case in cases:
        inputs, values = len(case.graph.inputs), len(case.graph.returns)
        wanted = sum(bool(recipe.get("requires_grad")) for recipe in case.recipes.values()) if gradients else 0
        outcomes.append(
            replace(
                merged,
                values=tuple(
                    replace(value, alias=_moved(value, input_at, inputs, value_at, values))
                    for value in merged.values[value_at : value_at + values]
                ),
                gradients=merged.gradients[gradient_at : gradient_at + wanted],
                mutated=merged.mutated[input_at : input_at + inputs],
                seconds={key: seconds / len(cases) for key, seconds in merged.seconds.items()},
                facts=_shared(merged.facts, len(cases)),
            )
        )
        value_at, gradient_at, input_at = value_at + values, gradient_at + wanted, input_at + inputs
    return outcomes


def _shared(facts: Mapping[str, Any], count: int) -> dict[str, Any]:
    """Facts of a merged run for each of its cases: what it cost is shared out as time is."""
    spent = {name: amount // count for name, amount in facts.get("spent", {}).items()}
    return {**facts, "spent": spent} if spent else dict(facts)


def _moved(value: TensorValue, input_at: int, inputs: int, value_at: int, values: int) -> str | None:
    if value.alias is None:
        return None
    kind, digits = ("x", value.alias[1:]) if value.alias.startswith("x") else ("out", value.alias[3:])
    start, count = (input_at, inputs) if kind == "x" else (value_at, values)
    position = int(digits) - start
    return f"{kind}{position}" if 0 <= position < count else None


@dataclass
class Merged:
    """Outcome of every case with whether it comes from a merged run, and the merged cases that failed although none
    of their parts did."""

    outcomes: list[tuple[Outcome, bool]]
    odd: list[tuple[Case, Outcome]]


def run_merged(cases: Sequence[Case], run: Callable[[Case, Sequence[Case]], Outcome], gradients: bool) -> Merged:
    """Run cases as one. ``run`` is given a case and those of which it consists.

    A merged run that gives no values is taken apart by halves until the case that spoils it stands alone.
    """
    if len(cases) == 1:
        return Merged([(run(cases[0], cases), False)], [])
    merged = merge_cases(list(cases))
    outcome = run(merged, cases)
    if outcome.kind == "values":
        return Merged([(part, True) for part in split_outcome(outcome, cases, gradients)], [])
    half = len(cases) // 2
    left, right = run_merged(cases[:half], run, gradients), run_merged(cases[half:], run, gradients)
    outcomes, odd = left.outcomes + right.outcomes, left.odd + right.odd
    if outcome.kind in FAILURES and not odd and all(part.kind not in FAILURES for part, _ in outcomes):
        odd = [(merged, outcome)]
    return Merged(outcomes, odd)
