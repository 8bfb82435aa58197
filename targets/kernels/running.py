"""Runs kernel targets on cases in workers: the service, and what fork servers preload.

``misfold.targets.running.outcome_of`` makes an Outcome of the service's answer.
"""

from __future__ import annotations

import errno
import os
import time
from dataclasses import replace
from typing import Any

import numpy as np

from misfold.programs.errors import MisfoldError, TargetError
from misfold.programs.kernel import KernelCase, kernel_inputs
from misfold.programs.kernel_tvmscript import TVMScriptCase, parse_any_kernel
from misfold.programs.pipeline import Pipeline
from misfold.targets.failures import failure_of
from misfold.targets.outcome import Outcome, TensorValue
from misfold.targets.protocol import MemoryStamped, Unsupported

from . import registry
from .memory import GuardedArray
from .protocol import KernelTarget

#: The service's name for ``Slot.call``.
SERVICE = "misfold.targets.kernels.running:serve"
#: What to preload in a fork server for kernel targets, and the variable that names them, separated by commas.
PRELOAD = "misfold.targets.kernels.running:warm_up"
TARGETS = "MISFOLD_KERNEL_TARGETS"

_DISK_FULL = (os.strerror(errno.ENOSPC), os.strerror(errno.EDQUOT))
_warm: dict[str, KernelTarget] = {}
_settled: dict[str, KernelTarget] = {}


def run_kernel(
    target: KernelTarget, case: KernelCase | TVMScriptCase, pipeline: Pipeline | None = None, repeats: int = 1
) -> Outcome:
    """Compile a case's function and run it ``repeats`` times on fresh arrays, in this process.

    The outcome's values are those of the ``out`` and ``inout`` parameters in order; ``facts["names"]`` names them.
    ``pipeline`` is by default the one that the case names for this target, else the target's first. With several
    repeats, ``facts["stable"]`` says whether all gave the same bits.

    Raises:
        MisfoldError: the pipeline is none of this target's. All that the code under test raises becomes an outcome.
    """
    if pipeline is None:
        pipeline = case.pipelines.get(target.name) or target.pipelines()[0]
    inputs = kernel_inputs(case)
    seconds: dict[str, float] = {}
    started = time.perf_counter()
    phase = "compile"
    results: list[tuple[TensorValue, ...]] = []
    try:
        if isinstance(case, TVMScriptCase):
            executable = target.compile_script(case.script, pipeline)
        else:
            executable = target.compile(case.function, pipeline)
        seconds[phase] = time.perf_counter() - started
        phase = "run"
        for _ in range(max(1, repeats)):
            guarded = [GuardedArray(one, array) for one, array in zip(case.function.parameters, inputs)]
            executable([one.array for one in guarded])
            for one in guarded:
                one.check()
            results.append(tuple([_value(one.array) for one in guarded if one.role != "in"]))
    except BaseException as error:
        seconds["total"] = time.perf_counter() - started
        outcome = _failed(target, error, f"{phase}-error", seconds)
        return replace(outcome, facts={"stable": False}) if results else outcome
    seconds["total"] = time.perf_counter() - started
    seconds[phase] = seconds["total"] - seconds["compile"]
    facts: dict[str, Any] = {"names": [one.name for one in guarded if one.role != "in"]}
    if repeats > 1:
        facts["stable"] = all(result == results[0] for result in results)
    return Outcome("values", results[0], seconds=seconds, facts=facts)


def _value(array: np.ndarray) -> TensorValue:
    # ml_dtypes calls its type bfloat16 too.
    return TensorValue(array.dtype.name, array.shape, np.ascontiguousarray(array).tobytes())


def _failed(target: KernelTarget, error: BaseException, kind: str, seconds: dict[str, float]) -> Outcome:
    if isinstance(error, MisfoldError):
        raise error
    if isinstance(error, SystemExit | KeyboardInterrupt):
        kind = "crash"
    elif isinstance(error, MemoryStamped):
        kind = "stamped"
    elif isinstance(error, Unsupported) or target.is_rejection(error):
        kind = "rejected"
    failure = failure_of(error)
    if reason := next((text for text in _DISK_FULL if text in failure.message or text in failure.traceback), None):
        raise TargetError(f"{target.name} cannot write its files: {reason}") from error
    return Outcome(kind, failure=failure, seconds=seconds)


def serve(request: dict[str, Any]) -> dict[str, Any]:
    """The service: ``run_kernel`` for data.

    The request has ``target`` (a name), ``case`` (a case file's text), and optionally ``pipeline`` (as of
    ``Pipeline.to_data``) and ``repeats``. The answer has ``outcome``, as of ``Outcome.pack``.

    Raises:
        MisfoldError: there is no such target, or the request cannot be run.
    """
    name = request["target"]
    target = _settled.get(name)
    if target is None:
        target = _warm.get(name) or registry.get(name)
        target.settle(os.getcwd())
        _settled[name] = target
    data = request.get("pipeline")
    case = parse_any_kernel(request["case"])
    pipeline = None if data is None else Pipeline.from_data(data)
    return {"outcome": run_kernel(target, case, pipeline, request.get("repeats", 1)).pack()}


def warm_up() -> None:
    """Warm up the targets that ``MISFOLD_KERNEL_TARGETS`` names; called once in a fork server, before it forks.

    Raises:
        TargetError: a target is unknown, is not installed, or fails to warm up.
    """
    for name in filter(None, os.environ.get(TARGETS, "").split(",")):
        target = registry.get(name)
        if reason := target.missing():
            raise TargetError(f"kernel target {name} cannot run here: {reason}")
        try:
            target.warm_up()
        except Exception as error:  # whatever the libraries under it raise
            raise TargetError(f"kernel target {name} failed to warm up: {failure_of(error).message}") from error
        _warm[name] = target


def script(request: dict[str, Any]) -> dict[str, Any]:
    """A service: ``source`` is the target's ``script`` of a case; the request is as for ``serve``."""
    target = _warm.get(request["target"]) or registry.get(request["target"])
    pipeline = Pipeline.from_data(request["pipeline"])
    case = parse_any_kernel(request["case"])
    return {"source": target.script(case, pipeline, request.get("exact", False))}
