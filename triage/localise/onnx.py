"""ONNX Runtime: the lowest level of graph optimisation that fails, then the optimiser whose absence helps."""

from __future__ import annotations

from misfold.targets.onnxruntime_pipelines import LEVELS, OPTIMIZERS

from .blame import FAILS, PASSES, Blame, Mitigation
from .probe import Probe, Stopped


def localise(probe: Probe) -> Blame:
    """Where in the way through ONNX a failure comes from."""
    failure = probe.outcome.failure
    if failure is not None and ("InvalidModel" in failure.type or _exporting(failure.frames)):
        return Blame("exporter", "", ("frames",))
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
            stage = "exporter" if rows[-1].result == PASSES else "memory planning" if memory else "export or kernels"
            part = "constant-folding" if stage == "exporter" else ""
            return Blame(stage, part, ("options",), mitigations=tuple(rows))
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
