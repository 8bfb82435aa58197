"""How often the oracles are wrong, both ways, and what they cost.

    python -m benchmarks.oracles --count 500

Generates ``--count`` cases. Each is judged on honest evaluations (see ``misfold.oracles.selfcheck``), where every bad
verdict is a false alarm, and on one evaluation with an injected fault (see ``benchmarks.value_faults``), where everything but
a bad verdict is a miss. Prints one JSON object as its last line:

- ``false_alarms`` of ``honest`` evaluations judged, and ``honest_decided``, the fraction of them that was decided;
- ``missed`` of ``faults`` that are visible: an integer or truth value differs, or a float by more than 1e-3 (5e-2 for
  half types) of its own and its tensor's root mean square; ``missed_fraction``, and ``missed_by_fault`` as
  [missed, visible];
- ``reference_ms`` and ``judge_ms``: median cost of a reference and of a verdict; ``eager_ms`` for comparison.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
import warnings
from collections import defaultdict

import numpy as np
import torch

from misfold.generators.generator import Generator
from misfold.generators.options import Options
from misfold.oracles.judge import judge
from misfold.oracles.reference import evaluate, warm_up
from misfold.oracles.selfcheck import check_case
from misfold.programs.case import Case
from misfold.programs.dtypes import DTYPES
from misfold.targets.eager import Eager
from misfold.targets.outcome import Outcome, TensorValue
from misfold.targets.running import run_case

from .value_faults import FAULTS, Faulty


def is_visible(eager: TensorValue, faulty: TensorValue) -> bool:
    """Whether a person would call the two different."""
    if (eager.dtype, tuple(eager.shape)) != (faulty.dtype, tuple(faulty.shape)):
        return True
    if eager.data == faulty.data:
        return False
    left, right = eager.array(), faulty.array()
    if not DTYPES[eager.dtype].is_float:
        return True
    left, right = left.astype(np.float64), right.astype(np.float64)
    finite = np.isfinite(left)
    if not finite.any():
        return False
    share = 5e-2 if DTYPES[eager.dtype].significand < 24 else 1e-3
    size = float(np.sqrt(np.mean(np.square(left[finite]))))
    with np.errstate(all="ignore"):
        apart = np.abs(left - right)[finite]
        return bool((~(apart <= share * np.maximum(np.abs(left[finite]), size))).any())


def damage(case: Case, eager: Outcome, index: int) -> tuple[str, Outcome] | None:
    """The first fault, in an order that depends on ``index``, that the case can have and that shows; None if none."""
    names = list(FAULTS)
    for offset in range(len(names)):
        name = names[(index + offset) % len(names)]
        outcome = run_case(Faulty(name, index), case)
        if outcome.kind == "values" and any(map(is_visible, eager.values, outcome.values)):
            return name, outcome
    return None


def main() -> None:
    """Run the benchmark and print its result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=300, help="cases")
    parser.add_argument("--seed", type=int, default=1, help="of the generator")
    parser.add_argument("--start", type=int, default=0, help="index of the first case")
    parser.add_argument("--nodes", type=int, help="operators per program (default: the generator's own 5 to 15)")
    parser.add_argument("--verbose", action="store_true", help="print each false alarm and miss to stderr")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    warm_up()
    generator = Generator(Options() if options.nodes is None else Options(options.nodes, options.nodes))
    honest = decided = alarms = 0
    missed: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    costs: dict[str, list[float]] = {"eager": [], "reference": [], "judge": []}
    for index in range(options.start, options.start + options.count):
        case = generator.case(options.seed, index)
        times = [time.perf_counter()]
        eager = run_case(Eager(), case)
        times.append(time.perf_counter())
        reference = evaluate(case, eager)
        times.append(time.perf_counter())
        if eager.kind != "values":
            continue
        judge(case, eager, reference, eager, aliases=True)
        times.append(time.perf_counter())
        for name, start, end in zip(costs, times, times[1:], strict=False):
            costs[name].append(1000 * (end - start))
        checked = check_case(case, reference=reference)
        honest += checked.judged
        decided += checked.decided
        alarms += len(checked.alarms)
        for alarm in checked.alarms if options.verbose else ():
            print(f"false alarm in case {index}: {alarm.variant}: {alarm.verdict}\n{case.text}", file=sys.stderr)
        damaged = damage(case, eager, index)
        if damaged is None:
            continue
        fault, outcome = damaged
        verdict = judge(case, eager, reference, outcome, aliases=False)
        missed[fault][1] += 1
        missed[fault][0] += not verdict.bad
        if options.verbose and not verdict.bad:
            print(f"missed in case {index}: {fault}: {verdict}", file=sys.stderr)
    total, misses = sum(row[1] for row in missed.values()), sum(row[0] for row in missed.values())
    print(
        json.dumps(
            {
                "cases": options.count,
                "honest": honest,
                "honest_decided": round(decided / max(honest, 1), 4),
                "false_alarms": alarms,
                "faults": total,
                "missed": misses,
                "missed_fraction": round(misses / max(total, 1), 4),
                "missed_by_fault": {name: missed[name] for name in FAULTS if name in missed},
                **{f"{name}_ms": round(statistics.median(times or [0.0]), 3) for name, times in costs.items()},
                "torch": str(torch.__version__),
            }
        )
    )


if __name__ == "__main__":
    main()
