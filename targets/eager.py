"""Eager PyTorch: what the others are compared with, and a target like any other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from misfold.programs.errors import TargetError
from misfold.programs.graph import Graph
from misfold.programs.pipeline import Pipeline

from .packages import missing_packages, package_versions
from .protocol import Executable, Target


class Eager(Target):
    """PyTorch without a compiler, one operator after the other."""

    name = "eager"
    family = "torch"
    install = "pip install 'misfold[torch]'"
    gradients = True
    aliases = True
    own_modules = ("torch",)

    def missing(self) -> str | None:
        return missing_packages(("torch",), self.install)

    def versions(self) -> Mapping[str, str]:
        return package_versions(("torch",))

    def pipelines(self) -> Sequence[Pipeline]:
        return (Pipeline("eager"),)

    def compile(self, graph: Graph, inputs: Sequence[Any], pipeline: Pipeline) -> Executable:
        if pipeline.options or pipeline.passes:
            raise TargetError(f"eager has no options or passes; pipeline {pipeline.name!r} asks for some")
        from .torch_values import to_function

        function = to_function(graph)
        return lambda tensors: function(*tensors)

    def warm_up(self) -> None:
        import torch

        torch.set_num_threads(1)

    def script(self, graph: Graph, pipeline: Pipeline) -> str:
        from .sources import eager_source

        return eager_source()
