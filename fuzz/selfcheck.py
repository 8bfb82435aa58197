"""The self-check: the oracles judge honest re-evaluations of generated cases, and must find nothing."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from misfold.targets.isolation.answer import Answer
from misfold.targets.isolation.limits import Limits
from misfold.targets.isolation.server import ForkServer
from misfold.targets.isolation.slot import Slot

from .spreading import spread

SERVICE = "misfold.fuzz.selfcheck:serve"
# Cases per call of the service.
CHUNK = 20
# Seconds that a call may take.
SECONDS = 300.0


def serve(request: dict[str, Any]) -> dict[str, Any]:
    """Judge honest evaluations of the cases ``indices`` of ``seed`` (in a worker)."""
    # Here and not above: they import torch, which the campaign's own process does without.
    from misfold.oracles.selfcheck import check_case

    from .produce import generator_for

    generator = generator_for(json.dumps(request.get("options", {})))
    findings, judged, decided = [], 0, 0
    for index in request["indices"]:
        checked = check_case(generator.case(request["seed"], index))
        judged, decided = judged + checked.judged, decided + checked.decided
        for alarm in checked.alarms:
            verdict = alarm.verdict
            findings.append(
                {
                    "index": index,
                    "variant": alarm.variant,
                    "verdict": f"{verdict.kind} ({verdict.oracle})",
                    "explanation": verdict.explanation,
                    "case": alarm.case.text,
                }
            )
    return {
        "findings": findings,
        "evaluations": judged,
        "undecided": judged - decided,
        "cases": len(request["indices"]),
    }


def self_check(count: int, seed: int, jobs: int) -> dict[str, Any]:
    """Run the self-check on ``count`` cases with ``jobs`` workers.

    Returns ``cases``, ``evaluations``, ``undecided``, ``lost`` (cases that could not be checked, each with its
    ``index`` and the ``reason``) and ``findings``, each with the case's index and text, the variant and the verdict.
    """
    total: dict[str, Any] = {"cases": 0, "evaluations": 0, "undecided": 0, "lost": [], "findings": [], "seed": seed}
    chunks = [list(range(start, min(start + CHUNK, count))) for start in range(0, count, CHUNK)]

    def check(slot: Slot, indices: list[int]) -> list[tuple[list[int], Answer]]:
        answer = slot.call(SERVICE, {"seed": seed, "indices": indices}, SECONDS)
        if answer.data is not None or len(indices) == 1:
            return [(indices, answer)]
        # One of them spoils the worker; the others need not be lost with it.
        return [pair for index in indices for pair in check(slot, [index])]

    def take(_: list[int], answers: list[tuple[list[int], Answer]]) -> None:
        for indices, answer in answers:
            if answer.data is None:
                reason = "no answer" if answer.death is None else f"{answer.death.type}: {answer.death.message[:200]}"
                total["lost"] += [{"index": index, "reason": reason} for index in indices]
                continue
            for key in ("cases", "evaluations", "undecided"):
                total[key] += answer.data[key]
            total["findings"] += answer.data["findings"]

    with tempfile.TemporaryDirectory(prefix="misfold-") as folder:
        server = ForkServer("selfcheck", ["misfold.fuzz.produce:warm_up"], Path(folder), Limits(seconds=SECONDS))
        spread(chunks, jobs, server, lambda: Slot(server), check, take)
    for key in ("lost", "findings"):
        total[key].sort(key=lambda entry: entry["index"])
    return total
