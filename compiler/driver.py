"""Graph IR in, machine code out: runs a pipeline's passes in order and shows what is between them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields

from . import codegen
from .errors import CompilerError, PassError, PipelineError, VerificationError
from .graph.ir import Graph
from .graph.verify import verify as verify_graph
from .loops.ir import Function
from .loops.verify import verify as verify_loops
from .lowering import lower
from .pipelines import Pipeline

#: Called with the name of a stage (``input``, a pass, ``lowering``) and the IR behind it.
Observer = Callable[[str, Graph | Function], None]


def compile_graph(
    graph: Graph, pipeline: Pipeline, observe: Observer | None = None, verify: bool = False
) -> codegen.Compiled:
    """Compile a graph; the result runs on its inputs and then its outputs, in order.

    Args:
        observe: sees the IR at the beginning and after each pass and lowering.
        verify: check the IR after each pass.

    Parameters of the machine code may have fewer dimensions than the graph's: call it with addresses.

    Raises:
        PassError: a pass failed, or left IR that breaks a rule: a defect of the compiler.
        PipelineError: an option of the code generator is unknown or out of range.
    """
    return build(to_loops(graph, pipeline, observe, verify, flat=True), pipeline)


def to_loops(
    graph: Graph, pipeline: Pipeline, observe: Observer | None = None, verify: bool = False, flat: bool = False
) -> Function:
    """The loop program that a graph becomes; arguments and errors as for ``compile_graph``.

    ``flat``: parameters have as few dimensions as their memory allows, which makes for simpler loops. Callers then pass
    addresses, since arrays no longer have the parameters' shapes.
    """
    observe = observe or _nobody
    observe("input", graph)
    for one in pipeline.graph_passes:
        with _Blame(one.name):
            graph = one.run(graph)
            if verify:
                verify_graph(graph)
        observe(one.name, graph)
    with _Blame("lowering"):
        function = lower(graph, flat_parameters=flat)
        if verify:
            verify_loops(function)
    observe("lowering", function)
    return optimise(function, pipeline, observe, verify)


def optimise(function: Function, pipeline: Pipeline, observe: Observer | None = None, verify: bool = False) -> Function:
    """A loop program after a pipeline's loop passes."""
    observe = observe or _nobody
    for one in pipeline.loop_passes:
        with _Blame(one.name):
            function = one.run(function)
            if verify:
                verify_loops(function)
        observe(one.name, function)
    return function


def build(function: Function, pipeline: Pipeline) -> codegen.Compiled:
    """Machine code for a loop program, with a pipeline's options of the code generator.

    Raises:
        PipelineError: an option of the code generator is unknown or out of range.
    """
    return codegen.build(function, codegen_options(pipeline))


def codegen_options(pipeline: Pipeline) -> codegen.Options:
    """A pipeline's options of the code generator; errors as for ``build``."""
    known = {one.name for one in fields(codegen.Options)}
    for name in pipeline.codegen:
        if name not in known:
            raise PipelineError(f"the code generator has no option {name!r}; it has: {', '.join(sorted(known))}")
    return codegen.Options(**pipeline.codegen)


def _nobody(stage: str, ir: Graph | Function) -> None:
    """The observer that does not look."""


class _Blame:
    """Turns whatever a pass raises into a PassError that names it."""

    def __init__(self, name: str):
        self.name = name

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, VerificationError):
            raise PassError(self.name, f"left invalid IR: {error}") from error
        if isinstance(error, Exception) and not isinstance(error, CompilerError):
            raise PassError(self.name, f"{type(error).__name__}: {error}") from error
