"""Every operator on every type, scalar, in vectors and under masks, against the interpreter's arithmetic."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest

from misfold.compiler import dtypes
from misfold.compiler.arrays import numpy_dtype
from misfold.compiler.codegen import error_ulp
from misfold.compiler.dtypes import BOOL, DType
from misfold.compiler.loops import arithmetic
from misfold.compiler.loops.ir import Binary, Buffer, Cast, Const, Load, Select, Unary, Var
from misfold.compiler.loops.operators import BINARY, UNARY

from .support import FORMS, array, bits, elementwise, extremes, run, some

AT = Var("i")
RNG_SEED = 7


def _takes(operators: dict, dtype: DType) -> list:
    return [one for one in operators.values() if dtype.kind in one.kinds]


def _is_math(op: str) -> bool:
    try:
        error_ulp(op, dtypes.F32)
    except KeyError:
        return False
    return True


def _check(results: dict[str, np.ndarray], expected: dict[str, list], types: dict[str, DType], shown: list) -> None:
    for name, got in results.items():
        want = bits(array(expected[name], types[name]))
        wrong = np.nonzero(bits(got) != want)[0]
        assert not len(wrong), (
            f"{name} of {shown[wrong[0]]} is {got[wrong[0]]}, not {expected[name][wrong[0]]}; {len(wrong)} are wrong"
        )


def _mask(size: int, form: str, rng: random.Random) -> list[bool]:
    return [form != "masked" or rng.random() < 0.6 for _ in range(size)]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dtype", dtypes.ALL, ids=str)
def test_binary(dtype: DType, form: str) -> None:
    rng = random.Random(RNG_SEED)
    pairs = list(itertools.product(extremes(dtype), repeat=2))
    pairs += [(some(dtype, rng), some(dtype, rng)) for _ in range(200)]
    pairs += [pairs[0]] * (-len(pairs) % 8)
    size = len(pairs)
    a, b, nonzero = Buffer("a", dtype, (size,)), Buffer("b", dtype, (size,)), Buffer("nonzero", dtype, (size,))
    mask = _mask(size, form, rng)
    divisors = [y if y != 0 or dtype.is_float else 1 for _, y in pairs]
    results, expected, types = [], {}, {}
    for operator in _takes(BINARY, dtype):
        if _is_math(operator.name) and not dtype.is_integer:
            continue
        guarded = operator.partial and form != "masked" and dtype.is_integer
        out = Buffer(operator.name, BOOL if operator.compares else dtype, (size,))
        right = nonzero if guarded else b
        results.append((out, Binary(operator.name, Load(a, (AT,)), Load(right, (AT,)))))
        # Under a mask the divisions by zero are in lanes that are left out.
        types[operator.name] = out.dtype
        ys = divisors if guarded else [y for _, y in pairs]
        if operator.partial and dtype.is_integer and form == "masked":
            mask = [m and y != 0 for m, y in zip(mask, ys)]
        function = arithmetic.binary(operator.name, dtype)
        expected[operator.name] = [lambda x=x, y=y, f=function: f(x, y) for (x, _), y in zip(pairs, ys)]
    wanted = {
        name: [call() if active else types[name].kind != "bool" and 0 for call, active in zip(calls, mask)]
        for name, calls in expected.items()
    }
    arrays = [array([x for x, _ in pairs], dtype), array([y for _, y in pairs], dtype), array(divisors, dtype)]
    outs = {name: np.zeros(size, numpy_dtype(types[name])) for name in types}
    function = elementwise(size, [a, b, nonzero], results, AT, form)
    run(function, [*arrays, *([np.array(mask)] if form == "masked" else []), *outs.values()])
    _check(outs, wanted, types, pairs)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dtype", dtypes.ALL, ids=str)
def test_unary_and_casts(dtype: DType, form: str) -> None:
    rng = random.Random(RNG_SEED)
    values = extremes(dtype) + [some(dtype, rng) for _ in range(300)]
    if dtype.is_integer:
        # Around powers of two: where rounding to a float is hard.
        near = [(1 << k) + d for k in range(dtype.bits) for d in (-1, 0, 1)]
        near += [(1 << k) + (1 << j) + d for k in range(20, dtype.bits) for j in (k - 8, k - 11) for d in (-1, 0, 1)]
        values += [v for v in near if v <= dtype.max]
        values += [-v for v in near if dtype.is_signed and v <= dtype.max]
    if dtype.name in ("f32", "f64"):
        # Halfway cases of 16-bit floats, and a little off them; and the limits of integers.
        for base in (
            1.00048828125,
            1.00390625,
            2.0**-25,
            2.0**-24 * 1.5,
            65519.0,
            65520.0,
            2.0**-134,
            3.3895313892515355e38,
        ):
            for nudge in (0.0, 2.0**-23, -(2.0**-23), 2.0**-50, -(2.0**-50)):
                values.append(arithmetic.cast(base * (1 + nudge), dtypes.F64, dtype))
        for k in (7, 8, 15, 16, 31, 32, 63, 64):
            values += [2.0**k, -(2.0**k), arithmetic.cast(2.0**k - 0.5, dtypes.F64, dtype)]
    values += [values[0]] * (-len(values) % 8)
    size = len(values)
    a = Buffer("a", dtype, (size,))
    results, expected, types = [], {}, {}
    for operator in _takes(UNARY, dtype):
        if not _is_math(operator.name):
            results.append((Buffer(operator.name, dtype, (size,)), Unary(operator.name, Load(a, (AT,)))))
            types[operator.name] = dtype
            expected[operator.name] = [arithmetic.evaluate_unary(operator.name, dtype, v) for v in values]
    for target in dtypes.ALL:
        results.append((Buffer(f"to_{target}", target, (size,)), Cast(target, Load(a, (AT,)))))
        types[f"to_{target}"] = target
        expected[f"to_{target}"] = [arithmetic.cast(v, dtype, target) for v in values]
    mask = _mask(size, form, rng)
    wanted = {name: [v if m else 0 for v, m in zip(found, mask)] for name, found in expected.items()}
    outs = {name: np.zeros(size, numpy_dtype(types[name])) for name in types}
    function = elementwise(size, [a], results, AT, form)
    run(function, [array(values, dtype), *([np.array(mask)] if form == "masked" else []), *outs.values()])
    _check(outs, wanted, types, values)


@pytest.mark.parametrize("dtype", dtypes.INTEGERS, ids=str)
def test_constants_as_right_operands(dtype: DType) -> None:
    """What is special about some constants (powers of two, −1, small exponents) is also right."""
    values = extremes(dtype)
    values += [values[0]] * (-len(values) % 8)
    size = len(values)
    a = Buffer("a", dtype, (size,))
    results, expected, types = [], {}, {}
    constants = [1, 2, 3, 8, 64, dtype.bits - 1] + ([-1, -2, -8, dtype.min] if dtype.is_signed else [])
    for operator in _takes(BINARY, dtype):
        for constant in constants:
            name = f"{operator.name}_{constant}".replace("-", "m")
            types[name] = BOOL if operator.compares else dtype
            value = Binary(operator.name, Load(a, (AT,)), Const(int(constant), dtype))
            results.append((Buffer(name, types[name], (size,)), value))
            expected[name] = [arithmetic.evaluate_binary(operator.name, dtype, v, constant) for v in values]
    for form in ("scalar", "vectorised"):
        outs = {name: np.zeros(size, numpy_dtype(types[name])) for name in types}
        run(elementwise(size, [a], results, AT, form), [array(values, dtype), *outs.values()])
        _check(outs, expected, types, values)


@pytest.mark.parametrize("form", FORMS)
def test_select(form: str) -> None:
    rng = random.Random(RNG_SEED)
    size = 64
    c = Buffer("c", BOOL, (size,))
    chosen = [rng.random() < 0.5 for _ in range(size)]
    mask = _mask(size, form, rng)
    for dtype in dtypes.ALL:
        a, b = Buffer("a", dtype, (size,)), Buffer("b", dtype, (size,))
        first, second = ([some(dtype, rng) for _ in range(size)] for _ in range(2))
        out = np.zeros(size, numpy_dtype(dtype))
        function = elementwise(
            size,
            [c, a, b],
            [(Buffer("o", dtype, (size,)), Select(Load(c, (AT,)), Load(a, (AT,)), Load(b, (AT,))))],
            AT,
            form,
        )
        masks = [np.array(mask)] if form == "masked" else []
        run(function, [np.array(chosen), array(first, dtype), array(second, dtype), *masks, out])
        want = [(x if k else y) if m else 0 for k, x, y, m in zip(chosen, first, second, mask)]
        assert (bits(out) == bits(array(want, dtype))).all()
