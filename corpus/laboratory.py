"""Runs the cases of a corpus: every target in isolated workers, every outcome judged in another."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from misfold.oracles.verdict import Verdict
from misfold.programs.errors import TargetError
from misfold.programs.pipeline import Pipeline
from misfold.targets import registry, running
from misfold.targets.isolation.folders import private_folders
from misfold.targets.isolation.limits import Limits
from misfold.targets.isolation.server import ForkServer
from misfold.targets.isolation.slot import Slot
from misfold.targets.kernels import registry as kernel_registry
from misfold.targets.kernels import running as kernel_running
from misfold.targets.outcome import FAILURES, Failure, Outcome
from misfold.targets.running import outcome_of

from .entries import Entry

#: A first compile in a fork server is paid before any case; a case of a regression corpus is reduced, and small.
SECONDS = 60.0
_JUDGE = "judge"
# By name, for workers: judging imports torch, and whoever only asks for it must not.
_WARM_UP, _GRAPHS, _KERNELS = (f"misfold.corpus.judging:{name}" for name in ("warm_up", "serve", "serve_kernel"))
#: The target whose outcome is itself what outcomes are compared with.
_EAGER = "eager"


@dataclass(frozen=True)
class Observation:
    """What a target did with a case: ``result`` as in ``expectations.RESULTS``, or ``undecided``, and why."""

    result: str
    oracle: str
    explanation: str
    message: str
    seconds: float


class Laboratory:
    """Fork servers by family of targets, each started when it is first needed. Not for several threads."""

    def __init__(self, seconds: float = SECONDS):
        self.seconds = seconds
        self._scratch: tempfile.TemporaryDirectory[str] | None = None
        self._servers: dict[str, ForkServer] = {}
        self._slots: dict[str, Slot] = {}

    def __enter__(self) -> Laboratory:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End all workers and servers and remove their files."""
        for slot in self._slots.values():
            slot.close()
        for server in self._servers.values():
            server.close()
        self._slots.clear()
        self._servers.clear()
        if self._scratch is not None:
            self._scratch.cleanup()
            self._scratch = None

    def target(self, name: str, kernel: bool) -> Any:
        """An instance of the target.

        Raises:
            TargetError: there is none of this name for this kind of program, or it is not installed.
        """
        target: Any = kernel_registry.get(name) if kernel else registry.get(name)
        if reason := target.missing():
            raise TargetError(f"target {name} cannot run here: {reason}")
        return target

    def observe(self, entry: Entry, name: str, *, fresh: bool = False, repeats: int = 2) -> Observation:
        """Run a case on a target under the pipeline that the case names for it (else the default), and judge.

        ``fresh``: in a process that has run nothing else.

        Raises:
            TargetError: the target cannot run here, or the case cannot be run by it at all.
        """
        target = self.target(name, entry.kernel)
        pipeline = entry.case.pipelines.get(name) or target.pipelines()[0]
        outcome = self._run(entry, target, pipeline, fresh, repeats)
        verdict = self._judge(entry, target, pipeline, outcome)
        failure = outcome.failure
        message = verdict.explanation if failure is None else f"{failure.type}: {failure.message}"
        return Observation(
            _result(outcome, verdict), verdict.oracle, verdict.explanation, message, outcome.seconds.get("total", 0.0)
        )

    def _run(self, entry: Entry, target: Any, pipeline: Pipeline, fresh: bool, repeats: int) -> Outcome:
        service = kernel_running.SERVICE if entry.kernel else running.SERVICE
        request = {
            "target": target.name, "case": entry.case.text, "pipeline": pipeline.to_data(), "repeats": repeats
        }  # fmt: skip
        server = self._family(target, entry.kernel)
        if not fresh:
            return outcome_of(self._slot(server).call(service, request, self.seconds))
        worker = self._servers[server].spawn()
        try:
            return outcome_of(worker.call(service, request, self.seconds))
        finally:
            worker.kill()

    def _judge(self, entry: Entry, target: Any, pipeline: Pipeline, outcome: Outcome) -> Verdict:
        if target.name == _EAGER and outcome.kind in FAILURES:
            # Nothing is there to compare it with, and what ends a process needs no comparison.
            failure = outcome.failure or Failure(outcome.kind, "")
            return Verdict("proved", outcome.kind, f"{failure.type}: {failure.message}"[:300])
        self._server(_JUDGE, _WARM_UP, {})
        request = {
            "case": entry.case.text, "outcome": outcome.pack(), "target": target.name, "pipeline": pipeline.to_data()
        }  # fmt: skip
        answer = self._slot(_JUDGE).call(_KERNELS if entry.kernel else _GRAPHS, request, self.seconds)
        if answer.data is None:
            death = answer.death
            what = "it died" if death is None else f"{death.type}: {death.message}"
            return Verdict("undecided", "reference", f"what is right could not be found: {what}"[:300])
        return Verdict(**answer.data)

    def _family(self, target: Any, kernel: bool) -> str:
        """The server for a target's family, started."""
        all_targets: Any = kernel_registry.targets() if kernel else registry.targets()
        family = []
        for name, kind in sorted(all_targets.items()):
            if kind.family == target.family and (name == target.name or kind().missing() is None):
                family.append(name)
        if kernel:
            preload, variable = kernel_running.PRELOAD, kernel_running.TARGETS
        else:
            preload, variable = running.PRELOAD, running.FAMILY
        name = f"{'kernel' if kernel else 'graph'}-{target.family}"
        return self._server(name, preload, {variable: ",".join(family)})

    def _server(self, name: str, preload: str, environment: dict[str, str]) -> str:
        if name not in self._servers:
            if self._scratch is None:
                self._scratch = tempfile.TemporaryDirectory(prefix="misfold-corpus-")
            root = Path(self._scratch.name)
            server = ForkServer(
                name, [preload], root / name, Limits(seconds=self.seconds), private_folders(root) | environment
            )  # fmt: skip
            server.start()
            self._servers[name] = server
        return name

    def _slot(self, server: str) -> Slot:
        if server not in self._slots:
            self._slots[server] = Slot(self._servers[server])
        return self._slots[server]


def _result(outcome: Outcome, verdict: Verdict) -> str:
    if verdict.bad:
        return outcome.kind if outcome.kind in FAILURES else "wrong"
    return "undecided" if verdict.kind == "undecided" else "ok"
