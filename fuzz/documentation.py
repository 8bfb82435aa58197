"""Fuzzing by documentation: conforming and violating calls, eager and compiled, in isolated workers."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from misfold.generators.documentation import rules as rule_file
from misfold.generators.documentation import script
from misfold.generators.documentation.inconsistency import Inconsistency, of_behaviour, of_defaults
from misfold.generators.documentation.probes import VIOLATING, Probe
from misfold.generators.documentation.readers import modules
from misfold.generators.documentation.survey import Surveyed, plan, plan_unconstrained, surveyed, with_bases
from misfold.generators.records import RecordBase
from misfold.generators.traces.call import Call
from misfold.generators.traces.errors import is_death
from misfold.generators.traces.executing import LEFT_OUT
from misfold.generators.traces.labelling import Labeller
from misfold.programs.hashing import text_hash
from misfold.targets.isolation import Answer, ForkServer, Limits, Slot
from misfold.targets.isolation.limits import GIB

_SERVICE = "misfold.generators.documentation.trying:serve"
# A batch of calls, and one that hangs, before it is taken for hanging; an honest call takes milliseconds.
_SECONDS = (20.0, 4.0)
# What one call may take with all its compiles, an Inductor compile on a loaded machine included.
_COMPILE_SECONDS = 60.0
# Errors of torch.compile that say that it does not take a program: honest, and no difference in acceptance.
_HONEST = (
    "Unsupported",
    "BackendCompilerFailed: NotImplementedError",
    "NotImplementedError",
    "DataDependent",
    "UserError",
)

Progress = Callable[[str, int, int], None]


@dataclass
class Difference:
    """A call that eager and a compiled backend treat differently, or that takes a process down."""

    kind: str  # accepted, refused, crash, hang, memory
    api: str
    backend: str
    call: str
    eager: str
    compiled: str
    statement: str
    script: str
    seen: int = 1

    @property
    def key(self) -> str:
        """What two calls of one difference share."""
        return text_hash(f"{self.kind}\n{self.api}\n{self.backend}\n{self.eager}\n{self.compiled}")

    def to_data(self) -> dict[str, Any]:
        """As plain data for JSON."""
        return {
            "kind": self.kind, "api": self.api, "backend": self.backend, "call": self.call, "eager": self.eager,
            "compiled": self.compiled, "statement": self.statement, "seen": self.seen, "script": self.script,
        }  # fmt: skip


@dataclass
class Result:
    """What a run found; ``counts`` are of probes by kind and by what eager made of them."""

    documented: int = 0
    operators: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    compiled: Counter[str] = field(default_factory=Counter)
    differences: dict[str, Difference] = field(default_factory=dict)
    inconsistencies: list[Inconsistency] = field(default_factory=list)
    seconds: float = 0.0

    def add(self, found: Difference) -> None:
        """Keep a difference, or count it with the one like it."""
        known = self.differences.setdefault(found.key, found)
        if known is not found:
            known.seen += 1

    def to_data(self) -> dict[str, Any]:
        """As plain data for JSON."""
        return {
            "documented": self.documented, "operators": self.operators, "probes": dict(self.counts),
            "compiled": dict(self.compiled),
            "differences": [item.to_data() for item in self.differences.values()],
            "inconsistencies": [item.to_data() for item in self.inconsistencies], "seconds": round(self.seconds, 1),
        }  # fmt: skip


def run(
    names: Sequence[str], *, ratio: float, count: int, seed: int, jobs: int, backends: Sequence[str], compiled: int,
    seconds: float | None = None, progress: Progress | None = None, constrained: bool = True,
) -> Result:  # fmt: skip
    """Survey modules' documentation, try ``count`` probes on eager and ``compiled`` of them on every backend as well.

    ``ratio`` is the share of violating probes; ``seconds`` ends the compiled part early. Without ``constrained`` the
    same valid calls are changed at random, which is what documentation is measured against.

    Raises:
        UsageError: there is no such module.
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
        result.operators = len(ready)
        tried = list(plan(ready, ratio, count, seed) if constrained else plan_unconstrained(ready, count, seed))
        labels: dict[Call, tuple[str, Any, str]] = {}
        for call, label in labeller.labels(dict.fromkeys(probe.call for _, probe in tried)):
            labels[call] = label
            tell("calls on eager", len(labels), len(tried))
    for item, probe in tried:
        error = labels[probe.call][0]
        # What has no label is no outcome: an output that has no type here was accepted all the same.
        state = "dead" if is_death(error) else "accepted" if not error or error[:1] == LEFT_OUT else "refused"
        result.counts[f"{probe.kind} {state}"] += 1
        if is_death(error):
            result.add(_difference(error.partition(":")[0], item, probe, "none", error, ""))
    if constrained:
        result.inconsistencies = of_defaults(entries) + of_behaviour(((i.api, p) for i, p in tried), labels)
    if backends and compiled:
        dead = {call for call, label in labels.items() if is_death(label[0])}
        chosen = [(item, probe) for item, probe in tried if probe.call not in dead and ":" not in probe.call.function][
            :compiled
        ]
        _compare(chosen, backends, result, tell, None if seconds is None else started + seconds)
    result.seconds = time.monotonic() - started
    return result


