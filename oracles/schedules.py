"""Schedules must not change what a function computes: interpreted before and after each primitive.

Needs TVM, whose schedules they are; nothing is compiled. So what differs is the primitive's doing and no pass's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from misfold.programs.kernel import KernelCase
from misfold.programs.kernel_bounds import check_kernel
from misfold.programs.kernel_tvmscript import TVMScriptCase

from .kernels import Expected, expect
from .tvmscript import BOUNDS


@dataclass(frozen=True)
class Changed:
    """``position`` is that of the primitive ``name`` among those that were applied; ``difference`` says what it
    changed."""

    position: int
    name: str
    difference: str


def changed_by(case: TVMScriptCase, steps: Sequence[tuple[str, int]]) -> Changed | None:
    """The first primitive that changes what a case computes, None if none does.

    Primitives that TVM refuses here end the search; what a later one makes good is not looked for. What is undefined or
    approximate before decides nothing.

    Raises:
        Unreadable: the case has something that the loop IR does not.
        BoundError: it is too large.
    """
    from misfold.targets.kernels.tirx_reader import Unreadable
    from misfold.targets.kernels.tvm import parse_script
    from misfold.targets.kernels.tvm_schedules import apply

    functions = [parse_script(case.script)]
    for name, seed in steps:
        try:
            functions.append(apply(functions[-1], name, seed))
        except Exception:  # TVM says in many ways that a primitive does not apply
            break
    before = _interpreted(case, functions[0])
    try:
        # Mostly all is well, which the last one says.
        if difference(before, _interpreted(case, functions[-1])) is None:
            return None
    except Unreadable:
        pass
    for position, function in enumerate(functions[1:]):
        try:
            found = difference(before, _interpreted(case, function))
        except Unreadable:
            # Some primitives bring what the loop IR does not have; the next may take it away again.
            continue
        if found is not None:
            return Changed(position, steps[position][0], found)
    return None


def _interpreted(case: TVMScriptCase, function: Any) -> Expected:
    from misfold.targets.kernels.tirx_reader import read_function

    made = read_function(function, case.parameters)
    check_kernel(made, BOUNDS)
    return expect(KernelCase(made, case.seed))


def difference(before: Expected, after: Expected) -> str | None:
    """What is another value after a primitive; None: nothing, or nothing that is decided."""
    if before.invalid is not None or before.fails is not None or before.overflow:
        return None
    if after.invalid is not None:
        return f"it is undefined afterwards: {after.invalid}"
    if after.fails is not None:
        return f"afterwards it fails: {after.fails}"
    for name, left in before.values.items():
        if name in before.approximate or name in after.approximate or name not in after.values:
            continue
        right = after.values[name]
        wrong = left != right
        if left.dtype.kind not in "biu":
            wrong &= ~(np.isnan(left.astype(np.float64)) & np.isnan(right.astype(np.float64)))
        if wrong.any():
            place = tuple(int(index) for index in np.argwhere(wrong)[0])
            where = f"{name}[{', '.join(map(str, place))}]"
            return (
                f"{int(wrong.sum())} of {wrong.size} elements differ; {where} is {right[place]} afterwards, "
                f"{left[place]} before"
            )
    return None
