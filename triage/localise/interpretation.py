"""misfold's own compiler, stage by stage: the IR behind every pass is interpreted and compared with the one before.

That names a pass directly, even one whose fault only shows once other passes have run. What no stage's interpretation
shows is the code generator's; what the first stage already has wrong is the import's. The services run in a worker of
the target, since a stage of a faulty compiler may do anything.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from .blame import Blame
from .probe import Probe

_UNDEFINED = re.compile(r"undefined: (out of bounds|uninitialised read|division by zero|data race|write to an input)")

GRAPHS = "misfold.triage.localise.interpretation:serve_graph"
KERNELS = "misfold.triage.localise.interpretation:serve_kernel"


def localise(probe: Probe, service: str) -> Blame | None:
    """The stage that makes a failure; None where interpreting them did not tell."""
    answer = probe.call(service, {"case": probe.case.text, "pipeline": probe.pipeline.to_data()})
    if answer is None or not answer.get("stage"):
        return None
    detail = answer.get("detail", "")
    # A pass that makes the program undefined errs in another way than one that makes it compute something else.
    found = _UNDEFINED.search(detail)
    return Blame(answer["stage"], found[1] if found else "", ("interpretation",), detail)


def serve_graph(request: dict[str, Any]) -> dict[str, Any]:
    """``{"case", "pipeline"}`` to ``{"stage", "detail"}``; an empty stage where all stages agree with eager."""
    from misfold.programs.case import parse_case
    from misfold.targets.eager import Eager
    from misfold.targets.misfold import graphs_of
    from misfold.targets.running import run_case
    from misfold.targets.torch_values import make_inputs

    case = parse_case(request["case"])
    try:
        found = graphs_of(case.graph, make_inputs(case))
    except Exception as error:  # whatever a faulty import raises
        return {"stage": "import", "detail": f"{type(error).__name__}: {error}"[:500]}
    pipeline = _pipeline(request["pipeline"])
    for number, (graph, inputs) in enumerate(found):
        where = "" if len(found) == 1 else f"graph {number}: "
        stage, detail = first_difference(graph, pipeline, inputs)
        if stage:
            return {"stage": stage, "detail": where + detail}
    # All stages say the same: either the first is wrong already, or the machine code is.
    if len(found) == 1 and not case.gradient:
        eager = run_case(Eager(), case)
        from misfold.compiler.stages import Stage, difference

        outputs = Stage("input", found[0][0]).outputs(found[0][1])
        if eager.kind == "values" and len(outputs) >= len(eager.values):
            pairs = zip(eager.values, outputs)
            for index, (value, output) in enumerate(pairs):
                expected = value.array()
                if expected.size != output.size:
                    return {"stage": "import", "detail": f"out{index} has {output.size} elements"}
                given = np.asarray(output, expected.dtype).reshape(expected.shape)
                same, words = difference([expected], [given])
                if not same:
                    return {"stage": "import", "detail": f"out{index}: {words}"}
    return {"stage": "codegen", "detail": "the interpretation of every stage is right, what the code computes is not"}


def serve_kernel(request: dict[str, Any]) -> dict[str, Any]:
    """As ``serve_graph``, for a kernel."""
    from misfold.programs.kernel import kernel_inputs, parse_kernel_case

    case = parse_kernel_case(request["case"])
    arrays = kernel_inputs(case)
    given = [array for one, array in zip(case.function.parameters, arrays) if one.role != "out"]
    pipeline = _pipeline(request["pipeline"], kernel=True)
    stage, detail = first_difference(case.function, pipeline, given)
    if stage:
        return {"stage": stage, "detail": detail}
    return {"stage": "codegen", "detail": "the interpretation of every stage is right, what the code computes is not"}


def first_difference(program: Any, pipeline: Any, inputs: Sequence[np.ndarray]) -> tuple[str, str]:
    """The first stage whose interpretation differs from the one before, and how; ("", "") if there is none."""
    from misfold.compiler.driver import optimise, to_loops
    from misfold.compiler.errors import AssertionFailed, CompilerError, PassError, UndefinedBehaviour
    from misfold.compiler.graph.ir import Graph
    from misfold.compiler.stages import Stage, difference

    before: list[Any] = []
    stages: list[Stage] = []

    class Found(Exception):
        pass

    def outputs(stage: Stage) -> Any:
        try:
            return stage.outputs(inputs)
        except AssertionFailed as error:
            return f"assertion: {error}"
        except UndefinedBehaviour as error:
            return f"undefined: {error.kind}: {error}"

    def observe(name: str, ir: Any) -> None:
        stage = Stage(name, ir)
        if stages and stages[-1].text == stage.text:
            stages.append(stage)
            return
        result = outputs(stage)
        if stages:
            same, words = _agree(before[0], result, difference)
            if not same:
                raise Found(name, words)
        stages.append(stage)
        before[:] = [result]

    try:
        if isinstance(program, Graph):
            to_loops(program, pipeline, observe, True)
        else:
            observe("input", program)
            optimise(program, pipeline, observe, True)
    except Found as found:
        return str(found.args[0]), str(found.args[1])
    except PassError as error:
        return error.name, str(error)[:500]
    except CompilerError as error:
        return (stages[-1].name if stages else "input"), str(error)[:500]
    return "", ""


def _agree(first: Any, other: Any, difference: Any) -> tuple[bool, str]:
    if isinstance(first, str) or isinstance(other, str):
        if isinstance(first, str) and isinstance(other, str):
            return first.partition(":")[0] == other.partition(":")[0], other
        return False, other if isinstance(other, str) else f"no longer {first}"
    if [array.size for array in first] != [array.size for array in other]:
        return False, "outputs of another size"
    shaped = [np.asarray(b).reshape(a.shape) for a, b in zip(first, other)]
    same, words = difference(first, shaped)
    return bool(same), str(words)


def _pipeline(data: dict[str, Any], kernel: bool = False) -> Any:
    from misfold.compiler.pipelines import Pipeline as CompilerPipeline
    from misfold.compiler.pipelines import from_data, named
    from misfold.programs.pipeline import Pipeline

    pipeline = Pipeline.from_data(data)
    codegen = pipeline.options.get("codegen", {})
    if pipeline.passes is not None:
        return from_data(pipeline.name, pipeline.passes, codegen)
    usual = named("O2")
    return CompilerPipeline("O2", () if kernel else usual.graph_passes, usual.loop_passes, {**usual.codegen, **codegen})
