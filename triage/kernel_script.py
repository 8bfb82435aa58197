"""Standalone reproducers of kernels: one file that compiles a kernel, runs it on stated memory, and judges itself."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence

import numpy as np

from misfold.compiler.loops.ir import Buffer
from misfold.programs.kernel import KernelCase, kernel_inputs
from misfold.programs.kernel_arrays import element_strides, span

from . import kernel_standalone


def export_kernel_script(
    case: KernelCase, target: str, source: str, heading: str, expected: Mapping[str, np.ndarray]
) -> str:
    """A script that compiles the kernel by ``compile_kernel`` (``source``), runs it, and compares each element.

    Exit status: 1 if the target fails, 0 if not. ``expected`` are the final contents of exact output buffers by name,
    as the loop IR's interpreter gives them; buffers that are not in it are not compared.
    """
    rows = []
    for parameter, array in zip(case.function.parameters, kernel_inputs(case)):
        buffer = parameter.buffer
        memory, places = in_memory(buffer, array)
        final = expected.get(buffer.name)
        after = None if final is None or parameter.role == "in" else list(zip(places, _plain(final)))
        shape = buffer.shape if buffer.strides is None else (len(memory),)
        rows.append(f"    ({buffer.name!r}, {array.dtype.name!r}, {shape!r}, {memory!r}, {after!r}),\n")
    quoted = heading.replace("\\", "\\\\").replace('"""', "'''")
    parts = "\n\n".join(
        inspect.getsource(one)
        for one in (kernel_standalone.memory_of, kernel_standalone.run_and_compare, kernel_standalone.main)
    )
    return f'''"""{quoted}

Run it: exit status 1 means that it fails, 0 that it does not.
"""

import os
import subprocess
import sys

import numpy as np

TARGET = {target!r}
# Seconds after which the compiler, or what it made, counts as hanging.
LIMIT = {kernel_standalone.LIMIT}
{source}
# name, element type, shape of what is passed, memory before, and (place, value) of each element afterwards
PARAMETERS = [
{"".join(rows)}]


{parts}

if __name__ == "__main__":
    main()
'''


def in_memory(buffer: Buffer, array: np.ndarray) -> tuple[list[object], list[int]]:
    """A buffer's memory as plain numbers (bfloat16 by its bits), and where in it each element lies, row-major."""
    elements, first = span(buffer)
    grid = np.indices(buffer.shape).reshape(buffer.rank, -1) if buffer.rank else np.zeros((0, 1), np.int64)
    places = (first + np.array(element_strides(buffer), np.int64) @ grid).tolist() if elements else []
    memory: list[object] = [0] * max(elements, 1)
    for place, value in zip(places, _plain(array)):
        memory[place] = value
    return memory, places


def _plain(array: np.ndarray) -> Sequence[object]:
    if array.dtype.name == "bfloat16":
        array = np.ascontiguousarray(array).view(np.uint16)
    # As text where repr would not read back: nan and infinities.
    return [repr(x) if isinstance(x, float) and not np.isfinite(x) else x for x in np.ravel(array).tolist()]
