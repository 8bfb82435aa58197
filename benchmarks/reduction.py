"""How small, how fast and how faithfully findings are reduced; side by side with PyTorch's minifier.

    python -m benchmarks.reduction --seeded 60 --kernels 30 --cases FOLDER … [--minifier] [--json FILE]

Findings are those of seeded faults in misfold's own compiler (graphs and kernels, ``benchmarks.seeded``) and real ones:
case files (``*.case.py``, ``*.kernel``) in folders, such as a campaign's ``reductions/F*/000-start.*`` or its findings
as generated. For each: size before and after, tests, seconds, whether the reduced case fails in the same way in a fresh
process, and the blame.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

from misfold.fuzz.examine import Examination
from misfold.fuzz.folders import open_store
from misfold.fuzz.reducing import Reducer
from misfold.fuzz.store import FILE
from misfold.fuzz.workers import open_examiners
from misfold.programs.case import parse_case
from misfold.programs.kernel import is_kernel_case
from misfold.programs.kernel_tvmscript import is_tvmscript_case, parse_any_kernel
from misfold.triage.reduce.search import Bounds

from . import seeded

#: As in a campaign.
BOUNDS = Bounds(600, 60.0)
#: PyTorch's minifier is given this long for one case.
MINIFIER_SECONDS = 600


def measured(examiner: Any, first: Examination, origin: str) -> dict[str, Any]:
    """One finding reduced."""
    start = time.monotonic()
    done = Reducer([examiner], first, BOUNDS, operators=False).run()
    return {
        "origin": origin,
        "target": first.target,
        "kind": first.outcome.kind,
        "program": "kernel" if "statements" in done.facts["after"] else "graph",
        **done.facts,
        "seconds to localise and name": round(time.monotonic() - start - done.facts["seconds"], 2),
        "blame": done.blame.key,
    }


def seeded_findings(count: int, kernel: bool, seed: int, end: float) -> Iterator[dict[str, Any]]:
    """Reductions of ``count`` findings, one per fault in turn."""
    if not count:
        return
    with seeded.examiner(kernel) as examiner:
        faults = seeded.sample(kernel, 0)
        each = -(-count // len(faults))
        made = 0
        for fault in seeded.sample(kernel, min(count, len(faults))):
            # Not the witness itself, which is small already.
            for place, one in enumerate(seeded.findings(examiner, fault, each + 1, seed)):
                if place and made < count:
                    made += 1
                    yield measured(examiner, one.examination, f"fault {fault.name}")
                if time.monotonic() > end:
                    return


def texts_of(place: Path) -> Iterator[tuple[str, str]]:
    """Names and texts of cases in a folder or of a campaign's findings as they were generated."""
    if (place / FILE).is_file():
        for finding in open_store(place).findings():
            if finding.status == "confirmed":
                yield f"{place.name} F{finding.id}", finding.text
        return
    for path in sorted([*place.rglob("*.case.py"), *place.rglob("*.kernel")]):
        yield path.name, path.read_text(encoding="utf-8")


@contextmanager
def examiners() -> Iterator[Any]:
    """A function of target and kind of program that gives an examiner; all are closed at the end."""
    made: dict[tuple[str, bool], Any] = {}
    with ExitStack() as stack:

        def get(target: str, kernel: bool) -> Any:
            if (target, kernel) not in made:
                [made[target, kernel]] = stack.enter_context(open_examiners(target, kernel, 1, 60.0))
            return made[target, kernel]

        yield get


def real_findings(places: Sequence[Path], minify: bool, end: float) -> Iterator[dict[str, Any]]:
    """Reductions of case files that still fail; each names the target that it fails on."""
    with examiners() as get:
        for place in places:
            for name, text in texts_of(place):
                kernel = is_kernel_case(text) or is_tvmscript_case(text)
                case: Any = parse_any_kernel(text) if kernel else parse_case(text)
                # A case of a regression corpus may leave the pipeline to the target that it is expected to fail on.
                expected = [str(one["target"]) for one in case.about.get("expect", ()) if one["target"] != "eager"]
                for target in dict.fromkeys([*case.pipelines, *expected]):
                    if time.monotonic() > end:
                        return
                    examiner = get(target, kernel)
                    pipeline = case.pipelines.get(target) or examiner.targets[target].pipelines()[0]
                    first = examiner.examine(case, target, pipeline, fresh=True)
                    if not first.bad:
                        yield {"origin": name, "target": target, "fails": False}
                        continue
                    found = measured(examiner, first, name)
                    if minify and target == "inductor":
                        found["minifier"] = minified(text)
                    yield found


