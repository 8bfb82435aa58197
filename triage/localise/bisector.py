"""PyTorch's own bisector: which backend, which subsystem, which application of it.

``torch._inductor.compiler_bisector.CompilerBisector`` runs a test again and again while it switches subsystems off, and
then counts up to the first application that matters. It is asked in a worker: it changes process-wide state, and the
program may crash.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from typing import Any

SERVICE = "misfold.triage.localise.bisector:serve"


def serve(request: dict[str, Any]) -> dict[str, Any]:
    """``{"case", "pipeline"}`` to ``{"backend", "subsystem", "number", "debug"}``, or ``{"error"}`` where it fails."""
    from torch._inductor.compiler_bisector import CompilerBisector

    from misfold.oracles import reference
    from misfold.oracles.judge import judge
    from misfold.programs.case import parse_case
    from misfold.programs.pipeline import Pipeline
    from misfold.targets.eager import Eager
    from misfold.targets.running import run_case
    from misfold.targets.torch_values import make_inputs

    case = parse_case(request["case"])
    pipeline = Pipeline.from_data(request["pipeline"])
    inputs = make_inputs(case)
    eager = run_case(Eager(), case, inputs=inputs)
    expected = reference.evaluate(case, eager, inputs) if eager.kind == "values" else None
    target = _bisected()
    runs = 0

    def passes() -> bool:
        nonlocal runs
        runs += 1
        outcome = run_case(target, case, pipeline)
        if outcome.kind == "rejected":
            raise ValueError(f"the backend {CompilerBisector.get_backend()} does not take the program")
        return not judge(case, eager, expected, outcome, aliases=target.aliases).bad

    try:
        # It prints its progress.
        with contextlib.redirect_stdout(io.StringIO()):
            result = CompilerBisector.do_bisect(passes)
    except Exception as error:  # a failure that comes and goes makes it raise
        return {"error": f"{type(error).__name__}: {error}"[:500], "runs": runs}
    if result is None:
        return {"error": "no backend fails", "runs": runs}
    return {
        "backend": result.backend,
        "subsystem": result.subsystem or "",
        "number": result.bisect_number,
        "debug": str(result.debug_info or "")[:500],
        "runs": runs,
    }


def _bisected() -> Any:
    """The Inductor target with the backend that the bisector wants at the moment.

    ``torch.compile`` puts the bisector's backend in the place of the one that it is given, so that the target's own,
    which counts what is compiled, would find that nothing was.
    """
    import torch

    from misfold.programs.graph import Graph
    from misfold.programs.pipeline import Pipeline
    from misfold.targets.execution import copy_of
    from misfold.targets.inductor import Inductor, configuration
    from misfold.targets.protocol import Executable
    from misfold.targets.torch_values import gradients, to_function

    class Bisected(Inductor):
        def compile(self, graph: Graph, inputs: Sequence[Any], pipeline: Pipeline) -> Executable:
            self._prepare()
            self._forget()
            context = configuration(pipeline)
            function = torch.compile(to_function(graph), dynamic=pipeline.options.get("dynamic", False))
            with context:
                sample = [copy_of(tensor) for tensor in inputs]
                gradients(function(*sample), sample)

            def run(tensors: Sequence[Any]) -> Sequence[Any]:
                with context:
                    outputs: Sequence[Any] = function(*tensors)
                return outputs

            return run

    return Bisected()
