"""Inference, measured: rules by family of operators, their scores on held-out calls, and the worst with the reason.

    python -m benchmarks.inference                          # the shipped rules
    python -m benchmarks.inference --rules FILE
    python -m benchmarks.inference --infer torch.cat torch.gather [--jobs 2]      # infer anew, with time and memory

Prints tables to standard error and one JSON object: ``total`` and ``families`` have numbers of partial operators,
shares with shapes and usable, and shape accuracy, element type accuracy, precision and recall over held-out calls, of
all rules with shapes and of the usable ones; ``worst`` has the 30 rules with the lowest score and why. With
``--infer``, also ``seconds`` (wall), ``processor_seconds`` and ``memory`` (peak resident bytes of this process and of
its largest worker).
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from misfold.generators.rules import Rule, RuleBase, Scores

WORST = 30


def family(operator: str) -> str:
    """``torch.linalg`` of ``torch.linalg.inv``, told apart by what is in the name in the two largest spaces."""
    space, _, last = operator.rpartition(".")
    if ":" in operator:
        return "own"
    for word, title in (("conv", "convolution"), ("pool", "pooling"), ("loss", "losses"), ("norm", "normalisation")):
        if word in last:
            return title
    if last.endswith("_") and not last.endswith("__"):
        return "in place"
    return space


def measure(rules: Iterable[Rule]) -> dict[str, Any]:
    """Counts and shares over some rules."""
    rules = list(rules)
    shaped = [rule for rule in rules if rule.cases]
    usable = [rule for rule in rules if rule.usable]
    return {
        "partial_operators": len(rules),
        "with_shapes": _share(len(shaped), len(rules)),
        "usable": _share(len(usable), len(rules)),
        "of_rules": _scores(shaped),
        "of_usable_rules": _scores(usable),
    }


def _share(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else 0.0


def _scores(rules: Iterable[Rule]) -> dict[str, Any]:
    scores = Scores()
    for rule in rules:
        scores += rule.scores
    return {
        "held_out_calls": scores.calls,
        "shape_accuracy": round(scores.shape_accuracy, 5),
        "dtype_accuracy": round(scores.dtype_accuracy, 5),
        "precision": round(scores.precision, 5),
        "recall": round(scores.recall, 5),
    }


def worst(rules: Iterable[Rule]) -> list[dict[str, Any]]:
    """The rules with the lowest scores, those without shapes first, by the number of records that they leave unused."""

    def grade(rule: Rule) -> float:
        if not rule.cases:
            return -1.0
        scores = rule.scores
        return min(scores.shape_accuracy, scores.dtype_accuracy, scores.precision, scores.recall)

    found = sorted(rules, key=lambda rule: (grade(rule), rule.structure.text))[:WORST]
    return [{"rule": rule.structure.text, "score": round(grade(rule), 3), "reason": _reason(rule)} for rule in found]


def _reason(rule: Rule) -> str:
    if rule.reason:
        return rule.reason
    scores = rule.scores
    return f"{scores.wrong} called valid and refused, {scores.missed} called invalid and run, of {scores.calls}"


def infer(operators: list[str], jobs: int) -> tuple[RuleBase, dict[str, Any]]:
    """Rules of operators made now, from the shipped records, and what that took."""
    from misfold.generators.inference.material import from_records
    from misfold.generators.inference.operator import Options
    from misfold.generators.inference.progressing import WorkFile, infer_all
    from misfold.generators.records import RecordBase, installed_version
    from misfold.generators.rules.base import write
    from misfold.generators.traces.labelling import Labeller

    material = from_records(RecordBase.load(), set(operators) or None)
    start, processor = time.monotonic(), time.process_time()
    calls = [0]

    def count(number: int) -> None:
        calls[0] += number

    with tempfile.TemporaryDirectory() as folder:
        work = WorkFile(Path(folder) / "work", {})
        with Labeller(jobs) as labeller:
            data = infer_all(material, labeller, Options(), work, None, count)
        work.close()
        path = Path(folder) / "rules.jsonl.gz"
        write(path, data, installed_version())
        base = RuleBase.load(path=path)
    memory = [resource.getrusage(who).ru_maxrss * 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return base, {
        "seconds": round(time.monotonic() - start, 1),
        "processor_seconds": round(time.process_time() - processor, 1),
        "memory": {"own": memory[0], "largest_worker": memory[1]},
        "calls": calls[0],
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rules", type=Path, help="a file of rules; default: the shipped one")
    parser.add_argument("--infer", nargs="*", metavar="OPERATOR", help="infer anew, for these operators or for all")
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    cost: dict[str, Any] = {}
    if options.infer is not None:
        base, cost = infer(options.infer, options.jobs)
    else:
        base = RuleBase.load(path=options.rules)
    rules = [rule for operator in base.operators for rule in base.of(operator)]
    groups: dict[str, list[Rule]] = defaultdict(list)
    for rule in rules:
        groups[family(rule.structure.function)].append(rule)
    families = {name: measure(group) for name, group in sorted(groups.items(), key=lambda item: -len(item[1]))}
    total = measure(rules)
    print(
        f"{'family':24} {'rules':>6} {'shapes':>7} {'usable':>7} {'right':>7} {'types':>7} {'prec.':>7} {'recall':>7}",
        file=sys.stderr,
    )
    for name, row in [*families.items(), ("total", total)]:
        scores = row["of_rules"]
        shares = (row["with_shapes"], row["usable"], *(scores[key] for key in _KEYS))
        print(
            f"{name:24} {row['partial_operators']:6} " + " ".join(f"{share:7.2%}" for share in shares), file=sys.stderr
        )
    last = worst(rules)
    for item in last:
        print(f"{item['score']:6.2f}  {item['rule'][:110]}: {item['reason']}", file=sys.stderr)
    print(
        json.dumps(
            {
                "torch": base.version,
                "operators": len(base.operators),
                "total": total,
                "families": families,
                "worst": last,
                **cost,
            }
        )
    )


_KEYS = ("shape_accuracy", "dtype_accuracy", "precision", "recall")


if __name__ == "__main__":
    main()
