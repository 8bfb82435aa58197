"""Fuzzing by documentation: conforming and violating calls, eager and compiled, in isolated workers."""

from __future__ import annotations

import re
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from misfold.generators.documentation import rules as rule_file
from misfold.generators.documentation.inconsistency import Inconsistency, of_behaviour, of_defaults, of_signatures
from misfold.generators.documentation.probes import Probe
from misfold.generators.documentation.readers import modules
from misfold.generators.documentation.survey import (
    Surveyed,
    plan,
    plan_by_types,
    plan_unconstrained,
    surveyed,
    with_bases,
)
from misfold.generators.records import RecordBase
from misfold.generators.traces.call import Call
from misfold.generators.traces.errors import is_death
from misfold.generators.traces.executing import LEFT_OUT
from misfold.generators.traces.labelling import Labeller
from misfold.programs.errors import UsageError

from .documentation_differences import DEATHS, Difference, compare

# A batch of calls, and one that hangs, before it is taken for hanging; an honest call takes milliseconds.
_SECONDS = (20.0, 4.0)

#: What calls are made from: documentation; the types of schemas alone; recorded valid calls changed at random.
SOURCES = ("documentation", "types", "records")

# What the parser of arguments says, before an operator is reached. Every side has the same parser in front of it.
_UNSEEN = re.compile(r"TypeError: .*(?:argument|combination|positional|keyword|must be )")

Progress = Callable[[str, int, int], None]


@dataclass
class Result:
    """What a run found; ``counts`` are of probes by kind and by what eager made of them."""

    documented: int = 0
    operators: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    #: Operators that were called, and those that accepted a call.
    called: set[str] = field(default_factory=set)
    reached: set[str] = field(default_factory=set)
    compiled: Counter[str] = field(default_factory=Counter)
    compiled_apis: set[str] = field(default_factory=set)
    compiled_calls: Counter[str] = field(default_factory=Counter)
    differences: dict[str, Difference] = field(default_factory=dict)
    inconsistencies: list[Inconsistency] = field(default_factory=list)
    seconds: float = 0.0

    def measures(self) -> dict[str, Any]:
        """The figures that two sources of calls are compared by."""
        total = sum(self.counts.values())
        valid = sum(count for name, count in self.counts.items() if name.endswith(" accepted"))
        kinds = Counter(item.kind for item in self.differences.values())
        return {
            "calls": total, "apis_called": len(self.called), "apis_reached": len(self.reached),
            "valid_share": round(valid / max(total, 1), 4), "compiled_apis": len(self.compiled_apis),
            "compiled_calls": dict(self.compiled_calls),
            "deaths": sum(kinds[kind] for kind in DEATHS), "stamped": kinds["stamped"], "internal": kinds["internal"],
            "acceptance_differences": kinds["accepted"] + kinds["refused"],
            "accepted_by_compiled_only": kinds["accepted"], "distinct_findings": len(self.differences),
            "contradicted_statements": len(self.inconsistencies),
        }  # fmt: skip

    def to_data(self) -> dict[str, Any]:
        """As plain data for JSON."""
        return {
            "documented": self.documented, "operators": self.operators, "measures": self.measures(),
            "probes": dict(self.counts), "compiled": dict(self.compiled),
            "differences": [item.to_data() for item in self.differences.values()],
            "inconsistencies": [item.to_data() for item in self.inconsistencies], "seconds": round(self.seconds, 1),
        }  # fmt: skip


def run(
    names: Sequence[str], *, ratio: float, count: int, seed: int, jobs: int, sides: Mapping[str, int],
    seconds: float | None = None, progress: Progress | None = None, source: str = "documentation",
) -> Result:  # fmt: skip
    """Survey modules' documentation, try ``count`` calls on eager torch, and on each side its number of them as well.

    ``ratio`` is the share of violating probes; ``seconds`` is what the compared part may take. ``source`` is one of
    ``SOURCES``.

    Raises:
        UsageError: there is no such module, or nothing in it can be called.
        TargetError: no worker can be had.
    """
    started = time.monotonic()
    tell = progress or (lambda stage, done, total: None)
    entries = [entry for name in names for entry in modules.documented(name)]
    items = surveyed(entries, rule_file.load())
    result = Result(documented=sum(len(item.constraints) for item in items))
    with Labeller(jobs, own=_own(items), seconds=_SECONDS) as labeller:
        tell("valid calls to start from", 0, 0)
        ready = with_bases(items, RecordBase.load(), labeller, seed)
        if not ready:
            raise UsageError(f"{', '.join(names)}: no documented operator of torch that calls are known of")
        result.operators = len(ready)
        tried = list(_planned(source, ready, ratio, count, seed))
        labels: dict[Call, tuple[str, Any, str]] = {}
        for call, label in labeller.labels(dict.fromkeys(probe.call for _, probe in tried)):
            labels[call] = label
            tell("calls on eager", len(labels), len(tried))
    suspects: dict[tuple[str, str], tuple[str, Probe, str]] = {}
    for item, probe in tried:
        error = labels[probe.call][0]
        # What has no label is no outcome: an output that has no type here was accepted all the same.
        state = "dead" if is_death(error) else "accepted" if not error or error[:1] == LEFT_OUT else "refused"
        result.counts[f"{probe.kind} {state}"] += 1
        result.called.add(item.api)
        if state == "accepted":
            result.reached.add(item.api)
        if state == "dead":
            # One of an operator's is made again: it may take all of its time.
            kind = error.partition(":")[0]
            suspects.setdefault((item.api, kind), (item.api, probe, kind))
    if source == "documentation":
        result.inconsistencies = of_defaults(entries) + of_signatures(entries)
        result.inconsistencies += of_behaviour(((i.api, p) for i, p in tried), labels)
    dead = {call for call, label in labels.items() if is_death(label[0])}
    chosen = [(item.api, p) for item, p in tried if p.call not in dead and ":" not in p.call.function]
    chosen = answered_first(chosen, labels)[: max(sides.values(), default=0)]
    if chosen or suspects:
        found = compare(
            chosen, sides, tell, None if seconds is None else time.monotonic() + seconds, [*suspects.values()]
        )
        result.differences, result.compiled = found.differences, found.counts
        result.compiled_apis, result.compiled_calls = found.apis, found.calls
    result.seconds = time.monotonic() - started
    return result


def answered_first(
    chosen: Sequence[tuple[str, Probe]], labels: Mapping[Call, tuple[str, Any, str]]
) -> list[tuple[str, Probe]]:
    """Calls that eager torch's operators themselves answered before those that they never saw: these get one place in
    ten."""
    reached = deque(item for item in chosen if not _UNSEEN.match(labels[item[1].call][0]))
    unseen = deque(item for item in chosen if _UNSEEN.match(labels[item[1].call][0]))
    ordered: list[tuple[str, Probe]] = []
    while reached or unseen:
        first, second = (unseen, reached) if len(ordered) % 10 == 9 else (reached, unseen)
        ordered.append((first or second).popleft())
    return ordered


def _planned(source: str, ready: Sequence[Surveyed], ratio: float, count: int, seed: int) -> Any:
    if source == "documentation":
        return plan(ready, ratio, count, seed)
    chosen: Callable[..., Any] = plan_by_types if source == "types" else plan_unconstrained
    return chosen(ready, count, seed)


def _own(items: Sequence[Surveyed]) -> list[str]:
    from misfold.generators.documentation.calls import function_name

    return [name for item in items if (name := function_name(item.api)) and ":" in name]
