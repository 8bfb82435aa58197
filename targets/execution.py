"""Runs a target on a case in this process and turns whatever the code under test does into an Outcome."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import torch

from misfold.programs.case import Case, parse_case
from misfold.programs.dtypes import DTYPES
from misfold.programs.errors import MisfoldError, TargetError
from misfold.programs.pipeline import Pipeline

from .failures import failure_of
from .outcome import Outcome, TensorValue
from .protocol import MemoryStamped, Target, Unsupported
from .torch_values import gradients, make_inputs, storage_names, to_function, to_value

#: Cap on the bytes of a case's outputs, and likewise of its gradients. Programs of a campaign stay far below; a target
#: that returns gigabytes is wrong about a shape.
MAX_BYTES = 64 * 2**20


#: A full disk is no fault of the code under test, and would look like a new bug in every place that writes a file.
_DISK_FULL = (os.strerror(errno.ENOSPC), os.strerror(errno.EDQUOT))
_SMALL = """# misfold case, version 1

def program(x0: "float32[2]"):
    v0 = torch.mul(x0, 2.0)
    return (v0,)

INPUTS = {"x0": {"draw": "normal", "seed": 1, "requires_grad": True}}
"""


class BadOutput(Exception):
    """What a target returned cannot be the program's outputs."""


@dataclass
class _Clock:
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def measure(self, phase: str) -> Iterator[None]:
        """Add the time of the block to ``phase`` and to ``total``, whether it fails or not."""
        started = time.perf_counter()
        try:
            yield
        finally:
            spent = time.perf_counter() - started
            for key in (phase, "total"):
                self.seconds[key] = self.seconds.get(key, 0.0) + spent


@dataclass(frozen=True)
class _Result:
    """Values, gradients and inputs after one run."""

    values: tuple[TensorValue, ...]
    gradients: tuple[TensorValue | None, ...]
    mutated: tuple[TensorValue | None, ...]

    def named(self) -> dict[str, TensorValue | None]:
        """By the names that verdicts use: ``out0``, ``grad0``, ``x0``, …"""
        parts = (("out", self.values), ("grad", self.gradients), ("x", self.mutated))
        return {f"{prefix}{index}": value for prefix, values in parts for index, value in enumerate(values)}


def execute(
    target: Target,
    case: Case,
    pipeline: Pipeline | None = None,
    repeats: int = 1,
    inputs: Sequence[torch.Tensor] | None = None,
) -> Outcome:
    """See ``running.run_case``."""
    if pipeline is None:
        pipeline = case.pipelines.get(target.name) or target.pipelines()[0]
    backward = case.gradient and target.gradients
    clock = _Clock()
    inputs = make_inputs(case) if inputs is None else inputs
    if not backward:
        inputs = [tensor.detach() for tensor in inputs]
    try:
        # Compilers may run the program on these inputs, and so write to them.
        sample = [copy_of(tensor) for tensor in inputs]
        with clock.measure("compile"):
            executable = target.compile(case.graph, sample, pipeline)
    except BaseException as error:
        return _failed(target, error, "compile-error", clock)
    results: list[_Result] = []
    try:
        for _ in range(max(1, repeats)):
            results.append(_run(target, executable, inputs, backward, clock))
    except BaseException as error:
        outcome = _failed(target, error, "run-error", clock)
        return replace(outcome, facts={"stable": False}) if results else outcome
    first = results[0]
    facts = _stability(results) if repeats > 1 else {}
    return Outcome("values", first.values, first.gradients, first.mutated, None, clock.seconds, facts)


def warm_up() -> None:
    """Do once what the first case of every process would pay for.

    torch imports a second's worth at its first backward pass, numpy its generators when they are first asked for.
    """
    case = parse_case(_SMALL)
    inputs = make_inputs(case)
    outputs = to_function(case.graph)(*inputs)
    for tensor in (*outputs, *gradients(outputs, inputs)):
        if tensor is not None:
            to_value(tensor)


def copy_of(tensor: torch.Tensor) -> torch.Tensor:
    """The same tensor in memory of its own: same strides, offset, overlap and ``requires_grad``, and again a leaf."""
    storage = tensor.untyped_storage().clone()
    copy = torch.empty(0, dtype=tensor.dtype)
    copy.set_(storage, tensor.storage_offset(), tensor.shape, tensor.stride())
    return copy.requires_grad_(tensor.requires_grad)


