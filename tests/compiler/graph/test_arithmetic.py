"""The operators on arrays do what the scalar operators of the loop IR do."""

from __future__ import annotations

import math
import random
from itertools import product

import numpy as np
import pytest

from misfold.compiler.dtypes import ALL, I32, DType
from misfold.compiler.errors import UndefinedBehaviour
from misfold.compiler.graph.arithmetic import NUMPY, binary, cast, unary
from misfold.compiler.loops import arithmetic as scalars
from misfold.compiler.loops.operators import BINARY, UNARY
from misfold.compiler.rounding import round_float

_EXACT = ("neg", "abs", "not", "sqrt", "floor", "ceil", "trunc", "round")
_BY_NAME = pytest.mark.parametrize("dtype", ALL, ids=lambda dtype: dtype.name)


def _samples(dtype: DType, chance: random.Random) -> list:
    if dtype.is_bool:
        return [False, True]
    if dtype.is_integer:
        near = [-1, -2, -3] if dtype.kind == "int" else []
        wide = [chance.randint(int(dtype.min), int(dtype.max)) for _ in range(20)]
        return [dtype.min, dtype.max, 0, 1, 2, 3, *near, *wide, *(chance.randint(0, 70) for _ in range(8))]
    special = [0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 1.5, 3.0, math.inf, -math.inf, math.nan, dtype.max, dtype.min]
    wide = [chance.uniform(-1, 1) * 10 ** chance.randint(-7, 4) for _ in range(30)]
    return [round_float(number, dtype) for number in (*special, *wide)]


def _agree(one: object, two: object, dtype: DType, ulps: int) -> bool:
    if not dtype.is_float:
        return one == two
    a, b = float(one), float(two)  # type: ignore[arg-type]
    if a != a or b != b:
        return a != a and b != b
    if a == b:
        return math.copysign(1, a) == math.copysign(1, b) or ulps > 0
    spacing = math.ulp(1.0) * 2.0 ** (53 - dtype.precision)
    return math.isfinite(a - b) and abs(a - b) <= ulps * max(spacing * max(abs(a), abs(b)), 6e-8 * (dtype.bits == 16))


@_BY_NAME
def test_unary_operators_are_those_of_the_loop_ir(dtype: DType) -> None:
    numbers = _samples(dtype, random.Random(1))
    for name, operator in UNARY.items():
        if dtype.kind in operator.kinds:
            results = unary(name, np.array(numbers, NUMPY[dtype.name]), dtype).tolist()
            for number, result in zip(numbers, results):
                expected = scalars.evaluate_unary(name, dtype, number)
                assert _agree(result, expected, dtype, 0 if name in _EXACT else 2), (name, number, result, expected)


@_BY_NAME
def test_binary_operators_are_those_of_the_loop_ir(dtype: DType) -> None:
    chance = random.Random(2)
    numbers = _samples(dtype, chance)
    pairs = (
        list(product(numbers, numbers))
        if dtype.is_bool
        else [(x, y) for x in numbers for y in chance.sample(numbers, 8)]
    )
    for name, operator in BINARY.items():
        if dtype.kind not in operator.kinds:
            continue
        chosen = [(x, y) for x, y in pairs if y or not operator.partial or dtype.is_float]
        x, y = (np.array([pair[i] for pair in chosen], NUMPY[dtype.name]) for i in (0, 1))
        made = ALL[0] if operator.compares else dtype
        for (a, b), result in zip(chosen, binary(name, x, y, dtype).tolist()):
            expected = scalars.evaluate_binary(name, dtype, a, b)
            # Of zeros with different signs, min and max may give either.
            ulps = 2 if name in ("pow", "atan2", "min", "max") else 0
            assert _agree(result, expected, made, ulps), (name, a, b, result, expected)


@_BY_NAME
def test_casts_are_those_of_the_loop_ir(dtype: DType) -> None:
    numbers = _samples(dtype, random.Random(3))
    for target in ALL:
        for number, result in zip(numbers, cast(np.array(numbers, NUMPY[dtype.name]), target).tolist()):
            expected = scalars.cast(number, dtype, target)
            assert _agree(result, expected, target, 0), (target, number, result, expected)


def test_casts_to_bf16_round_once() -> None:
    # Half way between two values of bf16, and a little more: rounding to f32 first would lose the little.
    half = 1 + 2.0**-8
    numbers = np.array([half, half + 2.0**-40, half - 2.0**-40])
    assert cast(numbers, ALL[10]).astype(float).tolist() == [1.0, 1 + 2.0**-7, 1.0]
    whole = np.array([(2**8 + 1) << 50, ((2**8 + 1) << 50) + 1])
    assert cast(whole, ALL[10]).astype(float).tolist() == [2.0**58, 2.0**58 + 2.0**51]


def test_division_by_zero_is_undefined_for_integers() -> None:
    one, zero = np.array([1], np.int32), np.array([0], np.int32)
    for name, operator in BINARY.items():
        if operator.partial:
            with pytest.raises(UndefinedBehaviour, match="division by zero"):
                binary(name, one, zero, I32)
