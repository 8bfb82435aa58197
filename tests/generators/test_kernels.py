"""Random loop programs: always defined, always the same, and of every kind."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from misfold.compiler.arrays import numpy_dtype
from misfold.compiler.dtypes import ALL, BF16, F32, FLOATS, I8, I64
from misfold.compiler.loops import arithmetic, evaluating, executing
from misfold.compiler.loops.approximation import APPROXIMATE_BINARY, APPROXIMATE_UNARY
from misfold.compiler.loops.interpret import interpret
from misfold.compiler.loops.ir import (
    Assert,
    Binary,
    Const,
    For,
    Function,
    Load,
    Reduce,
    Statement,
    Store,
    Unary,
    index,
)
from misfold.compiler.loops.operators import BINARY, REDUCTIONS, UNARY
from misfold.compiler.loops.parser import parse_function
from misfold.compiler.loops.printer import print_function
from misfold.compiler.loops.verify import trip_count, verify
from misfold.compiler.loops.visit import all_expressions, blocks_of, map_blocks, statements, substitute_block
from misfold.generators.kernels import Options, approximate, generate, inputs
from misfold.generators.kernels.functions import _Maker
from misfold.generators.kernels.scope import State

Arrays = list[np.ndarray]


def made(seed: object, options: Options = Options()) -> tuple[Function, Arrays]:  # noqa: B008
    source = random.Random(f"kernel {seed}")
    function = generate(source, options)
    return function, inputs(function, source)


def results(function: Function, arrays: Arrays) -> Arrays:
    copies = [array.copy() for array in arrays]
    interpret(function, copies)
    return copies


def same(before: np.ndarray, after: np.ndarray) -> bool:
    """Equal bit by bit, up to the signs of zeros and NaNs."""
    if before.dtype.kind in "iub":
        return bool((before == after).all())
    return np.array_equal(before.astype(np.float64), after.astype(np.float64), equal_nan=True)


def check(seeds: range) -> None:
    for seed in seeds:
        function, arrays = made(seed)
        verify(function)
        assert parse_function(print_function(function)) == function
        interpret(function, arrays)


def test_programs_are_defined():
    check(range(100))


@pytest.mark.slow
def test_many_programs_are_defined():
    check(range(100, 3300))


@pytest.mark.parametrize(
    "options",
    [
        Options(exact=False),
        Options(dtypes=(F32,)),
        Options(dtypes=(BF16,), statements=40),
        Options(dtypes=(I8, I64), concurrent=1.0),
        Options(statements=60, depth=6, extent=5, work=400),
        Options(statements=3, depth=1, expression=1, extent=1),
        Options(layouts=1.0, empty=0.5, extent=17),
    ],
)
def test_programs_of_all_options_are_defined(options):
    for seed in range(15):
        function, arrays = made(seed, options)
        verify(function)
        interpret(function, arrays)
        assert depth(function.body) <= options.depth + 3  # filling a buffer takes loops of its own


def depth(block: tuple[Statement, ...]) -> int:
    inner = [depth(inside) + isinstance(one, For) for one in block for inside in blocks_of(one)]
    return max(inner, default=0)


# --------------------------------------------------------------------------------------------------- always the same


def fingerprint() -> str:
    text = "".join([print_function(made(seed)[0]) for seed in range(10)])
    arrays = b"".join([array.tobytes() for seed in range(10) for array in made(seed)[1]])
    return hashlib.sha256(text.encode() + arrays).hexdigest()


def test_the_same_chance_gives_the_same_program():
    assert fingerprint() == fingerprint()
    assert len({print_function(made(seed)[0]) for seed in range(50)}) == 50


def test_programs_do_not_depend_on_the_process():
    code = "from tests.generators.test_kernels import fingerprint; print(fingerprint())"
    environment = {**os.environ, "PYTHONHASHSEED": "77"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == fingerprint()


# ------------------------------------------------------------------------------------------------------ every kind


def test_there_is_everything():
    seen: Counter[object] = Counter()
    for seed in range(600):
        function = made(seed)[0]
        seen.update({f"depth {min(depth(function.body), 4)}"})
        for parameter in function.parameters:
            seen[parameter.role, parameter.buffer.dtype] += 1
            seen["strided"] += parameter.buffer.strides is not None
            seen["empty buffer"] += parameter.buffer.elements == 0
            seen["rank", parameter.buffer.rank] += 1
        for statement in statements(function.body):
            seen[type(statement)] += 1
            match statement:
                case For():
                    seen[statement.kind, statement.step == 1] += 1
                    count = trip_count(statement)
                    seen["empty loop"] += count == 0
                    seen["bounds of data"] += any(isinstance(one, Load) for one in all_of(statement.stop))
                    seen["triangle"] += count is None
                    seen["imperfect"] += any(
                        isinstance(a, For) != isinstance(b, For) for a, b in pairwise(statement.body)
                    )
                    seen["below zero"] += isinstance(statement.start, Const) and statement.start.value < 0
                case Reduce(op, buffer, _, _):
                    seen["reduce", op] += 1
                    seen["reduce", buffer.dtype.kind] += 1
                case Store(buffer, indices, value):
                    loads = [one for one in all_of(value) if isinstance(one, Load) and one.buffer == buffer]
                    seen["carried"] += any(load.indices != indices for load in loads)
        for node in all_expressions(function.body):
            match node:
                case Unary(op, operand):
                    seen[op, operand.dtype.kind] += 1
                case Binary(op, left, _):
                    seen[op, left.dtype.kind] += 1
                case Load(_, indices) if any(isinstance(one, Load) for i in indices for one in all_of(i)):
                    seen["gather"] += 1
    wanted: list[object] = [(role, dtype) for role in ("in", "out", "inout") for dtype in ALL]
    wanted += [(kind, one) for kind in ("serial", "parallel", "vectorised", "unrolled") for one in (True, False)]
    wanted += [(operator.name, kind) for operator in (*UNARY.values(), *BINARY.values()) for kind in operator.kinds]
    wanted += [("reduce", op) for op in REDUCTIONS] + [("rank", rank) for rank in range(4)] + [Assert, "depth 4"]
    wanted += ["strided", "empty buffer", "empty loop", "bounds of data", "triangle", "imperfect", "below zero"]
    wanted += ["carried", "gather"]
    assert [one for one in wanted if not seen[one]] == []


def all_of(expression):
    return all_expressions((Assert(expression, ""),))


# ----------------------------------------------------------------------------------------------------------- exact


def backwards(block: tuple[Statement, ...]) -> tuple[Statement, ...]:
    """The same block with its concurrent loops as serial ones that run from their end."""
    found = []
    for statement in block:
        statement = map_blocks(statement, backwards)
        if isinstance(statement, For) and statement.kind in ("parallel", "vectorised"):
            start, stop, step = statement.start, statement.stop, statement.step
            distance = Binary("sub", Binary("sub", stop, start), index(1))
            last = Binary("add", start, Binary("mul", Binary("floordiv", distance, index(step)), index(step)))
            mirrored = Binary("sub", Binary("add", start, last), statement.var)
            body = substitute_block(statement.body, {statement.var.name: mirrored})
            statement = replace(statement, kind="serial", body=body)
        found.append(statement)
    return tuple(found)


def test_the_order_of_concurrent_iterations_does_not_matter():
    changed = 0
    for seed in range(50):
        function, arrays = made(seed, Options(concurrent=0.6, work=600))
        other = replace(function, body=backwards(function.body))
        changed += other != function
        for parameter, before, after in zip(function.parameters, results(function, arrays), results(other, arrays)):
            assert same(before, after), (seed, parameter.buffer.name)
    assert changed > 25


def test_sums_and_products_of_floats_are_exact(monkeypatch):
    combined = 0

    def watched(op, dtype):
        function = arithmetic.binary(op, dtype)
        if op not in ("add", "mul") or not dtype.is_float:
            return function

        def combine(a, b):
            nonlocal combined
            combined += 1
            result = function(a, b)
            assert float(result).is_integer() and abs(result) <= 2.0 ** (dtype.precision - 1)
            return result

        return combine

    monkeypatch.setattr(executing, "binary", watched)
    for seed in range(50):
        # Short types and short expressions: sums come close to what is exact.
        dtypes, expression = ((BF16,), 1) if seed % 2 else (FLOATS, 4)
        function, arrays = made(seed, Options(dtypes=dtypes, expression=expression, extent=16))
        interpret(function, arrays)
    assert combined > 700


def perturbed(look_up: Callable, names: tuple[str, ...]) -> Callable:
    """The same operators with the functions that are not rounded correctly wrong by some percents."""

    def find(op, dtype):
        function = look_up(op, dtype)
        if op not in names or not dtype.is_float:
            return function
        return lambda *operands: arithmetic.binary("mul", dtype)(function(*operands), 1.125)

    return find


def test_only_approximate_buffers_depend_on_functions_that_are(monkeypatch):
    differing = 0
    for seed in range(70):
        function, arrays = made(seed, Options(dtypes=(F32,)))
        before = results(function, arrays)
        with monkeypatch.context() as patch:
            patch.setattr(evaluating, "unary", perturbed(arithmetic.unary, APPROXIMATE_UNARY))
            patch.setattr(evaluating, "binary", perturbed(arithmetic.binary, APPROXIMATE_BINARY))
            after = results(function, arrays)
        names = approximate(function)
        for parameter, a, b in zip(function.parameters, before, after):
            differing += not same(a, b)
            assert parameter.buffer.name in names or same(a, b), (seed, parameter.buffer.name)
    assert differing > 5


def test_nothing_depends_on_the_signs_of_zeros(monkeypatch):
    def look_up(op, dtype):
        function = arithmetic.binary(op, dtype)
        if op not in ("min", "max") or not dtype.is_float:
            return function

        def other_zero(a, b):
            result = function(a, b)
            return -result if result == 0.0 else result

        return other_zero

    for seed in range(50):
        function, arrays = made(seed, Options(dtypes=(F32,), expression=5))
        before = results(function, arrays)
        with monkeypatch.context() as patch:
            patch.setattr(evaluating, "binary", look_up)
            patch.setattr(executing, "binary", look_up)
            after = results(function, arrays)
        for parameter, a, b in zip(function.parameters, before, after):
            assert same(a, b), (seed, parameter.buffer.name)


# ---------------------------------------------------------------------------------------------------------- inputs


def test_inputs_fit_their_parameters():
    strided = 0
    for seed in range(100):
        function, arrays = made(seed, Options(layouts=0.5))
        for parameter, array in zip(function.parameters, arrays):
            buffer = parameter.buffer
            assert array.shape == buffer.shape
            assert array.dtype == numpy_dtype(buffer.dtype)
            if buffer.strides is None:
                assert array.flags.c_contiguous
            else:
                strided += 1
                assert array.strides == tuple([stride * array.itemsize for stride in buffer.strides])
            if buffer.dtype.is_float and parameter.role != "out":
                values = array.astype(np.float64)
                assert (values == np.round(values)).all() and (abs(values) <= 8).all()
    assert strided > 25


def test_no_sum_is_given_more_room_than_there_is():
    spent = 0
    for seed in range(60):
        state = State(random.Random(seed), Options(dtypes=(BF16, F32), extent=16))
        _Maker(state).function()
        spent += len(state.room)
        assert all(room >= 0 for room in state.room.values())
    assert spent > 20
