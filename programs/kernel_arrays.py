"""Arrays to run a kernel on."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np

from misfold.compiler.arrays import numpy_dtype
from misfold.compiler.dtypes import DType
from misfold.compiler.loops.ir import Buffer, Function

#: The largest magnitude of a float.
LARGEST = 8


def arrays_for(function: Function, random: Random) -> list[np.ndarray]:
    """One array per parameter, with its shape, its element type and its strides.

    Floats are small whole numbers; integers are small, or now and then any. Outputs are filled with a pattern, and so
    is what lies between the elements of strided arrays.
    """
    return [_array(one.buffer, random if one.role != "out" else None) for one in function.parameters]


def element_strides(buffer: Buffer) -> tuple[int, ...]:
    """A buffer's strides in elements, also where they are not stated."""
    if buffer.strides is not None:
        return buffer.strides
    strides, reach = [], 1
    for size in reversed(buffer.shape):
        strides.append(reach)
        reach *= max(size, 1)
    return tuple(strides[::-1])


def span(buffer: Buffer) -> tuple[int, int]:
    """How many elements of memory a buffer takes, and the position of its first element in them."""
    if buffer.elements == 0:
        return 0, 0
    reaches = [stride * (size - 1) for stride, size in zip(element_strides(buffer), buffer.shape)]
    before = -sum([reach for reach in reaches if reach < 0])
    return 1 + before + sum([reach for reach in reaches if reach > 0]), before


def laid_out(buffer: Buffer, memory: np.ndarray) -> np.ndarray:
    """The array that a buffer is in memory of its element type, of ``span`` elements or more."""
    strides = [stride * memory.itemsize for stride in element_strides(buffer)]
    return np.lib.stride_tricks.as_strided(memory[span(buffer)[1] :], buffer.shape, strides)


def _array(buffer: Buffer, random: Random | None) -> np.ndarray:
    dtype = numpy_dtype(buffer.dtype)
    extent = max(span(buffer)[0], 1)
    memory = np.array([_pattern(position, buffer.dtype) for position in range(extent)]).astype(dtype)
    array = laid_out(buffer, memory)
    if random is not None:
        edges = random.random() < 0.3
        values = [_value(buffer.dtype, random, edges) for _ in range(buffer.elements)]
        array[...] = np.array(values, np.float64 if buffer.dtype.is_float else dtype).reshape(buffer.shape)
    return array


def _pattern(position: int, dtype: DType) -> int:
    return position % 2 if dtype.is_bool else position % 7 + 1


def _value(dtype: DType, random: Random, edges: bool) -> Any:
    if dtype.is_bool:
        return random.random() < 0.5
    if dtype.is_float:
        return float(random.randint(-LARGEST, LARGEST))
    low, high = int(dtype.min), int(dtype.max)
    if edges and random.random() < 0.3:
        return random.choice([low, low + 1, high, random.randint(low, high)])
    return random.randint(max(low, -9), 9)
