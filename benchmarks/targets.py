"""What a target costs: milliseconds to compile and to run, for cases alone and for cases merged into one.

    python -m benchmarks.targets --target tvm --count 20 --batch 8 --nodes 5

Prints one JSON object as its last line: ``single`` and
``merged`` give ``compile_ms``, ``run_ms`` and ``cpu_ms`` (of this process and its children, both phases) per case,
``warm_up_s`` what the fork server pays once, ``outcomes`` how many of ``--count`` cases
were ok (``values``), rejected or failing.
Only cases that are ok alone are merged.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Sequence
from typing import Any

from misfold.generators.generator import Generator, Options
from misfold.generators.support import Support
from misfold.programs.case import Case, merge_cases
from misfold.programs.pipeline import Pipeline
from misfold.targets import registry, running
from misfold.targets.protocol import Target

COSTS = ("compile_ms", "run_ms", "cpu_ms")


def cpu_seconds() -> float:
    """Processor time used so far by this process and the children that it waited for."""
    spent = 0.0
    for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
        usage = resource.getrusage(who)
        spent += usage.ru_utime + usage.ru_stime
    return spent


def measure(target: Target, case: Case, pipeline: Pipeline, count: int) -> dict[str, Any]:
    """Run a case that holds ``count`` cases, once; costs are per case."""
    before = cpu_seconds()
    outcome = running.run_case(target, case, pipeline)
    return {
        "kind": outcome.kind,
        "compile_ms": 1e3 * outcome.seconds.get("compile", 0.0) / count,
        "run_ms": 1e3 * outcome.seconds.get("run", 0.0) / count,
        "cpu_ms": 1e3 * (cpu_seconds() - before) / count,
        "why": "" if outcome.failure is None else f"{outcome.failure.type}: {outcome.failure.message}",
    }


def measure_all(target: Target, cases: Sequence[Case], pipeline: Pipeline, count: int) -> list[dict[str, Any]]:
    """Run cases in a child process, and in another one from the next case on whenever one dies."""
    results: list[dict[str, Any]] = []
    while len(results) < len(cases):
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            with os.fdopen(writer, "w") as lines, tempfile.TemporaryDirectory(prefix="misfold-") as folder:
                target.settle(folder)
                for case in cases[len(results) :]:
                    print(json.dumps(measure(target, case, pipeline, count)), file=lines, flush=True)
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader) as lines:
            results += map(json.loads, lines)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if status:
            results.append({"kind": "crash", "why": f"exit status {status}"})
    return results


def summary(results: Sequence[dict[str, Any]]) -> dict[str, float | int]:
    """Means per case of those that gave values."""
    good = [result for result in results if result["kind"] == "values"]
    means = {key: round(statistics.fmean(item[key] for item in good), 2) for key in COSTS} if good else {}
    return {"count": len(good), **means}


def make_cases(target: Target, seed: int, count: int, nodes: int) -> list[Case]:
    """Cases of operators that the target is known to take, as a campaign would give it."""
    generator = Generator(Options(min_nodes=nodes, max_nodes=nodes))
    support = Support.load(target.name, target.versions())
    cases: list[Case] = []
    for index in range(100 * count):
        case = generator.case(seed, index, None if support is None else support.calls)
        if support is None or not (support.refused(case.graph) or support.fails(case.graph)):
            cases.append(case)
        if len(cases) == count:
            break
    return cases


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", default="tvm", help="name of a target")
    parser.add_argument("--pipeline", help="name of a pipeline; by default the target's first")
    parser.add_argument("--count", type=int, default=20, help="cases")
    parser.add_argument("--batch", type=int, help="cases merged into one; by default what the target asks for")
    parser.add_argument("--nodes", type=int, default=5, help="operators per case")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--verbose", action="store_true", help="print what is not ok")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")

    target = registry.get(arguments.target)
    if reason := target.missing():
        sys.exit(reason)
    pipelines = {pipeline.name: pipeline for pipeline in target.pipelines()}
    if arguments.pipeline is not None and arguments.pipeline not in pipelines:
        sys.exit(f"no pipeline {arguments.pipeline!r}; known: {', '.join(pipelines)}")
    pipeline = pipelines[arguments.pipeline] if arguments.pipeline else target.pipelines()[0]
    batch = arguments.batch or target.batch
    cases = make_cases(target, arguments.seed, arguments.count, arguments.nodes)

    started = time.perf_counter()
    target.warm_up()
    warm_up = time.perf_counter() - started
    single = measure_all(target, cases, pipeline, 1)
    good = [case for case, result in zip(cases, single, strict=True) if result["kind"] == "values"]
    groups = [
        members[start : start + batch]
        for exact in (False, True)
        for members in [[case for case in good if case.exact == exact]]
        for start in range(0, len(members) - batch + 1, batch)
    ]
    merged = measure_all(target, [merge_cases(group) for group in groups], pipeline, batch)
    if arguments.verbose:
        for index, result in enumerate((*single, *merged)):
            if result["kind"] != "values":
                print(f"{index}: {result['kind']}: {result['why'][:400]}")
    result = {
        "target": arguments.target, "pipeline": pipeline.name, "nodes": arguments.nodes, "batch": batch,
        "warm_up_s": round(warm_up, 2), "outcomes": dict(Counter(result["kind"] for result in single)),
        "single": summary(single), "merged": summary(merged),
    }  # fmt: skip
    print(json.dumps(result))


if __name__ == "__main__":
    main()
