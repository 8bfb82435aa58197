"""The reference interpreter of the loop IR: slow, exact, and it finds everything that is undefined."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from misfold.compiler.arrays import numpy_dtype

from .evaluating import Scope
from .executing import running
from .ir import Function, Parameter


def interpret(
    function: Function,
    arrays: Sequence[np.ndarray],
    *,
    watch: bool = True,
    overflow: list[str] | None = None,
    rounding: list[str] | None = None,
) -> None:
    """Run a verified function on one array per parameter; ``out`` and ``inout`` arrays are written at the end.

    Arrays have their buffer's shape and element type; how they lie in memory does not matter. With ``watch`` off,
    uninitialised reads and data races go unnoticed (uninitialised elements of local buffers are zero), which takes
    less time. The places at which an integer operation wrapped around are added to ``overflow``, those at which a sum
    or product of floats was not exact to ``rounding``. Elements of an ``out`` array that the function does not write
    stay as they are.

    Raises:
        UndefinedBehaviour: the function met something undefined; no array is changed.
        AssertionFailed: an assert does not hold; no array is changed.
        ValueError: an array does not fit its parameter.
    """
    if len(arrays) != len(function.parameters):
        raise ValueError(f"{function.name} takes {len(function.parameters)} arrays, not {len(arrays)}")
    scope = Scope(watch, overflow=overflow, rounding=rounding)
    for parameter, array in zip(function.parameters, arrays):
        _check(parameter, array)
        name = parameter.buffer.name
        scope.outside[name] = 0
        if parameter.role == "in":
            scope.inputs.add(name)
        unwritten = watch and parameter.role == "out"
        scope.data[name] = [None] * parameter.buffer.elements if unwritten else _elements(parameter, array)
    for run in running(function.body, scope, function.name):
        run()
    for parameter, array in zip(function.parameters, arrays):
        if parameter.role != "in":
            _write(array, scope.data[parameter.buffer.name])


def _check(parameter: Parameter, array: np.ndarray) -> None:
    buffer = parameter.buffer
    wanted = numpy_dtype(buffer.dtype)
    if array.shape != buffer.shape or array.dtype != wanted:
        found = f"{array.dtype} of shape {array.shape}"
        raise ValueError(f"{buffer.name} is an array of {wanted} of shape {buffer.shape}, not of {found}")


def _elements(parameter: Parameter, array: np.ndarray) -> list[Any]:
    dtype = parameter.buffer.dtype
    # ml_dtypes' bfloat16 gives its own scalars; every f16, bf16 and f32 is a float64.
    return (array.astype(np.float64) if dtype.is_float else array).ravel().tolist()


def _write(array: np.ndarray, values: list[Any]) -> None:
    if None in values:
        kept = array.ravel().tolist()
        values = [old if value is None else value for old, value in zip(kept, values)]
    array[...] = np.array(values, dtype=np.float64 if array.dtype.kind in "fV" else array.dtype).reshape(array.shape)
