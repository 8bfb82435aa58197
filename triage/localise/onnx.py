"""ONNX Runtime: the lowest level of graph optimisation that fails, then the optimiser whose absence helps; or,
where optimisation has no part in it, whether the exported model is wrong already."""

from __future__ import annotations

from typing import Any

from misfold.targets.onnxruntime_pipelines import LEVELS, OPTIMIZERS

from .blame import FAILS, PASSES, Blame, Mitigation
from .exported import agree
from .probe import Probe, Stopped

SERVICE = "misfold.triage.localise.onnx:serve"
#: The stage that makes the model, which is PyTorch's.
EXPORTER = "exporter"


def localise(probe: Probe) -> Blame:
    """Where in the way through ONNX a failure comes from."""
    failure = probe.outcome.failure
    if failure is not None and ("InvalidModel" in failure.type or _exporting(failure.frames)):
        return Blame(EXPORTER, "", ("frames",))
    rows: list[Mitigation] = []
    try:
        lowest = None
        for level in reversed(LEVELS):
            rows.append(probe.mitigation(f"level {level}", probe.options(level=level)))
            if rows[-1].result == FAILS:
                lowest = level
                break
        rows.append(probe.mitigation("no memory planning", probe.options(memory_pattern=False, memory_reuse=False)))
        memory = rows[-1].result == PASSES
        rows.append(probe.mitigation("no folding while exporting", probe.options(fold=False)))
        if lowest == "disabled":
            if rows[-1].result == PASSES:
                return Blame(EXPORTER, "constant-folding", ("options",), mitigations=tuple(rows))
            if memory:
                return Blame("memory planning", "", ("options",), mitigations=tuple(rows))
            answer = probe.call(SERVICE, {"case": probe.case.text, "pipeline": probe.pipeline.to_data()})
            stage = "" if answer is None else answer["stage"]
            notes = () if stage else ("ONNX's reference evaluator does not run the model",)
            how = ("options", "reference evaluator") if stage else ("options",)
            return Blame(stage or "export or kernels", "", how, mitigations=tuple(rows), notes=notes)
        if lowest is None:
            return Blame("memory planning" if memory else "", "", ("options",), mitigations=tuple(rows))
        name = _optimiser(probe)
        return Blame(f"level {lowest}", name, ("options", "removal") if name else ("options",), mitigations=tuple(rows))
    except Stopped:
        return Blame("", "", (), mitigations=tuple(rows), notes=("time was up before all was tried",))


def _optimiser(probe: Probe) -> str:
    """The optimiser without which the case passes, by halving the set that is switched off; '' if no single one."""
    already = list(probe.pipeline.options.get("disabled", []))
    names = [name for name in OPTIMIZERS if name not in already]
    if probe.under(probe.options(disabled=[*already, *names])) != PASSES:
        return ""
    while len(names) > 1:
        half = names[: len(names) // 2]
        if probe.under(probe.options(disabled=[*already, *half])) == PASSES:
            names = half
        elif probe.under(probe.options(disabled=[*already, *names[len(half) :]])) == PASSES:
            names = names[len(half) :]
        else:
            return ""  # It takes more than one of them.
    return names[0]


def _exporting(frames: tuple[str, ...]) -> bool:
    return any(frame.startswith("torch.onnx") for frame in frames[-6:])


def serve(request: dict[str, Any]) -> dict[str, Any]:
    """``{"case", "pipeline"}`` to ``{"stage"}``: whether the exported model computes what eager does.

    ONNX's own reference evaluator runs the model. Where that agrees with eager, the runtime's kernels are wrong; where
    it does not, the model is. '' where it cannot run the model.
    """
    import onnx
    from onnx.reference import ReferenceEvaluator

    from misfold.programs.case import parse_case
    from misfold.programs.pipeline import Pipeline
    from misfold.targets.eager import Eager
    from misfold.targets.onnxruntime import export_model
    from misfold.targets.running import run_case
    from misfold.targets.torch_values import make_inputs

    case = parse_case(request["case"])
    tensors = [tensor.detach() for tensor in make_inputs(case)]
    eager = run_case(Eager(), case)
    try:
        model = onnx.load_model_from_string(export_model(case.graph, tensors, Pipeline.from_data(request["pipeline"])))
        evaluator = ReferenceEvaluator(model)
        feeds = {f"x{index}": tensor.numpy() for index, tensor in enumerate(tensors)}
        found = evaluator.run(None, {name: feeds[name] for name in evaluator.input_names})
    except Exception:  # whatever an evaluator of 200 operators raises
        return {"stage": ""}
    return {"stage": "kernels" if agree(eager.values, found) else EXPORTER}
