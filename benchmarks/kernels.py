"""Campaigns of kernels: how fast, how much of the time outside the compiler, how much of what is made is valid.

    python -m benchmarks.kernels --seconds 60 --trials 5 --targets tvm

Runs ``misfold run --kernels`` in fresh folders and reads their stores. Prints one JSON object as its last line, with
the median, the least and the most of each figure over the trials:

- ``cases_per_second_per_core``: all inclusive, of the wall clock;
- ``outside_target``: fraction of the lanes' time that is not spent inside the compiler and what it made;
- ``generated_valid``: fraction of generated kernels that are defined (seeds that only TVM can hold counted apart);
- ``mutated_valid``: fraction of mutated (program, pipeline) pairs that are defined and that the target takes without a
  failure;
- ``undecided``: fraction of cases whose verdict stays open, because integers overflow or values are approximate.

Mutations that find nothing to do cost next to nothing and are left out of these.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from misfold.fuzz.kernels.campaign import KernelRunner
from misfold.fuzz.settings import Settings


def trial(settings: Settings, folder: Path) -> dict[str, Any]:
    """Run one campaign; its figures."""
    runner = KernelRunner(folder, settings, grace=0.0)
    began = time.monotonic()
    runner.run(lambda _: None)
    wall = time.monotonic() - began
    snapshot = runner.tally.snapshot()
    times = snapshot["seconds"]
    how = sum((lane.made for lane in runner.lanes), Counter[str]())
    spent = sum(times.values())
    undecided = sum(one.get("undecided", 0) for one in snapshot["targets"].values())
    cases = snapshot["cases"]
    return {
        "cases": cases,
        "cases_per_second_per_core": round(cases / wall / settings.jobs, 2),
        "outside_target": round(1 - times.get("target", 0.0) / spent, 3) if spent else None,
        "generated_valid": fraction(how.get("generated", 0), how.get("generated, undefined", 0)),
        "seeds_valid": fraction(how.get("seed", 0), how.get("seed, undefined", 0)),
        "mutated_valid": fraction(
            how.get("mutated", 0) - how.get("mutated, failing", 0),
            how.get("mutated, undefined", 0) + how.get("mutated, failing", 0),
        ),
        "undecided": fraction(undecided, cases - undecided),
        "spent": {name: round(value, 1) for name, value in times.items()},
        "reached": dict(runner.reached.totals()) if runner.reached is not None else {},
    }


def fraction(good: int, bad: int) -> float | None:
    """The share of what is good; None: there is nothing."""
    return round(good / (good + bad), 3) if good + bad else None


def spread(values: list[Any]) -> dict[str, Any] | None:
    """Median, least and most; None where a figure was not measured."""
    known = [value for value in values if value is not None]
    if not known:
        return None
    return {"median": round(statistics.median(known), 3), "least": min(known), "most": max(known)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--trials", type=int, default=5)
    parser.add_argument("--targets", default="tvm")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seeds", type=float, default=0.4, help="share of fresh programs that only TVM can hold")
    arguments = parser.parse_args()
    trials = []
    for number in range(arguments.trials):
        settings = Settings(
            seed=arguments.seed + number, targets=tuple(arguments.targets.split(",")), time=arguments.seconds,
            jobs=arguments.jobs, kernels=True, coverage=("auto",), loop={"seeds": arguments.seeds}, triage_share=0.0,
        )  # fmt: skip
        with tempfile.TemporaryDirectory(prefix="misfold-benchmark-") as folder:
            trials.append(trial(settings, Path(folder) / "campaign"))
    names = [name for name, value in trials[0].items() if isinstance(value, int | float | None)]
    summary = {name: spread([one[name] for one in trials]) for name in names}
    print(json.dumps({"trials": len(trials), "seconds": arguments.seconds, **summary, "each": trials}))


if __name__ == "__main__":
    main()
