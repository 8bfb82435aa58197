"""Compilers that get their programs through ``torch.export``: whether the exported program is wrong already."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from misfold.targets.outcome import TensorValue

SERVICE = "misfold.triage.localise.exported:serve"
#: The stage: everything up to the ExportedProgram, functionalisation and decompositions included, is PyTorch's.
STAGE = "torch.export"
# Three digits: what decides between two parts is a failure that was reported as one, not a rounding.
_TOLERANCE = 1e-3


def agree(expected: Iterable[TensorValue], found: Iterable[np.ndarray]) -> bool:
    """Whether arrays are what eager gave: of its types and shapes, and in three digits."""
    for value, other in zip(expected, found):
        array = value.array()
        if not alike(array, other):
            return False
        wide = array.astype(np.float64), np.asarray(other).astype(np.float64)
        if not np.allclose(*wide, rtol=_TOLERANCE, atol=_TOLERANCE, equal_nan=True):
            return False
    return True


def alike(array: np.ndarray, other: np.ndarray) -> bool:
    """Whether two arrays have one shape and one element type."""
    return array.shape == other.shape and array.dtype == other.dtype


def serve(request: dict[str, Any]) -> dict[str, Any]:
    """``{"case", "types"}`` to ``{"stage"}``: ``torch.export`` if the exported program, run by PyTorch, differs from
    eager; with ``types``, if it does in shapes or element types.

    Outputs count, and what is left in the inputs; '' if neither differs, or it cannot be run.
    """
    import torch

    from misfold.programs.case import parse_case
    from misfold.targets.eager import Eager
    from misfold.targets.exporting import export
    from misfold.targets.functional import functional
    from misfold.targets.running import run_case
    from misfold.targets.torch_values import make_inputs, to_value

    case = parse_case(request["case"])
    eager = run_case(Eager(), case)
    inputs = [tensor.detach() for tensor in make_inputs(case)]
    before = [tensor.clone() for tensor in inputs]
    program = functional(case.graph)
    try:
        with torch.no_grad():
            exported = export(program.function, inputs).module()
            outputs = program.finish(exported(*inputs), inputs)
    except Exception:  # whatever an exported program raises: then it is not what is asked here
        return {"stage": ""}
    left = [
        (value, tensor) if value is not None else (to_value(start), tensor)
        for value, start, tensor in zip(eager.mutated, before, inputs)
    ]
    pairs = [(value, to_value(tensor).array()) for value, tensor in (*zip(eager.values, outputs), *left)]
    if request["types"]:
        fine = all(alike(value.array(), other) for value, other in pairs)
    else:
        fine = agree((value for value, _ in pairs), (other for _, other in pairs))
    return {"stage": "" if fine else STAGE}
