"""Deduplication against known answers: pairwise precision and recall of signatures on findings of seeded faults.

    python -m benchmarks.dedup --faults 12 --findings 20 [--kernels] [--minutes 60] [--json FILE]

Every finding is reduced, localised and named as in a campaign. Beside the signature, three other ways to put findings
into buckets are scored on the same findings: the hash of the message (what the verdict says, numbers and names taken
out), the set of operators of the program as it was found, and that of the reduced program. A pair of findings counts as
right if both have one cause and one bucket, or two causes and two buckets. Likely-same clusters are scored as well, as
if a person had merged each of them.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

from misfold.fuzz.reducing import Reducer
from misfold.targets.outcome import normalise
from misfold.triage.clusters import Profile, clusters
from misfold.triage.kernel_signature import kernel_patterns, telling_patterns
from misfold.triage.reduce.search import Bounds
from misfold.triage.signature import SPOKEN, error_signature, nested, node_patterns, own_frames, silent_signature

from . import seeded

#: As in a campaign.
BOUNDS = Bounds(600, 60.0)


def name(examiner: Any, one: seeded.Seeded, kernel: bool) -> dict[str, Any]:
    """Reduce and name a finding: all buckets that it would be put into."""
    first = one.examination
    start = time.monotonic()
    done = Reducer([examiner], first, BOUNDS, operators=False).run()
    own = examiner.targets[seeded.TARGET].own_modules

    def patterns(case: Any) -> list[str]:
        return kernel_patterns(case.function) if kernel else node_patterns(case.graph)

    plain, outcome = done.plain, done.plain.outcome
    spoken = outcome.failure is not None and outcome.kind in SPOKEN
    if spoken and outcome.failure is not None:
        signature = error_signature(seeded.TARGET, outcome.kind, outcome.failure, own)
        message = outcome.failure.normal_message
    else:
        names = telling_patterns(patterns(done.normal)) if kernel else patterns(done.normal)
        signature = silent_signature(seeded.TARGET, plain.verdict, outcome, names, done.blame.key)
        message = ""
    failure = first.outcome.failure
    said = normalise(f"{failure.type} {failure.message}" if failure is not None else first.verdict.explanation)
    profile = Profile(
        "", seeded.TARGET, outcome.kind, done.blame.key, message,
        own_frames(outcome.failure.frames, own) if outcome.failure is not None else (), tuple(patterns(plain.case)),
    )  # fmt: skip
    return {
        "fault": one.fault.name,
        "where": one.fault.where,
        "blame": done.blame.key,
        "signature": signature,
        "message": f"{first.outcome.kind} {said}",
        "operators": f"{first.outcome.kind} {' '.join(sorted(set(patterns(first.case))))}",
        "reduced operators": f"{first.outcome.kind} {' '.join(sorted(set(patterns(plain.case))))}",
        "profile": profile,
        "reduction": done.facts,
        "seconds": round(time.monotonic() - start, 2),
        "case": plain.case.text,
        "normal": done.normal.text,
        "detail": done.blame.detail,
    }


def score(causes: Sequence[str], buckets: Sequence[str]) -> dict[str, float | int | None]:
    """Pairwise precision and recall, and how many buckets there are."""
    right = together = same = 0
    for one, other in combinations(range(len(causes)), 2):
        alike, one_bucket = causes[one] == causes[other], buckets[one] == buckets[other]
        right += alike and one_bucket
        together += one_bucket
        same += alike
    return {
        "precision": round(right / together, 4) if together else None,
        "recall": round(right / same, 4) if same else None,
        "buckets": len(set(buckets)),
    }


def merged(found: Sequence[dict[str, Any]]) -> list[str]:
    """Buckets if somebody merged every likely-same cluster."""
    signatures = list(dict.fromkeys(one["signature"] for one in found))
    first = {one["signature"]: one["profile"] for one in reversed(found)}
    profiles = [
        Profile(text, p.target, p.kind, p.blame, p.message, p.frames, p.patterns)
        for text, p in ((text, first[text]) for text in signatures)
    ]
    bucket = {text: text for text in signatures}
    for cluster in clusters(profiles):
        bucket.update(dict.fromkeys(cluster.names, cluster.names[0]))
    return [bucket[one["signature"]] for one in found]


def run(kernel: bool, faults: int, count: int, seed: int, end: float, names: Sequence[str]) -> list[dict[str, Any]]:
    """Named findings of faults of one kind of program."""
    found = []
    with seeded.examiner(kernel) as examiner:
        for fault in seeded.sample(kernel, faults, names):
            for one in seeded.findings(examiner, fault, count, seed):
                if time.monotonic() > end:
                    return found
                found.append(name(examiner, one, kernel))
    return found


def in_turn(signatures: Sequence[str]) -> list[str]:
    """The bugs that findings with these signatures are filed under, one after the other as in a campaign."""
    bugs: dict[str, None] = {}
    filed = []
    for text in signatures:
        found = text if text in bugs else nested(text, bugs)
        bugs.setdefault(found)
        filed.append(found)
    return filed


def summary(found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Scores of all ways to make buckets, and per fault what became of it."""
    causes = [one["fault"] for one in found]
    ways: dict[str, Callable[[], list[str]]] = {
        "bug": lambda: in_turn([one["signature"] for one in found]),
        "signature": lambda: [one["signature"] for one in found],
        "signature, likely-same merged": lambda: merged(found),
        "message hash": lambda: [one["message"] for one in found],
        "operator set": lambda: [one["operators"] for one in found],
        "reduced operator set": lambda: [one["reduced operators"] for one in found],
    }
    by_fault: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for one in found:
        by_fault[one["fault"]].append(one)
    return {
        "findings": len(found),
        "faults": len(by_fault),
        "scores": {way: score(causes, buckets()) for way, buckets in ways.items()},
        "per fault": {
            fault: {
                "findings": len(ones),
                "where": ones[0]["where"],
                "blames": dict(Counter(one["blame"] for one in ones)),
                "signatures": dict(Counter(one["signature"] for one in ones).most_common()),
            }
            for fault, ones in by_fault.items()
        },
        "each": [{key: value for key, value in one.items() if key != "profile"} for one in found],
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--faults", type=int, default=12, help="of each kind of program; 0: all")
    parser.add_argument("--findings", type=int, default=20, help="per fault")
    parser.add_argument("--kernels", action="store_true", help="kernels instead of graphs")
    parser.add_argument("--both", action="store_true", help="graphs and kernels")
    parser.add_argument("--only", action="append", default=[], help="a fault by name; repeat for several")
    parser.add_argument("--minutes", type=float, default=60.0, help="stop beginning findings after so long")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write here instead of standard output")
    arguments = parser.parse_args()
    end = time.monotonic() + 60 * arguments.minutes
    kinds = [False, True] if arguments.both else [arguments.kernels]
    found = []
    for kernel in kinds:
        found += run(kernel, arguments.faults, arguments.findings, arguments.seed, end, arguments.only)
    text = json.dumps(summary(found), indent=2)
    if arguments.json is None:
        print(text)
    else:
        arguments.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