def _own(items: Sequence[Surveyed]) -> list[str]:
    from misfold.generators.documentation.calls import function_name

    return [name for item in items if (name := function_name(item.api)) and ":" in name]


def _compare(
    chosen: Sequence[tuple[Surveyed, Probe]],
    backends: Sequence[str],
    result: Result,
    tell: Progress,
    deadline: float | None,
) -> None:
    with tempfile.TemporaryDirectory(prefix="misfold-") as folder:
        limits = Limits(seconds=_COMPILE_SECONDS, memory=2 * GIB)
        environment = {"TORCHINDUCTOR_CACHE_DIR": f"{folder}/inductor", "TMPDIR": folder}
        preload = ["torch", "misfold.generators.documentation.trying:prepare"]
        with (
            ForkServer("documentation", preload, Path(folder) / "workers", limits, environment) as server,
            Slot(server) as slot,
        ):
            for done, (item, probe) in enumerate(chosen):
                if deadline is not None and time.monotonic() > deadline:
                    break
                tell("calls compiled", done, len(chosen))
                request = {"call": probe.call.to_data(), "backends": list(backends)}
                answer = slot.call(_SERVICE, request)
                if answer.kind in ("crash", "hang", "memory"):
                    # Which backend it was is asked one by one.
                    for backend in ("", *backends):
                        alone = slot.call(_SERVICE, {**request, "backends": [backend] if backend else []})
                        _judge(item, probe, [backend] if backend else [], alone, result)
                else:
                    _judge(item, probe, backends, answer, result)


def _judge(item: Surveyed, probe: Probe, backends: Sequence[str], answer: Answer, result: Result) -> None:
    name = ", ".join(backends) or "none"
    if answer.kind != "ok" or answer.data is None:
        reason = answer.death.message if answer.death is not None else answer.kind
        result.compiled[answer.kind] += 1
        if answer.kind in ("crash", "hang", "memory"):
            result.add(_difference(answer.kind, item, probe, name, "", reason))
        return
    error, _ = answer.data["eager"]
    for backend, (other, _, graphs, _) in answer.data["compiled"].items():
        if error and not other:
            # Accepted with nothing compiled is accepted by a rewriting in front of the backend: no less a difference.
            result.compiled["accepted"] += 1
            result.add(_difference("accepted", item, probe, backend, error, "accepted"))
        elif other and not error:
            honest = any(text in other for text in _HONEST)
            result.compiled["unsupported" if honest else "refused"] += 1
            if not honest:
                result.add(_difference("refused", item, probe, backend, "accepted", other))
        else:
            result.compiled["same" if graphs else "same, nothing compiled"] += 1


def _difference(kind: str, item: Surveyed, probe: Probe, backend: str, eager: str, compiled: str) -> Difference:
    first = probe.changes[0]
    verb = "breaks" if probe.kind == VIOLATING else "keeps"
    statement = f"{first.parameter}: {first.what} ({verb} {first.fact.quote[:200]!r})"
    text = script.difference(probe.call, "eager" if backend == "none" else backend)
    return Difference(kind, item.api, backend, probe.call.text(), eager, compiled, statement, text)
