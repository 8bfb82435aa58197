"""Campaigns against a sample of seeded faults.

    python -m benchmarks.faults --sample 12 --minutes 5
    python -m benchmarks.faults --sample 12 --minutes 5 --kernels --configurations guided,unguided
    python -m benchmarks.faults --sample 12 --minutes 5 --together
    python -m benchmarks.faults --sample 12 --triggers 200 [--kernels]
    python -m benchmarks.faults --list

Runs a real campaign for each configuration, with one target instance for each fault of the sample and the compiler
without a fault beside them; with ``--together``, one instance that has them all. Prints one JSON object as its last
line. For each configuration:

- ``found_over_time``: seconds and number of faults found; ``detections``: for each the time, the index of the case, and
  the cases that its target had had; a fault is found when a confirmed finding is gone without it;
- ``seen_only``: faults with findings none of which was confirmed in the time; ``missed``: those without any;
- ``false_alarms``: findings in the compiler without a fault; ``unexplained``: confirmed findings in a faulty one that
  do not go away with the fault;
- ``buckets``, ``buckets_per_fault``, ``buckets_of_several_faults``: what triage made of them.

``--triggers N`` tells why faults are missed, without a campaign: of N generated programs, ``changed`` are those whose
outcome a fault changes in any bit, ``judged`` those of them on which the oracles say so.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from .campaign import GRAPHS, KERNELS, run
from .catalogue import CLASSES, Fault, catalogue
from .triggers import scan


def sample(count: int, seed: int, kernels: bool) -> list[str]:
    """Faults whose witness is a kernel or a graph, from all classes alike."""
    source = random.Random(f"faults {seed}")
    by_class: dict[str, list[str]] = defaultdict(list)
    for name, one in catalogue().items():
        if one.is_kernel == kernels:
            by_class[one.kind].append(name)
    for names in by_class.values():
        source.shuffle(names)
    classes = sorted(by_class)
    source.shuffle(classes)
    found: list[str] = []
    while len(found) < count and any(by_class.values()):
        for kind in classes:
            if by_class[kind] and len(found) < count:
                found.append(by_class[kind].pop())
    return found


def listed() -> dict[str, Any]:
    """The catalogue as data."""

    def row(one: Fault) -> dict[str, Any]:
        return {
            "class": one.kind,
            "project": one.project,
            "models": one.models,
            "where": one.where,
            "trigger": one.trigger,
            "witness": "kernel" if one.is_kernel else "graph",
            "shows": one.shows,
        }

    return {"classes": dict(CLASSES), "faults": {name: row(one) for name, one in catalogue().items()}}


def configurations(text: str | None, more: Sequence[str], kernels: bool) -> dict[str, dict[str, Any]]:
    """What was asked for, by name: ready-made ones, and NAME=JSON of settings."""
    known = KERNELS if kernels else GRAPHS
    names = (text or next(iter(known))).split(",")
    unknown = [name for name in names if name not in known]
    if unknown:
        sys.exit(f"there is no configuration {unknown[0]!r}; there are: {', '.join(known)}")
    chosen = {name: dict(known[name]) for name in names if text or not more}
    for item in more:
        name, _, data = item.partition("=")
        try:
            settings = json.loads(data)
        except ValueError:
            sys.exit(f'not settings: {item!r}; write NAME={{"field": value}}')
        chosen[name] = {key: tuple(value) if isinstance(value, list) else value for key, value in settings.items()}
    return chosen


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sample", type=int, default=12, help="faults")
    parser.add_argument("--faults", help="these faults, separated by commas, rather than a sample")
    parser.add_argument("--minutes", type=float, default=5.0, help="per configuration")
    parser.add_argument("--kernels", action="store_true", help="evolve kernels; else graphs are generated")
    parser.add_argument("--together", action="store_true", help="one target with all faults, for triage to tell apart")
    parser.add_argument("--configurations", help=f"of graphs: {', '.join(GRAPHS)}; of kernels: {', '.join(KERNELS)}")
    parser.add_argument("--configuration", action="append", default=[], metavar="NAME=JSON", help="further settings")
    parser.add_argument("--triggers", type=int, default=0, metavar="N", help="tell why faults are missed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--list", action="store_true", help="print the catalogue and stop")
    options = parser.parse_args()
    if options.list:
        print(json.dumps(listed(), indent=1, ensure_ascii=False))
        return
    names = options.faults.split(",") if options.faults else sample(options.sample, options.seed, options.kernels)
    unknown = [name for name in names if name not in catalogue()]
    if unknown:
        sys.exit(f"there is no fault {unknown[0]!r}; list them with --list")
    if options.triggers:
        rows = scan(names, options.triggers, options.seed, options.kernels)
        broken = rows.pop("")["broken"]
        print(
            json.dumps(
                {
                    "benchmark": "faults",
                    "programs": "kernels" if options.kernels else "graphs",
                    "count": options.triggers,
                    "broken": broken,
                    "triggers": rows,
                }
            )
        )
        return
    wanted = configurations(options.configurations, options.configuration, options.kernels)
    result = {
        name: run(
            names,
            60.0 * options.minutes,
            overrides,
            kernels=options.kernels,
            together=options.together,
            seed=options.seed,
            jobs=options.jobs,
        )
        for name, overrides in wanted.items()
    }
    print(
        json.dumps(
            {
                "benchmark": "faults",
                "programs": "kernels" if options.kernels else "graphs",
                "together": options.together,
                "sample": {name: catalogue()[name].kind for name in names},
                "minutes": options.minutes,
                "configurations": result,
            },
            ensure_ascii=False,
        )
    )


if __name__ == "__main__":
    main()
