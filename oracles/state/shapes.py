"""A service of targets' workers: compile once, run at several sizes."""

from __future__ import annotations

from typing import Any

from misfold.programs.case import parse_case
from misfold.programs.pipeline import Pipeline
from misfold.targets.execution import copy_of, execute
from misfold.targets.outcome import Outcome
from misfold.targets.protocol import Target
from misfold.targets.running import target_here
from misfold.targets.torch_values import make_inputs

from .compiled import Compiled

SERVICE = "misfold.oracles.state.shapes:serve"


class _Kept(Compiled):
    """Compiles what it is first asked to, and keeps it."""

    def __init__(self, target: Target):
        super().__init__(target, lambda tensors: tensors)
        self.compiled = False

    def compile(self, graph: Any, inputs: Any, pipeline: Pipeline) -> Any:
        if not self.compiled:
            self._executable = self._target.compile(graph, [copy_of(item) for item in inputs], pipeline)
            self.compiled = True
        return self._executable


def run_all(target: Target, pipeline: Pipeline, texts: list[str]) -> list[Outcome]:
    """Outcomes of the cases ``texts``, by one executable that was compiled for the first; those behind a first one
    that is not compiled are left out."""
    kept = _Kept(target)
    outcomes: list[Outcome] = []
    for text in texts:
        case = parse_case(text)
        outcomes.append(execute(kept, case, pipeline, 1, make_inputs(case)))
        if not kept.compiled:
            break
    return outcomes


def serve(request: dict[str, Any]) -> dict[str, Any]:
    """``run_all`` for ``target`` (a name), ``pipeline`` and ``cases`` (texts); ``outcomes`` are packed."""
    target = target_here(request["target"])
    outcomes = run_all(target, Pipeline.from_data(request["pipeline"]), request["cases"])
    return {"outcomes": [outcome.pack() for outcome in outcomes]}
