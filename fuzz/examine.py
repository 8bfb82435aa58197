"""One case, one target, one verdict: through isolated workers, in a lane's own or in fresh ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from misfold.oracles.judge import judge
from misfold.oracles.reference import Reference
from misfold.oracles.verdict import Verdict
from misfold.programs.case import Case
from misfold.programs.pipeline import Pipeline
from misfold.targets import running
from misfold.targets.isolation.answer import Answer
from misfold.targets.isolation.server import ForkServer
from misfold.targets.isolation.slot import Slot
from misfold.targets.outcome import Failure, Outcome, TensorValue
from misfold.targets.running import outcome_of

from .coverage import worker

REFERENCE = "reference"
BAD = ("proved", "suspect")
#: Outcomes that a reference has a say in: other failures are failures, whatever the program computes.
REFERRED = ("values", "run-error")


@dataclass(frozen=True)
class Examination:
    """What eager, the reference and a target made of a case."""

    case: Any  # a Case, or a KernelCase
    target: str
    pipeline: Pipeline
    eager: Outcome
    reference: Any  # a Reference, or an Expected
    outcome: Outcome
    verdict: Verdict

    @property
    def bad(self) -> bool:
        return self.verdict.kind in BAD

    def same_failure(self, other: Examination) -> bool:
        """Whether another examination failed in the same way."""
        if not self.bad or not other.bad or self.outcome.kind != other.outcome.kind:
            return False
        mine, its = self.outcome.failure, other.outcome.failure
        if mine is None or its is None:
            return mine is its and self.verdict.oracle == other.verdict.oracle
        return (mine.type, mine.normal_message) == (its.type, its.normal_message)


class Watching(Protocol):
    """Takes the coverage out of workers' answers: ``Reached``, or what is like it."""

    def add(self, answer: Mapping[str, Any], /) -> dict[str, list[int]]:
        """The points that are new, by source."""


class Examiner:
    """Runs cases for one lane. Not for several threads at once."""

    #: The services that run a program on a target, and that watch coverage meanwhile.
    RUN, WATCH = running.SERVICE, worker.SERVICE
    #: Of the last run.
    pipeline: Pipeline

    def __init__(
        self,
        servers: Mapping[str, ForkServer],
        targets: Mapping[str, Any],
        folder: Path,
        seconds: float,
        reached: Watching | None = None,
    ):
        self.reached = reached
        self.servers, self.targets, self.folder, self.seconds = servers, targets, folder, seconds
        self._slots: dict[str, Slot] = {}
        #: Seconds spent inside targets so far; eager runs with the reference and is counted by the lane.
        self.in_target = 0.0
        #: Points that the last run was the first of the campaign to reach, by source.
        self.new: dict[str, list[int]] = {}

    def limit(self, weight: int) -> float:
        """Seconds that a program may take which stands for so many cases."""
        return self.seconds * (1 + weight / 5)

    def close(self) -> None:
        """End the lane's workers."""
        for slot in self._slots.values():
            slot.close()
        self._slots.clear()

    def call(self, server: str, service: str, request: dict[str, Any], seconds: float, fresh: bool = False) -> Answer:
        """Call a service in the lane's worker of a server, or in a new one that is ended afterwards."""
        if not fresh:
            if server not in self._slots:
                self._slots[server] = Slot(self.servers[server])
            return self._slots[server].call(service, request, seconds)
        worker = self.servers[server].spawn()
        try:
            return worker.call(service, request, seconds)
        finally:
            worker.kill()

    def refer(self, case: Case, fresh: bool = False, repeats: int = 1) -> tuple[Outcome, Reference | None]:
        """Eager's outcome and the reference; a death of the worker is eager's own crash or hang."""
        request = {"case": case.text, "repeats": repeats}
        answer = self.call(REFERENCE, "misfold.fuzz.produce:serve", request, self.seconds, fresh)
        if answer.data is None:
            return outcome_of(answer), None
        return unpack_reference(answer.data)

    def run(
        self,
        case: Any,
        target: str,
        pipeline: Pipeline,
        *,
        fresh: bool = False,
        repeats: int = 1,
        weight: int = 1,
        screening: bool = False,
    ) -> Outcome:
        """The target's outcome. ``weight`` is how many cases a merged one stands for, which stretches the limit.
        ``screening``: what fails will be run again without it (see ``Target.screening``)."""
        request = {
            "target": target,
            "case": case.text,
            "pipeline": pipeline.to_data(),
            "repeats": repeats,
            "screening": screening,
        }
        service = self.RUN if self.reached is None else self.WATCH
        answer = self.call(self.targets[target].family, service, request, self.limit(weight), fresh)
        self.pipeline = pipeline
        if self.reached is not None:
            self.new = self.reached.add(answer.data or {})
        outcome = outcome_of(answer)
        self.in_target += outcome.seconds.get("total", answer.seconds)
        return outcome

    def judge(self, case: Case, target: str, eager: Outcome, reference: Reference | None, outcome: Outcome) -> Verdict:
        """The verdict on an outcome; nothing is claimed where eager itself does not give values."""
        return judge(case, eager, reference, outcome, aliases=self.targets[target].aliases)

    def examine(
        self,
        case: Any,
        target: str,
        pipeline: Pipeline,
        *,
        fresh: bool = False,
        repeats: int = 1,
        referred: tuple[Outcome, Any] | None = None,
    ) -> Examination:
        """Eager, reference and target anew, and the verdict. ``referred``: what ``refer`` said of the case before."""
        eager, reference = referred or self.refer(case, fresh, repeats)
        if eager.kind == "values":
            outcome = self.run(case, target, pipeline, fresh=fresh, repeats=repeats)
        else:
            outcome = Outcome("rejected", failure=Failure("eager", "eager does not run this program"))
        verdict = self.judge(case, target, eager, reference, outcome)
        return Examination(case, target, pipeline, eager, reference, outcome, verdict)

    def capture(self, case: Case) -> Mapping[str, TensorValue]:
        """What each value of the case is when it is made; empty where eager cannot run it."""
        answer = self.call(REFERENCE, "misfold.triage.reduce.capture:serve", {"case": case.text}, self.seconds)
        if answer.data is None:
            return {}
        return {name: TensorValue.from_data(raw) for name, raw in answer.data["values"].items()}

    def still_fails(self, first: Examination) -> Callable[[Case], bool]:
        """A predicate for reduction: the case fails as ``first`` did."""

        def fails(case: Case) -> bool:
            return first.same_failure(self.examine(case, first.target, first.pipeline))

        return fails


def unpack_reference(data: Mapping[str, Any]) -> tuple[Outcome, Reference | None]:
    """Eager's outcome and the reference from what ``misfold.fuzz.produce`` sends."""
    raw = data["reference"]
    return Outcome.from_data(data["eager"]), None if raw is None else Reference.from_data(raw)
