"""PyTorch's own bisector: which backend, which subsystem, which application of it.

``torch._inductor.compiler_bisector.CompilerBisector`` runs a test again and again while it switches subsystems off, and
then counts up to the first application that matters. It is asked in a worker: it changes process-wide state, and the
program may crash.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

SERVICE = "misfold.triage.localise.bisector:serve"

# The bisector prints its progress; subsystems that differ between a right and a wrong program for other reasons than
# being at fault: fallback_random changes nothing in deterministic programs.
_BACKENDS = {"aot_eager_decomp_partition_crossref": "aot_eager_decomp_partition"}


def serve(request: dict[str, Any]) -> dict[str, Any]:
    """``{"case", "pipeline"}`` to ``{"backend", "subsystem", "number", "debug"}``, or ``{"error"}`` where it fails."""
    from torch._inductor.compiler_bisector import CompilerBisector

    from misfold.oracles import reference
    from misfold.oracles.judge import judge
    from misfold.programs.case import parse_case
    from misfold.programs.pipeline import Pipeline
    from misfold.targets.eager import Eager
    from misfold.targets.inductor import Inductor
    from misfold.targets.running import run_case
    from misfold.targets.torch_values import make_inputs

    case = parse_case(request["case"])
    pipeline = Pipeline.from_data(request["pipeline"])
    inputs = make_inputs(case)
    eager = run_case(Eager(), case, inputs=inputs)
    expected = reference.evaluate(case, eager, inputs) if eager.kind == "values" else None
    target = Inductor()
    runs = 0

    def passes() -> bool:
        nonlocal runs
        runs += 1
        backend = CompilerBisector.get_backend() or "inductor"
        options = {**pipeline.options, "backend": _BACKENDS.get(backend, backend)}
        outcome = run_case(target, case, replace(pipeline, options=options))
        return not judge(case, eager, expected, outcome, aliases=target.aliases).bad

    try:
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
