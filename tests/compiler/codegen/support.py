"""Programs and values that the tests of code generation share."""

from __future__ import annotations

import random
import struct
from collections.abc import Sequence

import numpy as np

from misfold.compiler.arrays import numpy_dtype
from misfold.compiler.codegen import Compiled, Options, build
from misfold.compiler.dtypes import BOOL, DType
from misfold.compiler.loops.ir import (
    Binary,
    Buffer,
    Expr,
    For,
    Function,
    If,
    Load,
    Parameter,
    Statement,
    Store,
    Var,
    index,
    loop,
)
from misfold.compiler.rounding import round_float

#: The ways in which elementwise code is written.
FORMS = ("scalar", "vectorised", "masked")
LANES = 8


def extremes(dtype: DType) -> list:
    """Values where arithmetic is known to go wrong."""
    if dtype.is_bool:
        return [False, True]
    if dtype.is_integer:
        found = {
            0,
            1,
            2,
            3,
            7,
            dtype.max,
            dtype.max - 1,
            dtype.max // 2,
            dtype.max // 2 + 1,
            dtype.bits,
            dtype.bits - 1,
        }
        if dtype.is_signed:
            found |= {-1, -2, -7, dtype.min, dtype.min + 1, dtype.min // 2}
        return sorted(int(one) for one in found)
    tiny = {"f16": 2.0**-24, "bf16": 2.0**-133, "f32": 2.0**-149, "f64": 2.0**-1074}[dtype.name]
    normal = tiny * 2.0 ** (dtype.precision - 1)
    positive = [0.0, tiny, normal - tiny, normal, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 7.0, dtype.max, float("inf")]
    return [*positive, *(-one for one in positive), float("nan")]


def some(dtype: DType, rng: random.Random) -> int | float | bool:
    """A random value: of any size."""
    if dtype.is_bool:
        return rng.random() < 0.5
    if dtype.is_integer:
        value = rng.getrandbits(rng.randint(1, dtype.bits))
        return (
            value - (1 << dtype.bits)
            if value > dtype.max
            else -value
            if dtype.is_signed and rng.random() < 0.5
            else value
        )
    value = struct.unpack("<d", struct.pack("<Q", rng.getrandbits(64)))[0]
    if dtype.name != "f64" or rng.random() < 0.5:
        value = rng.choice([-1, 1]) * rng.random() * 10.0 ** rng.randint(-3, 3)
    return round_float(value, dtype)


def array(values: Sequence, dtype: DType) -> np.ndarray:
    """An array of values that are exact in their type."""
    if dtype.is_float:
        with np.errstate(all="ignore"):
            return np.array(values, np.float64).astype(numpy_dtype(dtype))
    return np.array(values, numpy_dtype(dtype))


def bits(values: np.ndarray) -> np.ndarray:
    """What equality of results means: equal bits, all NaNs being one."""
    if values.dtype.kind in "fV":
        wide = values.astype(np.float64)
        return np.where(np.isnan(wide), np.float64("nan"), wide).view(np.uint64)
    return values


def elementwise(
    size: int, inputs: Sequence[Buffer], results: Sequence[tuple[Buffer, Expr]], at: Var, form: str, name: str = "f"
) -> Function:
    """``result[at] = expression`` for each result; masked: where an input called ``mask`` holds."""
    assert size % LANES == 0
    outer = Var("outer")
    statements: list[Statement] = [Store(buffer, (at,), value) for buffer, value in results]
    parameters = [Parameter(buffer, "in") for buffer in inputs]
    if form == "masked":
        mask = Buffer("mask", BOOL, (size,))
        parameters.append(Parameter(mask, "in"))
        statements = [If(Load(mask, (at,)), tuple(statements))]
    parameters += [Parameter(buffer, "out") for buffer, _ in results]
    if form == "scalar":
        return Function(name, tuple(parameters), (loop(at, size, statements),))
    # Lanes are a block of consecutive elements: at = outer · LANES + lane.
    from misfold.compiler.loops.visit import substitute_block

    lane = Var("lane")
    where = Binary("add", Binary("mul", outer, index(LANES)), lane)
    body = substitute_block(statements, {at.name: where})
    inner = For(lane, index(0), index(LANES), body, "vectorised")
    return Function(name, tuple(parameters), (loop(outer, size // LANES, [inner]),))


def run(function: Function, arrays: Sequence[np.ndarray], options: Options | None = None) -> Compiled:
    compiled = build(function, options or Options())
    compiled(*arrays)
    return compiled
