"""The service that judges outcomes: runs what is right (eager, the interpreter) in a worker, and sends a verdict."""

from __future__ import annotations

import importlib
import warnings
from dataclasses import asdict
from typing import Any

from misfold.oracles import reference
from misfold.oracles.judge import judge
from misfold.oracles.kernels import Expected, expect, judge_kernel, unmet_passes
from misfold.oracles.reference import evaluate
from misfold.oracles.verdict import Verdict
from misfold.programs.case import parse_case
from misfold.programs.kernel_tvmscript import TVMScriptCase, parse_any_kernel
from misfold.programs.pipeline import Pipeline
from misfold.targets import execution, registry
from misfold.targets.eager import Eager
from misfold.targets.kernels import registry as kernel_registry
from misfold.targets.outcome import Outcome
from misfold.targets.running import run_case
from misfold.targets.torch_values import make_inputs


def warm_up() -> None:
    """Import torch and what evaluating the reference needs; once, in the fork server."""
    warnings.simplefilter("ignore")
    importlib.import_module("torch._dynamo")
    execution.warm_up()
    reference.warm_up()


def serve(request: dict[str, Any]) -> dict[str, Any]:
    """Judge the ``outcome`` (packed) of ``target`` on the graph case ``case``."""
    case, outcome = parse_case(request["case"]), Outcome.unpack(request["outcome"])
    inputs = make_inputs(case)
    eager = run_case(Eager(), case, None, repeats=2, inputs=inputs)
    found = evaluate(case, eager, inputs) if eager.kind == "values" else None
    return asdict(judge(case, eager, found, outcome, aliases=registry.get(request["target"]).aliases))


def serve_kernel(request: dict[str, Any]) -> dict[str, Any]:
    """Judge the ``outcome`` (packed) of kernel target ``target`` under ``pipeline`` on the kernel case ``case``."""
    case: Any = parse_any_kernel(request["case"])
    outcome = Outcome.unpack(request["outcome"])
    target, pipeline = kernel_registry.get(request["target"]), Pipeline.from_data(request["pipeline"])
    unmet = unmet_passes(target, case, pipeline, outcome)
    if unmet is not None:
        return asdict(unmet)
    expected = _script_expected(case) if isinstance(case, TVMScriptCase) else expect(case)
    if isinstance(expected, str):
        return asdict(Verdict("undecided", "kernel", expected))
    return asdict(judge_kernel(case, expected, outcome, exact_overflow=target.wraps))


def _script_expected(case: TVMScriptCase) -> Expected | str:
    """What a TVMScript kernel gives, or why that cannot be said."""
    from misfold.oracles.tvmscript import expected_of
    from misfold.targets.kernels.tirx_reader import Unreadable

    try:
        return expected_of(case)
    except Unreadable as error:
        return f"the loop IR cannot hold it: {error}"[:300]