def _run(
    target: Target,
    executable: Callable[[Sequence[Any]], Sequence[Any]],
    pristine: Sequence[torch.Tensor],
    backward: bool,
    clock: _Clock,
) -> _Result:
    inputs = [copy_of(tensor) for tensor in pristine]
    # A target may put others into the list; the caller's tensors are these.
    mine = list(inputs)
    # Not torch.manual_seed: it queues a call with a whole stack trace for every kind of device that is not there.
    torch.default_generator.manual_seed(0)
    with clock.measure("run"):
        outputs = executable(inputs)
    _check(outputs)
    slopes: list[torch.Tensor | None] = []
    if backward:
        with clock.measure("run"):
            slopes = gradients(outputs, mine)
        _check([slope for slope in slopes if slope is not None])
    # Only now: a backward pass that destroys the outputs is wrong.
    aliases = storage_names(mine, outputs) if target.aliases else [None] * len(outputs)
    return _Result(
        tuple(to_value(output, alias) for output, alias in zip(outputs, aliases, strict=True)),
        tuple(None if slope is None else to_value(slope) for slope in slopes),
        tuple(to_value(new) if _changed(old, new) else None for old, new in zip(pristine, mine, strict=True)),
    )


def _check(tensors: Any) -> None:
    if not isinstance(tensors, list | tuple):
        raise BadOutput(f"a {type(tensors).__name__} in place of a sequence of tensors")
    total = 0
    for index, tensor in enumerate(tensors):
        if not isinstance(tensor, torch.Tensor):
            raise BadOutput(f"output {index} is a {type(tensor).__name__}, not a tensor")
        dtype = str(tensor.dtype).removeprefix("torch.")
        if dtype not in DTYPES or tensor.layout is not torch.strided:
            raise BadOutput(f"output {index} is a tensor of type {dtype} and layout {tensor.layout}")
        total += tensor.numel() * tensor.element_size()
    if total > MAX_BYTES:
        raise BadOutput(f"outputs of {total} bytes; at most {MAX_BYTES} are kept")


def _changed(before: torch.Tensor, after: torch.Tensor) -> bool:
    """Whether a tensor's elements (bit for bit), shape or strides differ."""
    if before.shape != after.shape or before.stride() != after.stride() or before.dtype != after.dtype:
        return True
    return not torch.equal(_bytes(before), _bytes(after))


def _bytes(tensor: torch.Tensor) -> torch.Tensor:
    return torch.empty(0, dtype=torch.uint8).set_(tensor.untyped_storage())  # type: ignore[call-overload]


def _stability(results: Sequence[_Result]) -> dict[str, Any]:
    named = [result.named() for result in results]
    unstable: dict[str, Any] = {}
    for name in dict.fromkeys(key for result in named for key in result):
        seen: list[TensorValue | None] = []
        for result in named:
            value = result.get(name)
            if value not in seen:
                seen.append(value)
        if len(seen) > 1:
            unstable[name] = [None if value is None else asdict(value) for value in seen]
    return {"stable": False, "unstable": unstable} if unstable else {"stable": True}


def _failed(target: Target, error: BaseException, kind: str, clock: _Clock) -> Outcome:
    if isinstance(error, MisfoldError):
        raise error
    if isinstance(error, SystemExit | KeyboardInterrupt):
        kind = "crash"
    elif isinstance(error, MemoryStamped):
        kind = "stamped"
    elif isinstance(error, Unsupported) or _is_rejection(target, error):
        kind = "rejected"
    failure = failure_of(error)
    # Compilers and linkers say it in the text of whatever they raise.
    if reason := next((text for text in _DISK_FULL if text in failure.message or text in failure.traceback), None):
        raise TargetError(f"{target.name} cannot write its files: {reason}") from error
    return Outcome(kind, failure=failure, seconds=clock.seconds)


def _is_rejection(target: Target, error: BaseException) -> bool:
    try:
        return bool(target.is_rejection(error))
    except Exception:  # a target that stumbles over an odd exception did not recognise it
        return False
