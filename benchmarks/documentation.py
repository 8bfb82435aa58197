"""Constraints from documentation, measured.

    python -m benchmarks.documentation --sample SAMPLE.csv [--campaign]

Prints one JSON object: ``validation`` has precision and recall of cross-validation by API and by family of operators
for each way to learn, beside the published figures of DocTer; ``judged`` precision and recall on parameters judged by
a reader; ``torch`` how many documented parameters got constraints and how long that took, with the agreement with
schemas and OpInfo and the worst conflicts. With ``--campaign`` instead: what conforming and violating calls find,
against as many calls without constraints: ``types`` draws arguments by the types of schemas alone, ``records``
changes valid calls at random.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

from misfold.generators.documentation import judged, learning, rules, sample, survey, validation
from misfold.generators.documentation.merging import compare
from misfold.generators.documentation.readers import modules

#: Precision and recall in per cent that DocTer (Xie et al., ISSTA 2022) reports for MXNet, all categories.
DOCTER = {"MXNet, all categories": {"precision": 83.7, "recall": 76.9}}


def measure_validation(path: Path, ways: tuple[str, ...]) -> dict[str, Any]:
    """Cross-validation in each way to learn."""
    parameters, extra = sample.documented(sample.read(path)), sample.phrases()
    result: dict[str, Any] = {"parameters": len(parameters), "docter": DOCTER}
    for way in ways:
        for name, group in (("by_api", validation.by_api), ("by_family", validation.by_family)):
            found = validation.cross_validate(parameters, way, group, extra=extra)
            result[f"{way} {name}"] = {
                **{pool: score.to_data() for pool, score in found.scores.items()},
                "unseen_sentences": found.unseen.to_data(),
            }
    alone = validation.cross_validate(parameters, "runs")
    result["runs by_api without the phrases that ship"] = alone.scores["all"].to_data()
    return result


def measure_torch(opinfo: bool) -> dict[str, Any]:
    """All documented parameters of torch: time, coverage, agreement."""
    modules.documented("torch.nn.functional")  # torch's own import is not what is measured
    started, processor = time.monotonic(), time.process_time()
    entries = modules.documented("torch")
    items = survey.surveyed(entries, rules.load())
    seconds, used = time.monotonic() - started, time.process_time() - processor
    found = {(k.parameter.api, k.parameter.name): k for item in items for k in item.constraints.values()}.values()
    typed = [known for known in found if known.parameter.type]
    return {
        "docstrings": len(entries),
        "parameters": len(found),
        "typed": len(typed),
        "constrained": round(sum(known.constrained for known in found) / len(found), 4),
        "typed_constrained": round(sum(known.constrained for known in typed) / len(typed), 4),
        "facts": dict(Counter(fact.category for known in found for fact in known.facts)),
        "seconds": round(seconds, 1),
        "processor_seconds": round(used, 1),
        **compare(found, opinfo).to_data(30),
    }


#: Parameters judged by a reader: of the installed torch, and in the manner of libraries that nothing was learnt from.
JUDGED = Path(__file__).parents[1] / "tests" / "generators" / "documentation" / "data"


def measure_judged() -> dict[str, Any]:
    """What the rules that ship make of judged parameters."""
    known = rules.load()
    return {
        "torch": judged.judge(known, *judged.read_installed(JUDGED / "torch-parameters.tsv")).to_data(),
        "other_styles": judged.judge(known, judged.read_texts(JUDGED / "other-styles.tsv")).to_data(),
    }


#: Calls that each side gets of a campaign's: what a compile costs decides.
SIDES = {"aot_eager": 500, "onnxruntime": 500, "misfold": 150, "tvm": 100, "inductor": 40}


def measure_campaign(count: int, scale: float, seconds: float | None) -> dict[str, Any]:
    """Calls by documentation, and as many without it, side by side."""
    from misfold.fuzz.documentation import SOURCES, run

    sides = {name: max(int(number * scale), 1) for name, number in SIDES.items()}
    results = {}
    for source in SOURCES:
        result = run(["torch"], ratio=0.5, count=count, seed=0, jobs=2, sides=sides, seconds=seconds, source=source)
        results[source] = result
        print(f"{source}: {result.measures()}, {result.seconds:.0f} s", file=sys.stderr, flush=True)
    return {
        "side_by_side": {source: result.measures() for source, result in results.items()},
        "full": {source: result.to_data() for source, result in results.items()},
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--sample", type=Path, help="the annotated sample; without it nothing is validated")
    parser.add_argument("--ways", default="runs", help="ways to learn, with commas between: runs, gaps, mined")
    parser.add_argument("--no-opinfo", action="store_true", help="leave out OpInfo, which takes 10 s to import")
    parser.add_argument(
        "--campaign", action="store_true", help="make calls, eager and compiled, and measure nothing else"
    )
    parser.add_argument("--count", type=int, default=3000)
    parser.add_argument("--scale", type=float, default=1.0, help="times the calls that each compared side gets")
    parser.add_argument("--seconds", type=float, help="ends each campaign's compiled part")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    unknown = [way for way in arguments.ways.split(",") if way not in learning.WAYS]
    if unknown:
        parser.error(f"unknown way {', '.join(unknown)} (allowed: {', '.join(learning.WAYS)})")
    result: dict[str, Any] = {}
    if arguments.sample is not None:
        result["validation"] = measure_validation(arguments.sample, tuple(arguments.ways.split(",")))
    if not arguments.campaign:
        result["judged"] = measure_judged()
        result["torch"] = measure_torch(not arguments.no_opinfo)
    else:
        result["campaign"] = measure_campaign(arguments.count, arguments.scale, arguments.seconds)
    print(json.dumps(result, default=str))


if __name__ == "__main__":
    main()
