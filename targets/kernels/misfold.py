"""misfold's own compiler on kernels: its loop passes and its code generator. Products and sums are never contracted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from misfold.compiler.loops.ir import Function
from misfold.compiler.passes.base import LoopPass, registry
from misfold.compiler.pipelines import Pipeline as CompilerPipeline
from misfold.compiler.pipelines import from_data, named
from misfold.programs.errors import TargetError
from misfold.programs.kernel import KernelCase
from misfold.programs.kernel_tvmscript import TVMScriptCase
from misfold.programs.pipeline import Pipeline
from misfold.targets.options import check_pipeline
from misfold.targets.packages import missing_packages, package_versions

from .protocol import KernelExecutable, KernelTarget, PassSpace

_OPTIONS: dict[str, type] = {"codegen": dict}


def _loop_passes() -> list[str]:
    return sorted(name for name, kind in registry().items() if issubclass(kind, LoopPass))


def _named(name: str) -> Pipeline:
    passes = [one.data() for one in named(name).loop_passes]
    return Pipeline(name, {}, tuple((entry[0], dict(entry[1]) if len(entry) > 1 else {}) for entry in passes))


def _pipelines() -> tuple[Pipeline, ...]:
    usual = _named("O2")
    return (
        usual,
        Pipeline("none", {}, ()),
        _named("O1"),
        _named("O3"),
        *(Pipeline(name, {}, ((name, {}),)) for name in _loop_passes()),
        Pipeline("bounds-checked", {"codegen": {"bounds_checked": True}}, usual.passes),
        Pipeline("vectors-256", {"codegen": {"vector_bits": 256}}, usual.passes),
        *(Pipeline(f"llvm-{level}", {"codegen": {"level": level}}, usual.passes) for level in (0, 2, 3)),
    )


class Misfold(KernelTarget):
    """misfold's own compiler, on one thread."""

    name = "misfold"
    family = "misfold"
    install = "pip install 'misfold[compiler]'"
    wraps = True
    own_modules = ("misfold.compiler",)

    def missing(self) -> str | None:
        return missing_packages(("llvmlite",), self.install)

    def versions(self) -> Mapping[str, str]:
        return package_versions(("misfold", "llvmlite"))

    def pipelines(self) -> Sequence[Pipeline]:
        return _pipelines()

    def pass_space(self) -> PassSpace:
        passes = {
            name: {one.name: tuple(one.metadata["values"]) for one in fields(registry()[name])}
            for name in _loop_passes()
        }
        codegen: tuple[Any, ...] = (
            {},
            {"level": 0},
            {"level": 2},
            {"level": 3},
            {"bounds_checked": True},
            {"vector_bits": 256},
        )
        default = tuple(one.name for one in named("O2").loop_passes)
        return PassSpace(passes, default, {"codegen": codegen})

    def warm_up(self) -> None:
        from misfold.compiler.loops.parser import parse_function

        text = "function f(x: in f32[40], y: out f32[40]) {\n  for i in 0..40 {\n    y[i] = x[i] * 2.0:f32\n  }\n}\n"
        self.compile(parse_function(text), self.pipelines()[0])

    def compile(self, function: Function, pipeline: Pipeline) -> KernelExecutable:
        check_pipeline(self.name, pipeline, _OPTIONS, passes=True)
        from misfold.compiler.driver import build, optimise
        from misfold.compiler.errors import PipelineError

        codegen = {**pipeline.options.get("codegen", {}), "contract": False}
        try:
            chosen = from_data(pipeline.name, pipeline.passes if pipeline.passes is not None else (), codegen)
            if chosen.graph_passes:
                raise PipelineError(f"pass {chosen.graph_passes[0].name} works on graphs, and this is a kernel")
            if pipeline.passes is None:
                chosen = CompilerPipeline(pipeline.name, (), named("O2").loop_passes, codegen)
            compiled = build(optimise(function, chosen, verify=True), chosen)
        except PipelineError as error:
            raise TargetError(f"{self.name}, pipeline {pipeline.name!r}: {error}") from error

        def run(arrays: Sequence[np.ndarray]) -> None:
            compiled(*arrays)

        return run

    def script(self, case: KernelCase | TVMScriptCase, pipeline: Pipeline, exact: bool = False) -> str | None:
        if isinstance(case, TVMScriptCase):
            return None
        from .sources import misfold_source

        passes = pipeline.passes
        if passes is None:
            passes = tuple(
                (entry[0], entry[1] if len(entry) > 1 else {})
                for entry in (one.data() for one in named("O2").loop_passes)
            )
        codegen = {**pipeline.options.get("codegen", {}), "contract": False}
        return misfold_source(case.function, Pipeline(pipeline.name, {"codegen": codegen}, passes))
