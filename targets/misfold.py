"""misfold's own compiler, as a backend of ``torch.compile``.

The backend is strict here: a graph with an operator that the compiler does not have is Unsupported, and never runs
eagerly behind the campaign's back. What the compiler raises otherwise is a defect of ours, and is reported like anybody
else's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NoReturn

from misfold.programs.errors import TargetError
from misfold.programs.graph import Graph
from misfold.programs.pipeline import Pipeline

from .options import check_pipeline
from .packages import missing_packages, package_versions
from .protocol import Executable, Target, Unsupported

_OPTIONS: dict[str, type] = {
    "codegen": dict,  # fields of misfold.compiler.codegen.Options
    "dynamic": bool,  # dynamic shapes from the first compile on
}


class Misfold(Target):
    """misfold's own compiler, on one thread."""

    name = "misfold"
    family = "misfold"
    install = "pip install 'misfold[compiler]'"
    gradients = True
    aliases = True
    functions = True
    own_modules = ("misfold.compiler",)

    def missing(self) -> str | None:
        return missing_packages(("torch", "llvmlite"), self.install)

    def versions(self) -> Mapping[str, str]:
        return package_versions(("misfold", "llvmlite", "torch"))

    def pipelines(self) -> Sequence[Pipeline]:
        from .misfold_pipelines import PIPELINES

        return PIPELINES

    def warm_up(self) -> None:
        import torch

        from misfold.programs.parser import parse_graph

        from .dynamo import save_time

        torch.set_num_threads(1)
        save_time()
        graph = parse_graph(
            'def program(x0: "float32[4, 20]", x1: "float32[20]"):\n'
            "    v0 = torch.add(x0, x1)\n    v1 = torch.softmax(v0, -1)\n    v2 = v1.sum(0)\n    return v1, v2\n"
        )
        inputs = [torch.ones(4, 20, requires_grad=True), torch.ones(20)]
        self.compile(graph, inputs, self.pipelines()[0])(inputs)

    def compile(self, graph: Graph, inputs: Sequence[Any], pipeline: Pipeline) -> Executable:
        check_pipeline(self.name, pipeline, _OPTIONS, passes=True)
        import torch._dynamo

        from misfold.compiler.driver import codegen_options
        from misfold.compiler.errors import PipelineError
        from misfold.compiler.frontend.backend import Settings, backend
        from misfold.compiler.pipelines import from_data, named

        from .dynamo import compile_with

        torch._dynamo.reset()
        try:
            codegen = pipeline.options.get("codegen", {})
            if pipeline.passes is None:
                chosen = replace(named("O2"), codegen={**named("O2").codegen, **codegen})
            else:
                chosen = from_data(pipeline.name, pipeline.passes, codegen)
            codegen_options(chosen)
        except PipelineError as error:
            raise TargetError(f"{self.name}, pipeline {pipeline.name!r}: {error}") from error
        compile_module = backend(Settings(chosen, strict=True))
        dynamic = pipeline.options.get("dynamic", False)
        try:
            compiled = compile_with(compile_module, graph, inputs, dynamic)
        except Exception as error:
            _raise_told_apart(error)

        def run(tensors: Sequence[Any]) -> Sequence[Any]:
            try:
                return compiled(tensors)
            except Exception as error:
                _raise_told_apart(error)

        return run

    def script(self, graph: Graph, pipeline: Pipeline) -> str:
        from .sources import misfold_source

        return misfold_source(pipeline)


def _raise_told_apart(error: Exception) -> NoReturn:
    """Raise the exception, as Unsupported where the compiler says so or has no part in it."""
    from misfold.compiler.errors import Unsupported as CompilerUnsupported

    cause = getattr(error, "inner_exception", error)
    if isinstance(cause, CompilerUnsupported):
        raise Unsupported(cause.reason, cause.operator) from error
    if not isinstance(error, Unsupported) and not _ours(cause):
        # Dynamo and AOTAutograd are judged by the targets that are theirs.
        raise Unsupported(f"torch.compile failed outside of the compiler: {type(cause).__name__}: {cause}") from error
    raise error


def _ours(error: BaseException) -> bool:
    """Whether an exception came out of the compiler: some frame of its traceback is the compiler's own."""
    trace = error.__traceback__
    while trace is not None:
        name = str(trace.tb_frame.f_globals.get("__name__", ""))
        if name.startswith("misfold.compiler") and not name.endswith(".backend"):
            return True
        trace = trace.tb_next
    return False


def graphs_of(graph: Graph, inputs: Sequence[Any]) -> list[tuple[Any, list[Any]]]:
    """The compiler's own graphs that a program becomes (its forward pass, then its backward), each with numpy inputs.

    Raises:
        TargetError: the compiler does not take the program.
    """
    from misfold.compiler.errors import Unsupported as CompilerUnsupported
    from misfold.compiler.frontend.backend import Settings, backend
    from misfold.compiler.frontend.executable import arrays
    from misfold.compiler.pipelines import named

    from .dynamo import compile_with

    found: list[tuple[Any, list[Any]]] = []

    def watch(imported: Any, arguments: Sequence[Any]) -> None:
        found.append((imported.graph, arrays(imported, arguments)))

    try:
        compile_with(backend(Settings(named("O0"), strict=True, watch=watch)), graph, inputs)
    except Exception as error:
        cause = getattr(error, "inner_exception", error)
        if isinstance(cause, CompilerUnsupported | Unsupported):
            raise TargetError(f"misfold's compiler does not take this program: {cause}") from error
        raise
    return found
