"""A short campaign, measured: cases per minute and target, and the share of time spent outside targets.

    python -m benchmarks.campaign --seconds 60 --nodes 5

Prints one JSON object: ``per_target`` gives, for each target run alone, ``cases_per_minute`` (cases that the target
really ran) with ``ok``, ``unsupported``, ``undecided``, ``failing``; ``together`` is one campaign over all targets with
``harness_fraction`` (lane time outside targets, triage not counted) and ``cases_per_minute``.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from misfold.fuzz.campaign import Runner
from misfold.fuzz.settings import DEFAULT_TARGETS, Settings


def measure(targets: tuple[str, ...], seconds: float, nodes: int, seed: int, jobs: int) -> dict[str, Any]:
    """Run one campaign without triage and return its counters."""
    generator = {"min_nodes": nodes, "max_nodes": nodes}
    # Triage is switched off: what it costs depends on how many bugs there are, not on the harness.
    settings = Settings(seed, targets, seconds, None, jobs, generator=generator, triage_share=-1.0)
    with tempfile.TemporaryDirectory(prefix="misfold-") as folder:
        runner = Runner(Path(folder) / "campaign", settings, grace=0.0)
        ended: list[float] = []

        def watch(current: Runner) -> None:
            ended.append(time.monotonic() - current.started)

        runner.run(watch)
    data = runner.tally.snapshot()
    wall = ended[-1]
    spent = data["seconds"]
    lanes = sum(value for key, value in spent.items() if key != "triage")
    return {
        "seconds": round(wall, 2),
        "cases": data["cases"],
        "harness_fraction": round(1 - spent.get("target", 0.0) / lanes, 4) if lanes else None,
        "lane_seconds": {key: round(value, 2) for key, value in spent.items()},
        "targets": {
            name: {
                **{key: counter.get(key, 0) for key in ("ok", "unsupported", "undecided", "failing")},
                "cases_per_minute": round(
                    60 * sum(counter.get(key, 0) for key in ("ok", "undecided", "failing")) / wall, 1
                ),
            }
            for name, counter in data["targets"].items()
        },
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=60.0, help="per campaign")
    parser.add_argument("--nodes", type=int, default=5, help="operators per program")
    parser.add_argument("--targets", default=",".join(DEFAULT_TARGETS))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    targets = tuple(options.targets.split(","))
    alone = {
        target: measure((target,), options.seconds, options.nodes, options.seed, options.jobs) for target in targets
    }
    together = measure(targets, options.seconds, options.nodes, options.seed, options.jobs)
    print(
        json.dumps(
            {
                "benchmark": "campaign",
                "nodes": options.nodes,
                "jobs": options.jobs,
                "cases_per_minute": {
                    target: run["targets"][target]["cases_per_minute"] for target, run in alone.items()
                },
                "harness_fraction": together["harness_fraction"],
                "per_target": alone,
                "together": together,
            }
        )
    )


if __name__ == "__main__":
    main()
