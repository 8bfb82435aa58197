"""Arrays to run a random program on: small whole floats, as ``Options.exact`` promises."""

from __future__ import annotations

import random as randomness

import numpy as np

from misfold.compiler.loops.ir import Function
from misfold.programs.kernel_arrays import arrays_for


def inputs(function: Function, random: randomness.Random) -> list[np.ndarray]:
    """One array per parameter, with its shape, its element type and its strides: ``kernel_arrays.arrays_for``."""
    return arrays_for(function, random)
