"""The self-check: the oracles judge honest re-evaluations of generated cases, and must find nothing."""

from __future__ import annotations

import json
import tempfile
import threading
from pathlib import Path
from typing import Any

from misfold.targets.isolation.limits import Limits
from misfold.targets.isolation.server import ForkServer
from misfold.targets.isolation.slot import Slot

# Cases per call of the service: a worker that dies loses no more than this.
CHUNK = 20


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

    Returns ``cases``, ``evaluations``, ``undecided``, ``lost`` (cases whose worker died) and ``findings``, each with
    the case's index and text, the variant and the verdict.
    """
    total: dict[str, Any] = {"cases": 0, "evaluations": 0, "undecided": 0, "lost": 0, "findings": [], "seed": seed}
    chunks = [list(range(start, min(start + CHUNK, count))) for start in range(0, count, CHUNK)]
    lock = threading.Lock()
    errors: list[BaseException] = []
    with tempfile.TemporaryDirectory(prefix="misfold-") as folder:
        server = ForkServer("selfcheck", ["misfold.fuzz.produce:warm_up"], Path(folder), Limits(seconds=300))
        server.start()

        def work() -> None:
            slot = Slot(server)
            try:
                while not errors:
                    with lock:
                        if not chunks:
                            return
                        indices = chunks.pop(0)
                    answer = slot.call("misfold.fuzz.selfcheck:serve", {"seed": seed, "indices": indices}, 300)
                    with lock:
                        if answer.data is None:
                            total["lost"] += len(indices)
                            continue
                        for key in ("cases", "evaluations", "undecided"):
                            total[key] += answer.data[key]
                        total["findings"] += answer.data["findings"]
            except BaseException as error:
                errors.append(error)
            finally:
                slot.close()

        threads = [threading.Thread(target=work) for _ in range(jobs)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        server.close()
    if errors:
        raise errors[0]
    return total
