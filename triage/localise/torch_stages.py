"""torch.compile: the first failing stage, then within Inductor the bisector's pass or lowering and options that help.

Stages in order (``backend=`` of torch.compile): ``eager`` (Dynamo alone), ``aot_eager`` (and AOTAutograd),
``aot_eager_decomp_partition`` (and decompositions and partitioning), ``inductor``. The first one that fails is the
component that maintainers ask for.
"""

from __future__ import annotations

import re
from typing import Any

from misfold.programs.pipeline import Pipeline

from .bisector import SERVICE
from .blame import FAILS, PASSES, Blame, Mitigation
from .probe import Probe, Stopped

#: Backends in order, and the component that each one adds.
STAGES = (
    ("eager", "dynamo"),
    ("aot_eager", "aot-autograd"),
    ("aot_eager_decomp_partition", "decompositions"),
)

#: Rows of the table: name, Inductor configuration, and the part that is to blame if it helps ('' if it says nothing
#: about a part). The most telling first; the first of them that helps names the part.
LEVERS: tuple[tuple[str, dict[str, Any], str], ...] = (
    ("pattern matcher off", {"pattern_matcher": False}, "pattern-matcher"),
    ("no joint graph passes", {"use_joint_graph_passes": False, "joint_graph_constant_folding": False}, "joint-graph"),
    ("no post-grad passes", {"use_post_grad_passes": False}, "post-grad"),
    ("scalar code (simdlen=1)", {"cpp.simdlen": 1}, "vector-code"),
    ("no vectorised loop tails", {"cpp.enable_loop_tail_vec": False}, "vector-tail"),
    ("no tiling heuristics", {"cpp.enable_tiling_heuristics": False}, "tiling"),
    ("no fusion", {"max_fusion_size": 1, "epilogue_fusion": False}, "fusion"),
    ("no buffer reuse", {"allow_buffer_reuse": False, "inplace_buffers": False}, "memory-reuse"),
    ("no layout optimisation", {"layout_optimization": False, "comprehensive_padding": False}, "layout"),
    ("no split reductions", {"split_reductions": False}, "split-reductions"),
    ("emulate precision casts", {"emulate_precision_casts": True}, "precision-casts"),
    ("fallback random", {"fallback_random": True}, "random"),
)
#: So many of them are about passes over the graph: where such a pass is known to be to blame, the others say nothing.
GRAPH_LEVERS = 3


def localise(probe: Probe) -> Blame:
    """Where in torch.compile a failure comes from."""
    rows: list[Mitigation] = []
    backend = str(probe.pipeline.options.get("backend", "inductor"))
    names = [name for name, _ in STAGES]
    try:
        for name, component in STAGES:
            if name == backend:
                return Blame(component, how=("stages",), mitigations=(*rows, Mitigation(name, FAILS)))
            rows.append(probe.mitigation(name, probe.options(backend=name, config={})))
            if rows[-1].result == FAILS:
                return Blame(component, how=("stages",), mitigations=tuple(rows))
        rows.append(Mitigation("inductor", FAILS))
        return _inductor(probe, rows, refused=all(row.result != PASSES for row in rows[: len(names)]))
    except Stopped:
        return Blame("inductor" if len(rows) > len(names) else "", "", ("stages",), mitigations=tuple(rows)).with_notes(
            "time was up before all was tried"
        )


def _inductor(probe: Probe, rows: list[Mitigation], refused: bool) -> Blame:
    """Within Inductor: PyTorch's bisector says which of its passes over the graph, or which operator's lowering; where
    it is a lowering, options of code generation say more."""
    how, notes, detail, lowering = ["stages"], [], "", ""
    exact = _own_options(probe, rows)
    if exact:
        return Blame("inductor", exact, ("stages", "options"), mitigations=tuple(rows))
    if probe.outcome.kind not in ("crash", "hang"):  # of which a process can see one
        answer = probe.call(SERVICE, {"case": probe.case.text, "pipeline": probe.pipeline.to_data()})
        if answer is None:
            notes.append("PyTorch's bisector gave no answer")
        elif "error" in answer:
            notes.append(f"PyTorch's bisector: {answer['error']}")
        else:
            how.append("bisector")
            exact, lowering = _bisected(answer)
            detail = f"bisector: {answer['backend']}, {answer['subsystem']}, application {answer['number']}"
            detail += f" ({answer['debug']})" if answer["debug"] else ""
    part = ""
    try:
        part = _levers(probe, rows, GRAPH_LEVERS if exact else len(LEVERS))
    except Stopped:
        notes.append("time was up before all was tried")
    if part and not exact:
        how.append("options")
    if refused:
        notes.append("no earlier stage takes the program")
    return Blame("inductor", exact or part or lowering, tuple(how), detail, tuple(rows), notes=tuple(notes))


def _own_options(probe: Probe, rows: list[Mitigation]) -> str:
    """The option of the failure's own pipeline without which the case passes; '' if there is none."""
    options = probe.pipeline.options
    config = dict(options.get("config", {}))
    found = ""
    for name in config:
        rest = {key: value for key, value in config.items() if key != name}
        rows.append(probe.mitigation(f"without {name}", _changed(probe, config=rest)))
        if rows[-1].result == PASSES and not found:
            found = f"option {name}"
    if options.get("dynamic"):
        rows.append(probe.mitigation("without dynamic shapes", _changed(probe, dynamic=False)))
        if rows[-1].result == PASSES and not found:
            found = "dynamic shapes"
    return found


def _changed(probe: Probe, **changes: Any) -> Pipeline:
    """The failure's pipeline with whole options in the place of what they were."""
    return Pipeline("changed", {**probe.pipeline.options, **changes}, probe.pipeline.passes)


def _bisected(answer: dict[str, Any]) -> tuple[str, str]:
    """The part that the bisector blames: a pass with its name, or a lowering with its operator; '' for the other."""
    subsystem = str(answer["subsystem"]).removeprefix("inductor_")
    # A node's name, numbered where several have it; or the name of a pass.
    name = re.sub(r"_\d+$", "", str(answer["debug"])) if str(answer["debug"]).isidentifier() else ""
    part = f"{subsystem}:{name}" if name else subsystem
    return ("", part) if subsystem == "lowerings" else (part, "")


def _levers(probe: Probe, rows: list[Mitigation], most: int) -> str:
    """Rows of the table, of the first ``most`` options; the part that the first option that helps is about, '' if none.

    An option takes a compile to try. All of them at once are tried first: where that does not help, none of them does
    alone, as long as the failure stays the same.
    """
    # Most levers tell nothing of an exception that lowering or code generation raises with a traceback.
    levers = LEVERS[: most if probe.silent or probe.outcome.kind in ("crash", "hang") else min(most, 4)]
    together: dict[str, Any] = {}
    for _, config, _ in levers:
        together |= config
    if probe.fails(probe.options(config=together)):
        names = ", ".join(name for name, _, _ in levers)
        rows.append(Mitigation(f"all at once: {names}", FAILS))
        return ""
    part = ""
    for name, config, of_part in levers:
        rows.append(probe.mitigation(name, probe.options(config=config)))
        if rows[-1].result == PASSES and not part:
            part = of_part
    return part
