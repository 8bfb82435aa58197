"""How often the oracles are wrong, both ways, how tight the bounds are, and what they cost.

    python -m benchmarks.oracles --count 500

Generates ``--count`` cases. Each is judged on evaluations with an injected fault (see ``benchmarks.value_faults``),
where everything but a bad verdict is a miss, and, unless ``--no-honest``, on honest evaluations (see
``misfold.oracles.selfcheck``), where every bad verdict is a false alarm. Prints one JSON object as its last line:

- ``false_alarms`` and ``false_proofs`` of ``honest`` evaluations judged; ``honest_decided``, the fraction of them that
  was decided; ``contested``: tensors in which eager itself is outside its bound, of ``tensors``;
- ``faults``: how many injected faults are visible: an integer or truth value differs, or a float by more than 1e-3
  (5e-2 for half types) of its own and its tensor's root mean square;
- ``missed``: per oracle the fraction of these that it lets pass. ``framework tolerance``: ``torch.testing``'s default
  against eager; ``1e-2/1e-3``: rtol and atol that fuzzers choose; ``same``: ``torch._dynamo.utils.same`` with a float64
  reference; ``ratio``: far beyond what noise explains; ``bound``: outside the error bound; ``exact``: bits differ where
  arithmetic is exact, on the case or on its twin with exact inputs; ``bound, else ratio``: the ratio only where there
  is no bound; ``judge``: the verdict on the case; ``combination``: the verdict on the case or on its exact twin;
- ``invisible``: faults of each kind that are in none of these figures: honest evaluations that were really run give
  the same or are further off, in every element (see ``benchmarks.invisible``);
- ``missed_by_fault``: [missed, visible] of the combination;
- ``alarms``: per oracle the fraction of honest evaluations that it complains about;
- ``exact_share``: the fraction of outputs that is exact with the generator's values, and with assigned ones;
- ``covered``: the fraction of calls that the bounds have rules for all parts of; ``uncovered`` lists the others;
- ``tightness``: per family of hand-written evaluations, the median of bound over the largest actual error;
- ``reference_ms``, ``bound_ms``, ``judge_ms``, ``eager_ms``: median cost per case. ``bound_small_ms``: of the error
  analysis alone, for graphs of ten operators with at most 10^4 elements per tensor.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable

import numpy as np
import torch

from misfold.generators.exact import assign
from misfold.generators.generator import Generator
from misfold.generators.options import Options
from misfold.oracles.bounds.analysis import analyse, uncovered
from misfold.oracles.honesty import FAMILIES
from misfold.oracles.judge import judge
from misfold.oracles.reference import Reference, evaluate, warm_up
from misfold.oracles.selfcheck import honest_variants
from misfold.programs.case import Case
from misfold.targets.eager import Eager
from misfold.targets.outcome import Outcome
from misfold.targets.running import run_case
from misfold.targets.torch_values import make_inputs

from .comparisons import ORACLES, is_visible
from .invisible import is_invisible
from .value_faults import FAULTS, Faulty

#: Programs and elements of those that the cost of the analysis is stated for.
SMALL_NODES, SMALL_ELEMENTS = 10, 10_000


def damages(case: Case, eager: Outcome, index: int, most: int) -> list[tuple[str, Outcome]]:
    """Up to ``most`` faults of different kinds, in an order that depends on ``index``, that the case can have and
    that show."""
    names, found = list(FAULTS), []
    for offset in range(len(names)):
        name = names[(index + offset) % len(names)]
        outcome = run_case(Faulty(name, index), case)
        if outcome.kind == "values" and any(map(is_visible, eager.values, outcome.values)):
            found.append((name, outcome))
        if len(found) >= most:
            break
    return found


def twin_finds(twin: Case | None, fault: str, index: int) -> bool:
    """Whether the same fault is proved on the case with exact inputs."""
    if twin is None:
        return False
    eager = run_case(Eager(), twin)
    outcome = run_case(Faulty(fault, index), twin)
    if eager.kind != "values" or outcome.kind != "values":
        return False
    reference = evaluate(twin, eager)
    return ORACLES["exact"](twin, eager, reference, outcome)


def tightness() -> dict[str, float]:
    """Per family, the median over elements and examples of the bound over the largest error of honest evaluations."""
    from misfold.programs.parser import parse_graph

    found = {}
    for name, family in FAMILIES.items():
        ratios: list[float] = []
        for seed in range(20):
            random = np.random.default_rng(seed)
            arrays = [random.normal(size=shape).astype(np.float32) for shape in family.shapes]
            kinds = ", ".join(f'x{i}: "float32{list(item.shape)}"' for i, item in enumerate(arrays))
            lines = "".join(f"    {line.strip()}\n" for line in family.body.split(";"))
            last = family.body.split(";")[-1].split("=")[0].strip()
            graph = parse_graph(f"def program({kinds}):\n{lines}    return ({last},)\n")
            shadow = analyse(graph, [torch.from_numpy(item) for item in arrays]).values[last]
            if shadow.error is None:
                continue
            worst = np.zeros(shadow.shape)
            for _, result in family.evaluate(arrays, random, np.float32):
                worst = np.maximum(worst, np.abs(result.astype(np.float64) - shadow.value.numpy()))
            error = shadow.error.numpy()
            ratios += list((error / np.maximum(worst, 1e-300))[worst > 0].ravel())
        found[name] = round(float(np.median(ratios)), 1) if ratios else 0.0
    return found


class Run:
    """Counts over the cases of one run."""

    def __init__(self, verbose: bool):
        self.verbose = verbose
        self.honest = self.decided = self.alarms = self.proofs = self.contested = self.tensors = 0
        self.missed: Counter[str] = Counter()
        self.invisible: Counter[str] = Counter()
        self.complaints: Counter[str] = Counter()
        self.by_fault: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        self.outputs = self.exact_before = self.exact_after = 0
        self.calls = 0
        self.without: Counter[str] = Counter()
        self.costs: dict[str, list[float]] = defaultdict(list)

    def timed(self, name: str, function: Callable[[], object]) -> object:
        """Call and note the milliseconds."""
        start = time.perf_counter()
        result = function()
        self.costs[name].append(1000 * (time.perf_counter() - start))
        return result

    def case(self, case: Case, index: int, honest: bool, most: int) -> None:
        """Everything about one case."""
        eager = self.timed("eager", lambda: run_case(Eager(), case))
        assert isinstance(eager, Outcome)
        if eager.kind != "values":
            return
        reference = evaluate(case, eager)
        self.timed("reference", lambda: evaluate(case, eager))
        self.timed("judge", lambda: judge(case, eager, reference, eager, aliases=True))
        inputs = [item.detach() for item in make_inputs(case)]
        self.timed("bound", lambda: analyse(case.graph, inputs))
        largest = max((value.known.elements for value in case.graph.values.values() if value.type), default=0)
        if len(case.graph.nodes) == SMALL_NODES and largest <= SMALL_ELEMENTS:
            self.costs["bound_small"].append(self.costs["bound"][-1])
        self.tensors += len(reference.values)
        self.contested += sum(item.contested is not None for item in reference.values)
        missing = uncovered(case.graph, [item.detach() for item in make_inputs(case)])
        self.calls += len(case.graph.nodes)
        self.without.update(missing)
        assigned = assign(case)
        if assigned is not None:
            plain = assign(case, 1)
            self.outputs += assigned.outputs
            self.exact_before += 0 if plain is None else plain.exact
            self.exact_after += assigned.exact
        if honest:
            self._honest(case, index, eager, reference)
        if reference.undefined:
            return  # nothing is wrong about what has no meaning
        for fault, outcome in damages(case, eager, index, most):
            self._fault(case, index, fault, eager, reference, outcome, None if assigned is None else assigned.case)

    def _fault(
        self, case: Case, index: int, fault: str, eager: Outcome, reference: Reference, outcome: Outcome,
        other: Case | None,
    ) -> None:  # fmt: skip
        found = {name: oracle(case, eager, reference, outcome) for name, oracle in ORACLES.items()}
        twin = twin_finds(other, fault, index)
        found["exact"] |= twin
        found["combination"] = found["judge"] or twin
        if not found["combination"] and is_invisible(case, eager, outcome):
            self.invisible[fault] += 1
            if self.verbose:
                print(f"invisible in case {index}: {fault}", file=sys.stderr)
            return
        self.by_fault[fault][1] += 1
        self.by_fault[fault][0] += not found["combination"]
        self.missed.update(name for name, bad in found.items() if not bad)
        if self.verbose and not found["combination"]:
            verdict = judge(case, eager, reference, outcome, aliases=False)
            print(f"missed in case {index}: {fault}: {verdict}", file=sys.stderr)

    def _honest(self, case: Case, index: int, eager: Outcome, reference: Reference) -> None:
        for name, outcome in honest_variants(case, 0):
            if outcome.kind != "values":
                continue
            verdict = judge(case, eager, reference, outcome, aliases=name == "again")
            self.honest += 1
            self.decided += verdict.kind != "undecided"
            self.alarms += verdict.bad
            self.proofs += verdict.kind == "proved"
            self.complaints.update(oracle for oracle, bad in ORACLES.items() if bad(case, eager, reference, outcome))
            if verdict.bad and self.verbose:
                print(f"false alarm in case {index}: {name}: {verdict}\n{case.text}", file=sys.stderr)

    def result(self) -> dict[str, object]:
        """The JSON object."""
        faults = max(sum(row[1] for row in self.by_fault.values()), 1)
        names = [*ORACLES, "combination"]
        costs = {f"{name}_ms": round(statistics.median(times), 3) for name, times in self.costs.items() if times}
        return {
            "honest": self.honest,
            "honest_decided": round(self.decided / max(self.honest, 1), 4),
            "false_alarms": self.alarms,
            "false_proofs": self.proofs,
            "contested": self.contested,
            "tensors": self.tensors,
            "faults": sum(row[1] for row in self.by_fault.values()),
            "invisible": dict(self.invisible),
            "missed": {name: round(self.missed[name] / faults, 4) for name in names},
            "missed_fraction": round(self.missed["combination"] / faults, 4),
            "missed_by_fault": {name: self.by_fault[name] for name in FAULTS if name in self.by_fault},
            "alarms": {name: round(self.complaints[name] / max(self.honest, 1), 4) for name in ORACLES},
            "exact_share": [
                round(self.exact_before / max(self.outputs, 1), 4),
                round(self.exact_after / max(self.outputs, 1), 4),
            ],
            "covered": round(1 - sum(self.without.values()) / max(self.calls, 1), 4),
            "uncovered": dict(self.without.most_common()),
            "tightness": tightness(),
            **costs,
        }


def main() -> None:
    """Run the benchmark and print its result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=300, help="cases")
    parser.add_argument("--seed", type=int, default=1, help="of the generator")
    parser.add_argument("--start", type=int, default=0, help="index of the first case")
    parser.add_argument("--nodes", type=int, help="operators per program (default: the generator's own 5 to 15)")
    parser.add_argument("--faults", type=int, default=3, help="injected per case, at most")
    parser.add_argument("--no-honest", action="store_true", help="leave honest evaluations out")
    parser.add_argument("--verbose", action="store_true", help="print each false alarm and miss to stderr")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    warm_up()
    generator = Generator(Options() if options.nodes is None else Options(options.nodes, options.nodes))
    run = Run(options.verbose)
    for index in range(options.start, options.start + options.count):
        run.case(generator.case(options.seed, index), index, not options.no_honest, options.faults)
    print(json.dumps({"cases": options.count, **run.result(), "torch": str(torch.__version__)}))


if __name__ == "__main__":
    main()
