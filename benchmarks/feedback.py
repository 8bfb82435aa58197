"""What coverage costs a graph campaign, and what steering by it reaches.

    python -m benchmarks.feedback --seconds 180 --trials 5
    python -m benchmarks.feedback --count 160 --modes feedback,watched,plain

Runs campaigns without triage in several modes, one after the other, and prints one JSON object as its last line: for
each mode the medians over the trials (with least and most) of ``cases``, ``cases_per_minute``,
``cases_per_processor_minute`` (of processor time, for machines that have other work too), ``mutated`` (share of
cases), ``invalid`` (share of planned cases of which nothing came), ``corpus`` and ``reached`` by source. Modes:

* ``feedback``: the default;
* ``watched``: coverage is watched, but all programs are generated;
* ``plain``: nothing is watched, all programs are generated;
* ``blind``: nothing is watched, and programs are mutated all the same.

``overhead`` is how many fewer cases per processor minute ``watched`` makes than ``plain``: these two do the same work.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import tempfile
import time
from collections import deque
from pathlib import Path
from typing import Any

from misfold.fuzz.graphs.campaign import GraphRunner
from misfold.fuzz.settings import DEFAULT_TARGETS, Settings

MODES: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "feedback": (("auto",), {}),
    "watched": (("auto",), {"fresh": 1.0}),
    "plain": ((), {}),
    "blind": ((), {"guided": False}),
}


class Dropping(deque[Any]):
    """Findings are left alone: what triage costs depends on how many bugs there are."""

    def append(self, item: Any) -> None:
        pass


def processor_seconds() -> float:
    """Of this process and its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def measure(
    mode: str, targets: tuple[str, ...], seed: int, seconds: float | None, count: int | None, jobs: int
) -> dict[str, Any]:
    """One campaign."""
    coverage, loop = MODES[mode]
    settings = Settings(
        seed, targets, seconds, count, jobs, coverage=coverage, loop=loop, triage_share=-1.0
    )  # fmt: skip
    before = processor_seconds()
    ended: list[float] = []
    with tempfile.TemporaryDirectory(prefix="misfold-") as folder:
        runner = GraphRunner(Path(folder) / "campaign", settings, grace=0.0)
        runner.pending = Dropping()
        began: list[float] = []

        def watch(current: GraphRunner) -> None:
            if not began:
                began.append(_family_seconds())
            ended.append(time.monotonic() - current.started)

        runner.run(watch)  # type: ignore[arg-type]
    used = processor_seconds() - before - began[0]
    data = runner.tally.snapshot()
    cases = data["cases"]
    how = data["how"]
    return {
        "cases": cases,
        "cases_per_minute": 60 * cases / ended[-1],
        "cases_per_processor_minute": 60 * cases / used,
        "mutated": 1 - how.get("generate", 0) / sum(how.values()) if how else 0.0,
        "invalid": data["crashed"] / max(cases + data["crashed"], 1),
        "corpus": runner.entries(),
        **({f"reached {name}": total for name, total in runner.reached.totals().items()} if runner.reached else {}),
    }


def _family_seconds() -> float:
    """Processor seconds that the fork servers have used: importing compilers and warming them up."""
    import psutil

    total = 0.0
    for child in psutil.Process().children(recursive=True):
        try:
            times = child.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=None, help="per campaign (default 180 without --count)")
    parser.add_argument("--count", type=int, default=None, help="cases per campaign")
    parser.add_argument("--trials", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1, help="of the first trial; the others count up")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--targets", default=",".join(DEFAULT_TARGETS))
    parser.add_argument("--modes", default=",".join(MODES))
    options = parser.parse_args()
    seconds = options.seconds if options.seconds or options.count else 180.0
    targets = tuple(options.targets.split(","))
    result: dict[str, Any] = {"targets": targets, "trials": options.trials, "modes": {}}
    runs: dict[str, list[dict[str, Any]]] = {mode: [] for mode in options.modes.split(",")}
    for trial in range(options.trials):
        # In turn, so that what else the machine does meets all modes alike.
        for mode, done in runs.items():
            done.append(measure(mode, targets, options.seed + trial, seconds, options.count, options.jobs))
            print(json.dumps({"mode": mode, "trial": trial, **done[-1]}), flush=True)
    for mode, done in runs.items():
        keys = dict.fromkeys(key for one in done for key in one)
        result["modes"][mode] = {
            key: [round(f([one.get(key, 0) for one in done]), 3) for f in (statistics.median, min, max)] for key in keys
        }
    if {"watched", "plain"} <= runs.keys():
        speed = {mode: result["modes"][mode]["cases_per_processor_minute"][0] for mode in ("watched", "plain")}
        result["overhead"] = round(1 - speed["watched"] / speed["plain"], 3)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
