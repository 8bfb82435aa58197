"""Equivalent programs within a campaign: a share of the cases that are right get a variant that must be right too."""

from __future__ import annotations

import random

from misfold.oracles.verdict import Verdict
from misfold.programs.case import Case, parse_case
from misfold.programs.pipeline import Pipeline
from misfold.targets.outcome import Outcome

from .examine import BAD, REFERENCE, Examiner, unpack_reference

SERVICE = "misfold.oracles.metamorphic.variants:serve"


def chosen(seed: int, index: int, target: str, share: float) -> bool:
    """Whether a case gets a variant on a target, decided by the campaign's seed."""
    return share > 0 and random.Random(f"{seed}/{index}/{target}/relation").random() < share


def failing_variant(
    examiner: Examiner, case: Case, target: str, pipeline: Pipeline, seed: int
) -> tuple[Case, Outcome, Verdict] | None:
    """An equivalent case that the target gets wrong, with its outcome and verdict; None if there is none.

    The variant is judged by itself: two answers further apart than the sum of their bounds cannot both be within them,
    so that what a comparison of the pair proves, one of the two shows alone; and a finding is one case.
    """
    answer = examiner.call(
        REFERENCE, SERVICE, {"case": case.text, "seed": seed, "each": 1, "most": 1}, examiner.seconds * 2
    )
    if answer.data is None:
        return None
    for item in answer.data["variants"]:
        if "refused" in item:
            continue
        variant = parse_case(item["text"])
        about = {**variant.about, "relation": item["relation"], "where": item["where"]}
        variant = Case(variant.graph, variant.recipes, variant.pipelines, variant.exact, about)
        eager, reference = unpack_reference(item)
        outcome = examiner.run(variant, target, pipeline)
        verdict = examiner.judge(variant, target, eager, reference, outcome)
        if verdict.kind in BAD:
            return variant, outcome, verdict
    return None
