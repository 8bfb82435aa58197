"""What every pass over loops is tested with: random programs mean the same after it as before.

``check_pass`` interprets each program before and after the pass on the same arrays, with all the interpreter's checks
for undefined behaviour, and compares what they leave bit by bit.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy

from misfold.compiler.errors import AssertionFailed, UndefinedBehaviour
from misfold.compiler.loops.interpret import interpret
from misfold.compiler.loops.ir import Function
from misfold.compiler.loops.printer import print_function
from misfold.compiler.loops.verify import verify
from misfold.compiler.passes.base import LoopPass, make
from misfold.generators.kernels import generate, inputs

Arrays = list[numpy.ndarray]
#: Makes a function and arguments for it.
Programs = Callable[[random.Random], tuple[Function, Arrays]]


def outcome(function: Function, arrays: Sequence[numpy.ndarray]) -> Arrays | str:
    """What the function leaves in copies of the arrays, or the name of the error it ends with."""
    copies = [array.copy() for array in arrays]
    try:
        interpret(function, copies)
    except (AssertionFailed, UndefinedBehaviour) as error:
        return type(error).__name__
    return copies


def same(before: numpy.ndarray, after: numpy.ndarray) -> bool:
    """Whether the arrays are equal bit by bit; a NaN equals any NaN, and the zeros of floats each other.

    ``min`` and ``max`` may give either zero, so signs of zeros are not for a pass to keep.
    """
    if before.dtype.kind in "iub":
        return bool((before == after).all())
    wide = before.astype(numpy.float64), after.astype(numpy.float64)
    return bool(((wide[0] == wide[1]) | (numpy.isnan(wide[0]) & numpy.isnan(wide[1]))).all())


def check_function(one: LoopPass, function: Function, arrays: Sequence[numpy.ndarray]) -> bool:
    """Whether the pass changes the function, which it must leave valid and with the same meaning."""
    result = one.run(function)
    if result is function:
        return False
    story = f"{one.data()}\n\nbefore:\n{print_function(function)}\n\nafter:\n{print_function(result)}"
    try:
        verify(result)
    except Exception as error:
        raise AssertionError(f"the result does not verify: {error}\n{story}") from error
    before = outcome(function, arrays)
    if before == "UndefinedBehaviour":  # nothing is promised
        return result != function
    after = outcome(result, arrays)
    if isinstance(before, str) or isinstance(after, str):
        assert type(before) is type(after) and before == after, f"ends with {after!r:.200}\n{story}"
    else:
        for parameter, old, new in zip(function.parameters, before, after):
            assert same(old, new), f"{parameter.buffer.name}:\n{old}\n{new}\n{story}"
    return result != function


def check_pass(
    name: str,
    parameters: Mapping[str, Any] | None = None,
    count: int = 40,
    seed: int = 0,
    share: float = 0.2,
    programs: Programs | None = None,
    prepare: Callable[[Function], Function] = lambda function: function,
) -> None:
    """Run a pass over ``count`` random programs; at least ``share`` of them must be changed.

    ``programs`` makes them: by default of every statement and type there is; ``random_nests`` is for passes that need
    nests to work on. ``prepare`` is applied to each first: passes that give the pass under test something to do.
    """
    one = make(name, parameters)
    assert isinstance(one, LoopPass)
    changed = 0
    for number in range(count):
        function, arrays = (programs or any_kernel)(random.Random(f"{seed}/{number}"))
        changed += check_function(one, prepare(function), arrays)
    assert changed >= share * count, f"{one.data()} changed {changed} of {count} programs"


def any_kernel(source: random.Random) -> tuple[Function, Arrays]:
    """A random program and arguments for it."""
    function = generate(source)
    return function, inputs(function, source)
