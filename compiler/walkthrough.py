"""One program through every stage, as a page of Markdown that explains itself: ``docs/compiler-walkthrough.md``."""

from __future__ import annotations

import inspect
from collections.abc import Sequence

import numpy as np

from .graph.ir import Graph
from .passes.base import registry
from .pipelines import Pipeline
from .stages import IR, Stage, difference, stages

_STAGES = {
    "input": "The graph as the front end made it: one node for each operator, types inferred, broadcasts and casts "
    "written out.",
    "lowering": "Each node, and each group of fused nodes, becomes a loop nest over buffers. Values between nests are "
    "local buffers; those inside of a group are `let` variables.",
}


def walk_through(program: IR, inputs: Sequence[np.ndarray], pipeline: Pipeline) -> str:
    """The page: the IR at the beginning and behind each pass that changes it, what the pass is for, and whether the
    program still computes the same (every stage is interpreted on ``inputs``). Nothing of the host is in it.

    Raises:
        PassError: a pass failed, or left invalid IR.
    """
    found = stages(program, pipeline)
    kind = "graph" if isinstance(program, Graph) else "loop program"
    parts = [
        f"# `{program.name}` through `{pipeline.name}`\n",
        f"A {kind} on its way to machine code. Every stage below was verified, and interpreted on the same inputs.\n",
    ]
    first = found[0].outputs(inputs)
    before = ""
    unchanged: list[str] = []
    for stage in found:
        text = stage.text.rstrip("\n")
        if text == before:
            unchanged.append(f"`{stage.name}`")
            continue
        if unchanged:
            parts.append(f"Nothing to do for {', '.join(unchanged)}.\n")
            unchanged = []
        words = difference(first, stage.outputs(inputs))[1]
        parts += [f"## {stage.name}\n", _explanation(stage) + f" Outputs: {words}.\n", f"```\n{text}\n```\n"]
        before = text
    if unchanged:
        parts.append(f"Nothing to do for {', '.join(unchanged)}.\n")
    parts.append("`--emit llvm` prints what the code generator hands to LLVM, `--emit assembly` what LLVM makes of it.")
    return "\n".join(parts)


def _explanation(stage: Stage) -> str:
    if stage.name in _STAGES:
        return _STAGES[stage.name]
    documentation = inspect.getdoc(registry()[stage.name]) or ""
    return " ".join(documentation.partition("\n\n")[0].replace("``", "`").split())
