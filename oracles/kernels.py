"""The verdict on what a target did with a kernel: the loop IR's interpreter says what is right, bit by bit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from misfold.compiler.arrays import numpy_dtype
from misfold.compiler.errors import AssertionFailed, UndefinedBehaviour
from misfold.compiler.loops.approximation import approximate
from misfold.compiler.loops.interpret import interpret
from misfold.compiler.loops.ir import Binary, Cast, Function, Unary
from misfold.compiler.loops.operators import BINARY
from misfold.compiler.loops.visit import all_expressions
from misfold.programs.kernel import KernelCase, kernel_inputs
from misfold.programs.kernel_tvmscript import TVMScriptCase
from misfold.programs.pipeline import Pipeline
from misfold.targets.outcome import FAILURES, Failure, Outcome, TensorValue

from .judge import MEMORY, ORACLES
from .verdict import Verdict

#: What approximate functions may be off by, of the largest magnitude, before that is no rounding any more: they are
#: right to a few ULP, but some come of long chains.
_FAR = {"float16": 2.0**-5, "bfloat16": 2.0**-3, "float32": 2.0**-12, "float64": 2.0**-12}


@dataclass(frozen=True)
class Expected:
    """What a kernel gives.

    ``values`` are the final contents of its ``out`` and ``inout`` buffers by name, ``approximate`` those of them that
    are right to a few ULP only. ``overflow`` are the places at which integer arithmetic wrapped around. ``invalid``
    says why nothing is expected (undefined behaviour), ``fails`` which assert does not hold.
    """

    values: Mapping[str, np.ndarray] = field(default_factory=dict)
    approximate: frozenset[str] = frozenset()
    overflow: tuple[str, ...] = ()
    invalid: str | None = None
    fails: str | None = None
    #: Whether a small change of a float may make a large one (``discrete``).
    steps: bool = False


def expect(case: KernelCase) -> Expected:
    """Interpret a kernel on its inputs."""
    arrays = kernel_inputs(case)
    overflow: list[str] = []
    rounding: list[str] = []
    try:
        interpret(case.function, arrays, overflow=overflow, rounding=rounding)
    except UndefinedBehaviour as error:
        return Expected(invalid=str(error), overflow=tuple(overflow))
    except AssertionFailed as error:
        return Expected(fails=str(error), overflow=tuple(overflow))
    named = zip(case.function.parameters, arrays)
    values = {one.buffer.name: array for one, array in named if one.role != "in"}
    # Where sums or products are not exact, a compiler may fuse or reorder them, and get other bits.
    return Expected(
        values, approximate(case.function, rounded=bool(rounding)), tuple(overflow), steps=discrete(case.function)
    )


def unmet_passes(target: Any, case: Any, pipeline: Pipeline, outcome: Outcome) -> Verdict | None:
    """``undecided`` where a pass ran without what it needs, which makes whatever came of it nobody's fault; else None.

    Args:
        target: the kernel target, which knows what its passes need.
        case: a kernel; one of TVMScript begins where more has been done already.
        pipeline, outcome: what it was compiled with, and what came of it.
    """
    if pipeline.passes is None or outcome.kind == "rejected":
        return None
    blocks = isinstance(case, TVMScriptCase) or bool(pipeline.options.get("blocks", False))
    unmet = target.unmet([name for name, _ in pipeline.passes], blocks)
    return None if unmet is None else Verdict("undecided", "passes", unmet)


def judge_kernel(case: KernelCase, expected: Expected, outcome: Outcome, *, exact_overflow: bool) -> Verdict:
    """Judge what a target did with a kernel.

    Args:
        case: the case.
        expected: what ``expect`` says of it.
        outcome: what the target did.
        exact_overflow: whether the target defines integer arithmetic that overflows (``KernelTarget.wraps``).
    """
    if expected.invalid is not None:
        return Verdict("undecided", "kernel", f"the kernel is undefined: {expected.invalid}"[:300])
    if outcome.kind == "rejected":
        return Verdict("ok", "rejected", f"not supported: {outcome.failure.message if outcome.failure else ''}"[:300])
    overflow = bool(expected.overflow) and not exact_overflow
    if outcome.kind in FAILURES:
        return _failed(expected, outcome, overflow)
    if expected.fails is not None:
        if overflow:
            return _overflowing(expected, "run")
        return Verdict("proved", "run", f"an assert that does not hold went unnoticed: {expected.fails}"[:300])
    if found := _structure(case, outcome):
        return found
    if outcome.facts.get("stable") is False:
        if overflow:
            return _overflowing(expected, "nondeterminism")
        return Verdict("proved", "nondeterminism", "the target differs from run to run on the same inputs")
    notes: list[str] = []
    for name, value in zip(expected.values, outcome.values):
        difference = _difference(name, expected.values[name], value, name in expected.approximate)
        if difference is None:
            continue
        if overflow:
            return _overflowing(expected, "values")
        if name not in expected.approximate:
            return Verdict("proved", "values", difference, name)
        notes.append(difference)
    if notes and expected.steps:
        why = "an approximate value decides something, which may come out either way"
        return Verdict("undecided", "values", "\n".join([why, *notes[:3]]))
    if notes:
        return Verdict("suspect", "values", "\n".join(notes[:3]))
    if expected.values and set(expected.values) == expected.approximate:
        return Verdict("undecided", "values", "all outputs are approximate, and close to what is expected")
    return Verdict("ok", "values")


_STEPPED = ("floordiv", "floormod", "truncmod", "copysign")


def discrete(function: Function) -> bool:
    """Whether a small change of a float may make a large one: comparisons, roundings to integers, casts from floats."""
    for node in all_expressions(function.body):
        match node:
            case Binary(op, left, _) if left.dtype.is_float and (BINARY[op].compares or op in _STEPPED):
                return True
            case Unary(op, operand) if operand.dtype.is_float and op in ("floor", "ceil", "trunc", "round"):
                return True
            case Cast(dtype, operand) if operand.dtype.is_float and not dtype.is_float:
                return True
    return False


def _overflowing(expected: Expected, oracle: str) -> Verdict:
    place = expected.overflow[0]
    return Verdict("undecided", oracle, f"integer arithmetic overflows, undefined for the target: {place}"[:300])


def _failed(expected: Expected, outcome: Outcome, overflow: bool) -> Verdict:
    failure = outcome.failure or Failure(outcome.kind, "")
    oracle = ORACLES[outcome.kind]
    if expected.fails is not None and outcome.kind == "run-error":
        return Verdict("ok", "run", "an assert does not hold, as expected")
    lines = [line[:300] for line in f"{failure.type}: {failure.message}".strip().splitlines() if line.strip()][:3]
    if outcome.kind != "stamped" and (MEMORY.search(failure.type) or MEMORY.search(failure.message)):
        return Verdict("undecided", oracle, "\n".join(["the memory limit was reached", *lines[:2]]))
    # What runs may go anywhere after an overflow; the compiler itself may not fall over.
    running = outcome.kind in ("run-error", "stamped") or "compile" in outcome.seconds
    if overflow and running:
        return _overflowing(expected, oracle)
    return Verdict("proved", oracle, "\n".join(lines))


def _structure(case: KernelCase, outcome: Outcome) -> Verdict | None:
    wanted = [one.buffer for one in case.function.parameters if one.role != "in"]
    if len(wanted) != len(outcome.values):
        return Verdict("proved", "outputs", f"{len(outcome.values)} outputs instead of {len(wanted)}")
    for buffer, value in zip(wanted, outcome.values):
        if (numpy_dtype(buffer.dtype).name, buffer.shape) != (value.dtype, tuple(value.shape)):
            return Verdict("proved", "shape", f"{buffer.name} is {value.dtype}{list(value.shape)}", buffer.name)
    return None


def _difference(name: str, expected: np.ndarray, value: TensorValue, approximate: bool) -> str | None:
    """How a buffer differs, or None; zeros of both signs are equal, and so are all NaNs."""
    found = value.array()
    if expected.dtype.kind in "biu":
        wrong = expected != found
    else:
        a, b = expected.astype(np.float64), found.astype(np.float64)
        wrong = ~((a == b) | (np.isnan(a) & np.isnan(b)))
        if approximate:
            finite = np.isfinite(a) & np.isfinite(b)
            scale = max(float(np.abs(a[finite]).max(initial=0.0)), 1.0)
            with np.errstate(invalid="ignore", over="ignore"):
                # A result that is not finite on one side may just have passed the edge of the type.
                wrong &= finite & (np.abs(a - b) > _FAR[value.dtype] * scale)
    if not wrong.any():
        return None
    place = tuple(int(index) for index in np.argwhere(wrong)[0])
    where = f"{name}[{', '.join(map(str, place))}]"
    return f"{int(wrong.sum())} of {wrong.size} elements differ; {where} is {found[place]}, must be {expected[place]}"
