"""How localisers try things: a case under another pipeline, or a service in a worker of the target."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from misfold.oracles.verdict import Verdict
from misfold.programs.pipeline import Pipeline
from misfold.targets.outcome import Outcome
from misfold.triage.signature import SPOKEN

from .blame import FAILS, Mitigation


class Probe:
    """A failure that is to be localised.

    Args:
        case: fails under ``pipeline`` (a Case or a KernelCase).
        system: the target.
        attempt: tries the target on a case under a pipeline and gives one of the four words of ``blame``
            and the verdict.
        call: a service in a worker of the target's family; None where it gave no answer.
        outcome, verdict: of the failure.
        stopping: asked before each attempt; when it says yes, nothing more is tried.
    """

    def __init__(
        self,
        case: Any,
        system: Any,
        pipeline: Pipeline,
        outcome: Outcome,
        verdict: Verdict,
        attempt: Callable[[Any, Pipeline], tuple[str, Verdict]],
        call: Callable[[str, dict[str, Any]], dict[str, Any] | None],
        stopping: Callable[[], bool] = lambda: False,
    ):
        self.case, self.system, self.pipeline = case, system, pipeline
        self.outcome, self.verdict = outcome, verdict
        self._attempt, self.call, self.stopping = attempt, call, stopping
        self._known: dict[str, str] = {_key(pipeline): FAILS}
        #: Attempts made.
        self.attempts = 0

    @property
    def silent(self) -> bool:
        """Whether the failure is a wrong answer, rather than an error, a crash or a hang."""
        return self.outcome.kind == "values"

    @property
    def spoken(self) -> bool:
        """Whether the failure is an error with a message."""
        return self.outcome.kind in SPOKEN

    @property
    def usual(self) -> Sequence[Pipeline]:
        """The target's own pipelines, the default first."""
        return self.system.pipelines()  # type: ignore[no-any-return]

    def under(self, pipeline: Pipeline) -> str:
        """What the case does under a pipeline; asked once."""
        key = _key(pipeline)
        if key not in self._known:
            if self.stopping():
                raise Stopped
            self.attempts += 1
            self._known[key] = self._attempt(self.case, pipeline)[0]
        return self._known[key]

    def fails(self, pipeline: Pipeline) -> bool:
        """Whether the case fails in the same way under a pipeline."""
        return self.under(pipeline) == FAILS

    def judged(self, case: Any, pipeline: Pipeline) -> tuple[str, Verdict]:
        """What another case does, and the verdict on it."""
        if self.stopping():
            raise Stopped
        self.attempts += 1
        return self._attempt(case, pipeline)

    def mitigation(self, name: str, pipeline: Pipeline) -> Mitigation:
        """A row of the table."""
        return Mitigation(name, self.under(pipeline))

    def options(self, **changes: Any) -> Pipeline:
        """The failure's pipeline with other options; a dict is merged with the one that is there."""
        merged: dict[str, Any] = dict(self.pipeline.options)
        for name, value in changes.items():
            old = merged.get(name)
            both = isinstance(value, Mapping) and isinstance(old, Mapping)
            merged[name] = {**old, **value} if both else value  # type: ignore[dict-item]
        return Pipeline("changed", merged, self.pipeline.passes)


class Stopped(Exception):
    """Time is up: what was found so far is what there is."""


def _key(pipeline: Pipeline) -> str:
    data = pipeline.to_data()
    return repr((data.get("options"), data.get("passes")))
