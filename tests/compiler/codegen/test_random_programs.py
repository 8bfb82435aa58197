"""Random programs: compiled code does what the interpreter does, bit by bit."""

from __future__ import annotations

import random

import numpy as np
import pytest

from misfold.compiler.codegen import Options, build
from misfold.compiler.loops.interpret import interpret
from misfold.compiler.loops.ir import Buffer
from misfold.compiler.loops.printer import print_function
from misfold.generators import kernels

from .support import bits

SIZES = kernels.Options(statements=12, work=1500)


def _placed(array: np.ndarray, buffer: Buffer) -> np.ndarray:
    """A copy that lies in memory as the buffer says."""
    if buffer.strides is None:
        return array.copy()
    reach = sum((size - 1) * stride for size, stride in zip(buffer.shape, buffer.strides) if size)
    memory = np.zeros(max(reach, 0) + 1, array.dtype)
    result = np.lib.stride_tricks.as_strided(memory, buffer.shape, [one * array.itemsize for one in buffer.strides])
    result[...] = array
    return result


def _check(seed: int, options: Options, sizes: kernels.Options = SIZES) -> None:
    rng = random.Random(seed)
    function = kernels.generate(rng, sizes)
    inputs = kernels.inputs(function, rng)
    expected = [one.copy() for one in inputs]
    interpret(function, expected, watch=False)
    got = [_placed(one, parameter.buffer) for one, parameter in zip(inputs, function.parameters)]
    build(function, options)(*got)
    approximate = kernels.approximate(function)
    for parameter, want, found in zip(function.parameters, expected, got):
        if parameter.buffer.name not in approximate:
            same = bits(want.copy()) == bits(found.copy())
            assert np.all(same), f"seed {seed}, {options}: {parameter.buffer.name}\n{print_function(function)}"


@pytest.mark.parametrize("seed", range(60))
def test_compiled_is_interpreted(seed: int) -> None:
    _check(seed, Options(vector_bits=(0, 256)[seed % 2]))


@pytest.mark.parametrize("seed", range(100, 140))
def test_checked_and_threaded(seed: int) -> None:
    _check(seed, Options(bounds_checked=True, threads=2))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1000, 3000))
def test_many(seed: int) -> None:
    options = random.Random(seed)
    _check(
        seed,
        Options(
            level=options.choice([0, 1, 1, 2, 3]),
            vector_bits=options.choice([0, 256, 512]),
            contract=options.random() < 0.5,
            bounds_checked=options.random() < 0.5,
            threads=options.choice([1, 2, 3]),
        ),
        kernels.Options(),
    )
