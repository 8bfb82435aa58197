"""A service of targets' workers: memory written around or in inputs, and which outputs require a gradient."""

from __future__ import annotations

from typing import Any

import torch

from misfold.programs.case import parse_case
from misfold.programs.pipeline import Pipeline
from misfold.targets.functional import written_inputs
from misfold.targets.guarded import GuardedInputs
from misfold.targets.protocol import MemoryStamped, Target
from misfold.targets.running import target_here
from misfold.targets.torch_values import make_inputs, to_function

SERVICE = "misfold.oracles.state.observing:serve"


def stamped(target: Target, pipeline: Pipeline, text: str) -> str | None:
    """What was written where it must not be when a case's program ran on inputs between canaries; None: nothing.

    Raises:
        Unsupported, and whatever the target raises.
    """
    case = parse_case(text)
    inputs = [item.detach() for item in make_inputs(case)]
    if written_inputs(case.graph):
        return None
    compiled = target.compile(case.graph, [item.contiguous().clone() for item in inputs], pipeline)
    guarded = GuardedInputs(inputs)
    with torch.no_grad():
        compiled(guarded.tensors)
    try:
        guarded.check()
    except MemoryStamped as error:
        return str(error)
    return None


def flags(target: Target, pipeline: Pipeline, text: str) -> tuple[list[bool], list[bool]]:
    """Which outputs require a gradient, in eager and on the target.

    Raises:
        Unsupported, and whatever eager or the target raises.
    """
    case = parse_case(text)
    own = [bool(item.requires_grad) for item in to_function(case.graph)(*make_inputs(case))]
    compiled = target.compile(case.graph, make_inputs(case), pipeline)
    return own, [bool(item.requires_grad) for item in compiled(make_inputs(case))]


def serve(request: dict[str, Any]) -> dict[str, Any]:
    """``stamped`` and, where the case has inputs that require a gradient, ``flags``, of ``case`` on ``target`` with
    ``pipeline``; ``error`` is what was raised, or None: other oracles answer for that."""
    target, pipeline = target_here(request["target"]), Pipeline.from_data(request["pipeline"])
    text = request["case"]
    found: dict[str, Any] = {"stamped": None, "flags": None, "error": None}
    try:
        found["stamped"] = stamped(target, pipeline, text)
        if target.gradients and parse_case(text).gradient:
            found["flags"] = [list(item) for item in flags(target, pipeline, text)]
    except Exception as error:  # whatever the code under test raises
        found["error"] = f"{type(error).__name__}: {error}"[:300]
    return found
