"""A program that has been compiled, as a target: to run it on inputs that it was not compiled for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from misfold.programs.graph import Graph
from misfold.programs.pipeline import Pipeline
from misfold.targets.protocol import Executable, Target


class Compiled(Target):
    """Gives what it was made with, whatever it is asked to compile."""

    name = "compiled"
    family = "compiled"

    def __init__(self, target: Target, executable: Executable):
        self._target, self._executable = target, executable
        self.gradients, self.aliases = target.gradients, target.aliases  # type: ignore[misc]

    def missing(self) -> str | None:
        return self._target.missing()

    def versions(self) -> Mapping[str, str]:
        return self._target.versions()

    def pipelines(self) -> Sequence[Pipeline]:
        return self._target.pipelines()

    def compile(self, graph: Graph, inputs: Sequence[Any], pipeline: Pipeline) -> Executable:
        return self._executable

    def is_rejection(self, error: BaseException) -> bool:
        return self._target.is_rejection(error)
