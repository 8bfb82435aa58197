"""TVM: Relax passes that can be left out, the pass context's level, loop-level options, LLVM; kernels by prefix."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from misfold.programs.pipeline import Pipeline
from misfold.targets.kernels.tvm_pipelines import DEFAULT as KERNEL_PASSES
from misfold.targets.kernels.tvm_pipelines import REQUIRED
from misfold.targets.tvm_pipelines import DEFAULT_PASSES

from . import exported
from .blame import FAILS, PASSES, Blame, Mitigation
from .passes import culprit
from .probe import Probe, Stopped

#: Relax passes that only optimise, alone or together with those that need them.
_OPTIONAL: tuple[tuple[str, ...], ...] = (
    ("FuseOps", "FuseTIR", "AnnotateTIROpPattern"),
    ("FoldConstant",),
    ("RewriteDataflowReshape",),
    ("StaticPlanBlockMemory",),
    ("KillAfterLastUse",),
)

#: Options by which parts below Relax are switched off, and the part that is to blame if that helps.
_LEVERS: tuple[tuple[str, dict[str, Any], str], ...] = (
    ("LLVM at O0", {"target": {"opt-level": 0}}, "llvm"),
    ("no vectorisation", {"config": {"tirx.disable_vectorize": True}}, "tirx.VectorizeLoop"),
    ("no storage rewrite", {"config": {"tirx.disable_storage_rewrite": True}}, "tirx.StorageRewrite"),
    ("no common subexpressions", {"config": {"tirx.disable_cse_tir": True}}, "tirx.CommonSubexprElim"),
    ("buffers may alias", {"config": {"tirx.noalias": False}}, "noalias"),
)


def localise(probe: Probe) -> Blame:
    """Where in TVM's graph compiler a failure comes from."""
    rows: list[Mitigation] = []
    notes: tuple[str, ...] = ()
    options = probe.pipeline.options
    try:
        if probe.silent or probe.spoken:
            # What TVM says of a program can be put down to another one only where its types do not go together: a
            # program that computes something else compiles as well as the right one.
            answer = probe.call(exported.SERVICE, {"case": probe.case.text, "types": probe.spoken})
            if answer is not None and answer["stage"]:
                return Blame(answer["stage"], "", ("exported program",))
        if options.get("before"):
            rows.append(probe.mitigation("without the passes before", probe.options(before=[])))
            if rows[-1].result == PASSES:
                return _before(probe, rows)
        for key, stage in (("exec_mode", "virtual machine"), ("jit", "jit")):
            if key in options:
                rest = {name: value for name, value in options.items() if name != key}
                rows.append(probe.mitigation(f"without {key}", replace(probe.pipeline, name="changed", options=rest)))
                if rows[-1].result == PASSES:
                    return Blame(stage, key, ("options",), mitigations=tuple(rows))
        found = _relax(probe, rows)
        part = ""
        for name, change, of_part in _LEVERS:
            rows.append(probe.mitigation(name, probe.options(**change)))
            if rows[-1].result == PASSES and not part:
                part = of_part
        if found:
            return Blame(found, "", ("removal",), mitigations=tuple(rows))
        if part:
            return Blame("llvm" if part == "llvm" else "tirx", part, ("options",), mitigations=tuple(rows))
    except Stopped:
        notes = ("time was up before all was tried",)
    stage = _by_frames(probe) or "import or legalisation"
    if stage == "import or legalisation":
        notes = (*notes, "no pass or option that can be switched off decides")
    return Blame(stage, "", ("frames" if probe.outcome.failure else "removal",), mitigations=tuple(rows), notes=notes)


def _relax(probe: Probe, rows: list[Mitigation]) -> str:
    if "relax" in probe.pipeline.options:
        return ""
    passes = probe.pipeline.passes or tuple((name, {}) for name in DEFAULT_PASSES)
    found = ""
    for names in _OPTIONAL:
        kept = tuple(entry for entry in passes if entry[0] not in names)
        if len(kept) < len(passes):
            pipeline = replace(probe.pipeline, name=f"without-{names[0]}", passes=kept)
            rows.append(probe.mitigation(f"without {', '.join(names)}", pipeline))
            if rows[-1].result == PASSES and not found:
                found = names[0]
    return found


def _before(probe: Probe, rows: list[Mitigation]) -> Blame:
    """The pass of the list ``before`` that is to blame."""
    entries = list(probe.pipeline.options["before"])
    for length in range(1, len(entries) + 1):
        if probe.fails(probe.options(before=entries[:length])):
            entry = entries[length - 1]
            name = entry if isinstance(entry, str) else str(entry[0])
            return Blame(name, "", ("prefix",), mitigations=tuple(rows))
    return Blame("", "", ("prefix",), mitigations=tuple(rows))


def _by_frames(probe: Probe) -> str:
    """The importer, or the module of the deepest own frame, for failures with a traceback."""
    failure = probe.outcome.failure
    if failure is None:
        return ""
    for frame in reversed(failure.frames):
        module = frame.partition(":")[0]
        if module.startswith("tvm.relax.frontend"):
            return "importer"
        if module.startswith("tvm.relax.transform"):
            return f"relax.transform:{frame.partition(':')[2]}"
        if module.startswith(("tvm.relax", "tvm.tirx", "tvm.s_tir", "tvm.topi", "tvm.te")):
            return ".".join(module.split(".")[1:3])
    return ""


def localise_kernel(probe: Probe) -> Blame:
    """Where in TVM's loop compiler a failure comes from."""
    rows: list[Mitigation] = []
    stage = detail = ""
    how: tuple[str, ...] = ()
    passes = probe.pipeline.passes
    listed = replace(probe.pipeline, passes=tuple((name, {}) for name in KERNEL_PASSES) if passes is None else passes)
    try:
        if passes is not None or probe.fails(listed):
            found = culprit(probe, listed, frozenset(REQUIRED))
            if found is not None:
                detail = "" if found.confirmed else "the failure stays when that pass alone is left out"
                stage, how = found.name, (found.how,)
        for name, change, of_part in _LEVERS:
            rows.append(probe.mitigation(name, probe.options(**change)))
            if rows[-1].result == PASSES and not stage:
                stage, how = of_part, ("options",)
        rows.append(Mitigation("plain emission", probe.under(probe.options(plain=True))))
        bare = Pipeline("none", probe.pipeline.options, ())
        rows.append(Mitigation("required passes only", probe.under(bare)))
        if not stage and rows[-1].result == FAILS:
            stage, how = "required passes or code generation", ("prefix",)
    except Stopped:
        return Blame(stage, "", tuple(how), detail, tuple(rows), notes=("time was up before all was tried",))
    return Blame(stage, "", tuple(how), detail, tuple(rows))
