"""One kernel, one target, one verdict."""

from __future__ import annotations

from typing import Any

from misfold.oracles.kernels import judge_kernel, unmet_passes
from misfold.oracles.verdict import Verdict
from misfold.programs.kernel import KernelCase
from misfold.programs.kernel_tvmscript import TVMScriptCase
from misfold.targets.kernels import running
from misfold.targets.outcome import Failure, Outcome
from misfold.targets.running import outcome_of

from ..coverage import worker
from ..examine import REFERENCE, Examination, Examiner
from . import seeds
from .expected import from_data

PRODUCE = "misfold.fuzz.kernels.produce:serve"
#: Stands for eager's outcome: the interpreter is the reference of a kernel, and it ran.
DEFINED = Outcome("values")


class KernelExaminer(Examiner):
    """As its base, with the loop IR's interpreter in the place of eager and its float64 reference."""

    RUN, WATCH = running.SERVICE, worker.KERNEL_SERVICE

    def refer(self, case: Any, fresh: bool = False, repeats: int = 1) -> tuple[Outcome, Any]:
        request = {"case": case.text}
        script = isinstance(case, TVMScriptCase)
        server, service = (seeds.SERVER, seeds.SERVE) if script else (REFERENCE, PRODUCE)
        answer = self.call(server, service, request, self.seconds, fresh)
        if answer.data is None:
            return outcome_of(answer), None
        if "unreadable" in answer.data:
            return Outcome("rejected", failure=Failure("unreadable", answer.data["unreadable"])), None
        expected = from_data(answer.data["expected"])
        if expected.invalid is not None:
            return Outcome("rejected", failure=Failure("undefined", expected.invalid)), expected
        return DEFINED, expected

    def limit(self, weight: int) -> float:
        return self.seconds

    def judge(self, case: Any, target: str, eager: Outcome, reference: Any, outcome: Outcome) -> Verdict:
        """The verdict on the outcome of the last run."""
        if reference is None:
            return Verdict("undecided", "kernel", f"nothing is known of what it computes: {eager.failure}"[:300])
        unmet = unmet_passes(self.targets[target], case, self.pipeline, outcome)
        if unmet is not None:
            return unmet
        if steps := self.pipeline.options.get("schedule"):
            scheduled = self._schedule(case, steps)
            if scheduled is not None:
                return scheduled
        return judge_kernel(case, reference, outcome, exact_overflow=self.targets[target].wraps)

    def _schedule(self, case: Any, steps: Any) -> Verdict | None:
        """The verdict on the primitives that a pipeline begins with, None if none of them is at fault."""
        if not isinstance(case, TVMScriptCase):
            return None
        request = {"case": case.text, "steps": [list(step) for step in steps]}
        answer = self.call(seeds.SERVER, seeds.SCHEDULE, request, self.seconds)
        changed = (answer.data or {}).get("changed")
        if not changed:
            return None
        return Verdict("proved", "schedule", f"the primitive {changed[1]} changed the meaning: {changed[2]}"[:300])

    def still_valid(self, case: KernelCase | TVMScriptCase) -> bool:
        """Whether the interpreter finds nothing undefined in a case."""
        return self.refer(case)[0] is DEFINED


__all__ = ["DEFINED", "Examination", "KernelExaminer"]
