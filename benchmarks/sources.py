"""Campaigns whose calls follow rules against campaigns whose calls follow records, for equal times.

    python -m benchmarks.sources --seconds 300 --trials 5
    python -m benchmarks.sources --sources rules,records,hybrid --targets inductor,tvm --jobs 2

Runs campaigns in turn, each with triage, and prints one JSON object as its last line: for each source the medians over
the trials (with least and most) of ``cases``, ``cases_per_minute``, ``invalid`` (share of planned cases of which
nothing came), ``operators`` (distinct ones in the programs that reached something new), ``reached`` by source of
coverage, ``findings`` and ``bugs``; and ``bug_titles`` with the number of trials that each was found in.
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

from misfold.fuzz.commands.run import share_of_rules
from misfold.fuzz.graphs.campaign import GraphRunner
from misfold.fuzz.joint import rows
from misfold.fuzz.settings import DEFAULT_TARGETS, Settings
from misfold.programs.case import parse_case


def measure(
    source: str, targets: tuple[str, ...], seed: int, seconds: float, jobs: int, triage: float
) -> tuple[dict[str, Any], list[str]]:
    """One campaign, and the titles of its bugs."""
    settings = Settings(
        seed, targets, seconds, None, jobs,
        coverage=("auto",), triage_time=triage, generator={"rules": share_of_rules(source)},
    )  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="misfold-") as folder:
        runner = GraphRunner(Path(folder) / "campaign", settings)
        start = time.monotonic()
        runner.run(lambda current: None)
        spent = time.monotonic() - start
        store = runner.store
        campaign = store.campaign()
        assert campaign is not None
        entries, _ = rows.load(store, campaign)
        operators: set[str] = set()
        for entry in entries:
            operators.update(parse_case(entry.text).graph.operators)
        bugs = [bug.title for bug in store.bugs()]
        data = runner.tally.snapshot()
        found = {
            "cases": data["cases"],
            "cases_per_minute": 60 * data["cases"] / spent,
            "invalid": data["crashed"] / max(data["cases"] + data["crashed"], 1),
            "operators": len(operators),
            "findings": len(store.findings()),
            "bugs": len(bugs),
            **({f"reached {name}": total for name, total in runner.reached.totals().items()} if runner.reached else {}),
        }
    return found, bugs


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=300.0, help="per campaign, without the triage behind it")
    parser.add_argument("--triage", type=float, default=120.0, help="seconds of triage behind each")
    parser.add_argument("--trials", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1, help="of the first trial; the others count up")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--targets", default=",".join(DEFAULT_TARGETS))
    parser.add_argument("--sources", default="rules,records,hybrid")
    options = parser.parse_args()
    targets = tuple(options.targets.split(","))
    runs: dict[str, list[dict[str, Any]]] = {source: [] for source in options.sources.split(",")}
    titles: dict[str, Counter[str]] = {source: Counter() for source in runs}
    for trial in range(options.trials):
        # In turn, so that what else the machine does meets all sources alike.
        for source, done in runs.items():
            found, bugs = measure(source, targets, options.seed + trial, options.seconds, options.jobs, options.triage)
            done.append(found)
            titles[source].update(dict.fromkeys(bugs, 1))
            print(json.dumps({"source": source, "trial": trial, **found}), flush=True)
    result: dict[str, Any] = {"targets": targets, "trials": options.trials, "seconds": options.seconds, "sources": {}}
    for source, done in runs.items():
        keys = dict.fromkeys(key for one in done for key in one)
        result["sources"][source] = {
            **{
                key: [round(f([one.get(key, 0) for one in done]), 3) for f in (statistics.median, min, max)]
                for key in keys
            },
            "bug_titles": dict(titles[source].most_common()),
        }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
