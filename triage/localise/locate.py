"""The way from a failure to a blame: which localiser for which target."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from . import generic, interpretation, onnx, torch_stages, tvm_passes
from .blame import Blame
from .operators import first_divergence
from .probe import Probe

Localiser = Callable[[Probe], Blame]


def _misfold_graph(probe: Probe) -> Blame:
    return _interpreted(probe, interpretation.GRAPHS)


def _misfold_kernel(probe: Probe) -> Blame:
    return _interpreted(probe, interpretation.KERNELS)


def _interpreted(probe: Probe, service: str) -> Blame:
    """By interpretation of every stage; the passes that can be left out as a table, and as a second opinion.

    Where the code generator is wrong, the part is the pass without which its input has nothing that it gets wrong.
    """
    from misfold.compiler.pipelines import named

    passes = probe.pipeline.passes
    if passes is None:
        usual = named("O2").data()
        passes = tuple((str(entry[0]), dict(entry[1]) if len(entry) > 1 else {}) for entry in usual)
    listed = replace(probe.pipeline, passes=passes)
    found = interpretation.localise(probe, service)
    if found is not None and found.stage != "codegen":
        return found
    bisected = generic.localise(_with(probe, listed))
    if found is None:
        return bisected
    part = bisected.stage if set(bisected.how) & {"prefix", "removal"} else ""
    return replace(found, part=part or found.part, how=(*found.how, *bisected.how), mitigations=bisected.mitigations)


def _with(probe: Probe, pipeline) -> Probe:  # type: ignore[no-untyped-def]
    probe.pipeline = pipeline
    return probe


GRAPHS: Mapping[str, Localiser] = {
    "inductor": torch_stages.localise,
    "misfold": _misfold_graph,
    "tvm": tvm_passes.localise,
    "onnxruntime": onnx.localise,
}
KERNELS: Mapping[str, Localiser] = {"misfold": _misfold_kernel, "tvm": tvm_passes.localise_kernel}


def localise(probe: Probe, *, kernel: bool = False, operators: bool = True) -> Blame:
    """Where a failure comes from; a blame without a stage where nothing tells.

    ``operators``: also which operator first diverges.
    """
    start = time.monotonic()
    table = KERNELS if kernel else GRAPHS
    blame = table.get(probe.system.name, generic.localise)(probe)
    if operators and not kernel:
        blame = replace(blame, divergence=first_divergence(probe))
    return replace(blame, seconds=round(time.monotonic() - start, 2))
