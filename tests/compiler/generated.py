"""Generated graphs through the compiler's target, each judged by the oracles.

    python -m tests.compiler.generated --count 300 O0 O2 random:7

runs graphs of misfold's generator at each of the target's pipelines that are named. It prints a line of JSON for each
graph that is wrong, and then one with the counts of verdicts. ``random:N`` is a random order of passes with random
parameters, out of seed N.
Exit status 1 if any is wrong.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import random
import sys
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any

from misfold.compiler.passes.base import registry
from misfold.compiler.pipelines import from_data
from misfold.programs.pipeline import Pipeline
from misfold.targets.misfold_pipelines import PIPELINES

TARGETS_OWN = {one.name: one for one in PIPELINES}

#: Cases that one forked child runs: what it leaks goes with it, and a crash costs one case.
CHUNK = 50

BAD = ("proved", "suspect", "died", "error")


def pipeline_of(word: str) -> Pipeline:
    """The target's pipeline that a word on the command line stands for."""
    if not word.startswith("random:"):
        return TARGETS_OWN[word]
    made = random_order(int(word.partition(":")[2]))
    return Pipeline(word, {}, tuple((entry[0], entry[1] if len(entry) > 1 else {}) for entry in made.data()))


def random_order(seed: int) -> Any:
    """A pipeline of passes in a random order, some of them several times, with random parameters."""
    source = random.Random(seed)
    known = registry()
    graph = [name for name, one in known.items() if one.level == "graph"]
    loops = [name for name, one in known.items() if one.level == "loop"]
    chosen = source.choices(graph, k=source.randint(0, 8)) + source.choices(loops, k=source.randint(0, 10))
    return from_data(f"random:{seed}", [[name, _parameters(known[name], source)] for name in chosen])


def _parameters(one: Any, source: random.Random) -> dict[str, Any]:
    return {item.name: source.choice(item.metadata["values"]) for item in fields(one) if source.random() < 0.5}


def _is_torch(case: Any, eager: Any, reference: Any) -> bool:
    """Whether the case fails as much before any compiler sees it: when AOTAutograd's graph runs as it is."""
    from misfold.oracles.judge import judge
    from misfold.targets.inductor import Inductor
    from misfold.targets.running import run_case

    target = Inductor()
    plain = next(one for one in target.pipelines() if one.name == "aot_eager")
    return judge(case, eager, reference, run_case(target, case, plain), aliases=True).kind in BAD


def judged(pipelines: Sequence[Pipeline], seed: int, indices: Sequence[int], nodes: int) -> Iterator[list[Any]]:
    """``[index, pipeline, verdict, why, case]`` for each case and pipeline; first ``[index, "", "start", "", ""]``."""
    from misfold.fuzz.examine import unpack_reference
    from misfold.fuzz.produce import refer
    from misfold.generators.generator import Generator
    from misfold.generators.options import Options
    from misfold.generators.records import RecordBase
    from misfold.oracles.judge import judge
    from misfold.targets.misfold import Misfold
    from misfold.targets.running import run_case

    generator = Generator(Options(min_nodes=1, max_nodes=nodes), RecordBase.load())
    target = Misfold()
    for index in indices:
        yield [index, "", "start", "", ""]
        case = generator.case(seed, index)
        eager, reference = unpack_reference(refer(case))
        if eager.kind != "values":
            yield [index, "", "eager fails", "", ""]
            continue
        for pipeline in pipelines:
            outcome = run_case(target, case, pipeline)
            verdict = judge(case, eager, reference, outcome, aliases=True)
            failure = outcome.failure
            if outcome.kind == "rejected" and failure is not None:
                yield [index, pipeline.name, "rejected", failure.operator or failure.message[:80], ""]
            elif verdict.kind in BAD and _is_torch(case, eager, reference):
                yield [index, pipeline.name, "torch", "", ""]
            elif verdict.kind in BAD:
                why = f"{failure.type}: {failure.message}" if failure else f"{verdict.oracle}: {verdict.explanation}"
                yield [index, pipeline.name, verdict.kind, why[:500], case.text]
            else:
                yield [index, pipeline.name, verdict.kind, "", ""]


def in_children(pipelines: Sequence[Pipeline], seed: int, first: int, count: int, nodes: int) -> Iterator[list[Any]]:
    """What ``judged`` gives, run in forked children; ``died`` for a case that ended its child."""
    index, end = first, first + count
    while index < end:
        stop = min(index + CHUNK, end)
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(read)
            with os.fdopen(write, "w") as out:
                try:
                    for row in judged(pipelines, seed, range(index, stop), nodes):
                        out.write(json.dumps(row) + "\n")
                        out.flush()
                except BaseException as error:  # harness: told to the parent, which counts it as bad
                    out.write(json.dumps([-1, "", "error", repr(error)[:500], ""]) + "\n")
            os._exit(0)
        os.close(write)
        last = index
        with os.fdopen(read) as lines:
            for line in lines:
                row = json.loads(line)
                if row[2] == "start":
                    last = row[0]
                else:
                    yield [last if row[0] < 0 else row[0], *row[1:]]
        _, status = os.waitpid(child, 0)
        if status:
            yield [last, "", "died", f"status {status}", ""]
            index = last + 1
        else:
            index = stop


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="generated")
    parser.add_argument("pipelines", nargs="+")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--nodes", type=int, default=8)
    parser.add_argument("--reasons", action="store_true", help="print what was rejected too")
    options = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    import torch

    from misfold.fuzz.produce import warm_up
    from misfold.targets.dynamo import save_time

    torch.set_num_threads(1)
    torch._logging.set_logs(all=logging.CRITICAL)
    warm_up()
    save_time()
    counts: dict[str, Counter[str]] = {}
    reasons: Counter[str] = Counter()
    bad = 0
    pipelines = [pipeline_of(word) for word in options.pipelines]
    for row in in_children(pipelines, options.seed, options.first, options.count, options.nodes):
        counts.setdefault(row[1], Counter())[row[2]] += 1
        if row[2] == "rejected":
            reasons[row[3]] += 1
        elif row[2] in BAD:
            bad += 1
            print(json.dumps(row), flush=True)
    print(json.dumps({name: dict(count) for name, count in counts.items()}))
    if options.reasons:
        for reason, number in reasons.most_common():
            print(number, reason)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
