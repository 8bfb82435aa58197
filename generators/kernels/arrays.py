"""Arrays to run a random program on."""

from __future__ import annotations

import random as randomness
from typing import Any

import numpy as np

from misfold.compiler.arrays import numpy_dtype
from misfold.compiler.dtypes import DType
from misfold.compiler.loops.ir import Buffer, Function

#: The largest magnitude of a float.
LARGEST = 8


def inputs(function: Function, random: randomness.Random) -> list[np.ndarray]:
    """One array per parameter, with its shape, its element type and its strides.

    Floats are small whole numbers, as ``Options.exact`` promises; integers are small, or now and then any. Outputs are
    filled with a pattern, and so is what lies between the elements of strided arrays.
    """
    return [_array(parameter.buffer, random if parameter.role != "out" else None) for parameter in function.parameters]


def _array(buffer: Buffer, random: randomness.Random | None) -> np.ndarray:
    dtype = numpy_dtype(buffer.dtype)
    strides = buffer.strides if buffer.strides is not None else _row_major(buffer.shape)
    extent = 1 + sum([stride * (size - 1) for stride, size in zip(strides, buffer.shape) if size > 0])
    memory = np.array([_pattern(position, buffer.dtype) for position in range(extent)]).astype(dtype)
    array = np.lib.stride_tricks.as_strided(memory, buffer.shape, [stride * dtype.itemsize for stride in strides])
    if random is not None:
        edges = random.random() < 0.3
        values = [_value(buffer.dtype, random, edges) for _ in range(buffer.elements)]
        array[...] = np.array(values, np.float64 if buffer.dtype.is_float else dtype).reshape(buffer.shape)
    return array


def _row_major(shape: tuple[int, ...]) -> list[int]:
    strides, reach = [], 1
    for size in reversed(shape):
        strides.append(reach)
        reach *= max(size, 1)
    return strides[::-1]


def _pattern(position: int, dtype: DType) -> int:
    return position % 2 if dtype.is_bool else position % 7 + 1


def _value(dtype: DType, random: randomness.Random, edges: bool) -> Any:
    if dtype.is_bool:
        return random.random() < 0.5
    if dtype.is_float:
        return float(random.randint(-LARGEST, LARGEST))
    low, high = int(dtype.min), int(dtype.max)
    if edges and random.random() < 0.3:
        return random.choice([low, low + 1, high, random.randint(low, high)])
    return random.randint(max(low, -9), 9)