def minified(text: str) -> dict[str, Any]:
    """What PyTorch's minifier makes of a case, in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="misfold-") as folder:
        path = Path(folder) / "case.case.py"
        path.write_text(text, encoding="utf-8")
        try:
            done = subprocess.run(
                [sys.executable, "-m", "benchmarks.minifier", str(path)],
                capture_output=True, text=True, timeout=MINIFIER_SECONDS, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return {"success": False, "error": f"no end after {MINIFIER_SECONDS} s", "seconds": MINIFIER_SECONDS}
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        return {"success": False, "error": f"exit status {done.returncode}: {done.stderr[-300:]}"}
    result: dict[str, Any] = json.loads(lines[-1])
    return result


def summary(found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Medians by target and kind of program, and the comparison with the minifier."""
    failing = [one for one in found if one.get("fails", True)]
    groups: dict[str, list[dict[str, Any]]] = {}
    for one in failing:
        groups.setdefault(f"{one['target']} {one['program']}s", []).append(one)
    rows = {}
    for name, ones in groups.items():
        size = "statements" if ones[0]["program"] == "kernel" else "nodes"
        rows[name] = {
            "findings": len(ones),
            f"median {size} before": statistics.median(one["before"][size] for one in ones),
            f"median {size} after": statistics.median(one["after"][size] for one in ones),
            "same failure": round(sum(one["same"] for one in ones) / len(ones), 4),
            "median seconds": statistics.median(one["seconds"] for one in ones),
            "median seconds in all": statistics.median(one["seconds in all"] for one in ones),
            "median tests": statistics.median(one["tests"] for one in ones),
            "blamed": round(sum(one["blame"] not in ("", "?") for one in ones) / len(ones), 4),
        }
    both = [one for one in failing if "minifier" in one]
    worked = [one for one in both if one["minifier"]["success"]]
    minifier = None
    if both:
        minifier = {
            "findings": len(both),
            "its successes": len(worked),
            "its median nodes": statistics.median(one["minifier"]["nodes"] for one in worked) if worked else None,
            "its median seconds": statistics.median(one["minifier"].get("seconds", 0) for one in both),
            "our successes": sum(one["same"] for one in both),
            "our median nodes": statistics.median(one["after"]["nodes"] for one in both),
            "our median seconds": statistics.median(one["seconds"] for one in both),
        }
    return {
        "findings": len(failing),
        "no longer failing": len(found) - len(failing),
        "groups": rows,
        "minifier": minifier,
        "each": list(found),
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seeded", type=int, default=60, help="findings of seeded faults that are graphs")
    parser.add_argument("--kernels", type=int, default=30, help="findings of seeded faults that are kernels")
    parser.add_argument("--cases", type=Path, action="append", default=[], help="a folder of case files or a campaign")
    parser.add_argument("--minifier", action="store_true", help="PyTorch's minifier on the Inductor findings as well")
    parser.add_argument("--minutes", type=float, default=120.0, help="stop beginning findings after so long")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write here instead of standard output")
    arguments = parser.parse_args()
    end = time.monotonic() + 60 * arguments.minutes
    found: list[dict[str, Any]] = []
    for one in chain(
        real_findings(arguments.cases, arguments.minifier, end),
        seeded_findings(arguments.seeded, False, arguments.seed, end),
        seeded_findings(arguments.kernels, True, arguments.seed, end),
    ):
        found.append(one)
        # After each: what takes hours may be stopped.
        if arguments.json is not None:
            arguments.json.write_text(json.dumps(summary(found), indent=2) + "\n", encoding="utf-8")
    if arguments.json is None:
        print(json.dumps(summary(found), indent=2))


if __name__ == "__main__":
    main()
