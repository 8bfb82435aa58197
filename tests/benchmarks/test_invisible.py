"""What honest evaluations give is no fault that could be found; what none of them gives is one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from benchmarks.invisible import is_invisible
from misfold.programs.case import Case
from misfold.targets.eager import Eager
from misfold.targets.outcome import Outcome
from misfold.targets.running import run_case
from tests.oracles.programs import make_case, values

ROUNDED = make_case("v0 = torch.exp(x0); return (v0,)", {"x0": "float32[6]"})
EDGE = make_case("v0 = torch.sin(x0); v1 = torch.gt(v0, x1); return (v1,)", dict.fromkeys(("x0", "x1"), "float32[1]"))


def changed(case: Case, change) -> tuple[Outcome, Outcome]:  # type: ignore[no-untyped-def]
    eager = run_case(Eager(), case)
    value = eager.values[0]
    array = change(value.array().copy())
    return eager, replace(eager, values=(replace(value, data=array.tobytes()), *eager.values[1:]))


def test_a_last_bit_is_invisible_and_a_percent_is_not() -> None:
    def next_one(array: np.ndarray) -> np.ndarray:
        array[2] = np.nextafter(array[2], np.float32(np.inf))
        return array

    def larger(array: np.ndarray) -> np.ndarray:
        array[2] *= np.float32(1.01)
        return array

    eager, faulty = changed(ROUNDED, next_one)
    # one of the two neighbours is what faithful rounding gives at times
    eager_too, other = changed(ROUNDED, lambda array: np.nextafter(array, np.float32(-np.inf)))
    assert is_invisible(ROUNDED, eager, faulty) or is_invisible(ROUNDED, eager_too, other)
    assert not is_invisible(ROUNDED, *changed(ROUNDED, larger))


def test_an_answer_that_rounding_turns_is_invisible() -> None:
    at = float(np.sin(np.float64(np.float32(0.7))).astype(np.float32))
    near = replace(EDGE, recipes={"x0": values(0.7), "x1": values(at)})
    far = replace(EDGE, recipes={"x0": values(0.7), "x1": values(0.1)})
    assert is_invisible(near, *changed(near, lambda array: ~array))
    assert not is_invisible(far, *changed(far, lambda array: ~array))


def test_another_shape_is_never_invisible() -> None:
    eager = run_case(Eager(), ROUNDED)
    shorter = replace(eager.values[0], shape=(5,), data=eager.values[0].data[:-4])
    assert not is_invisible(ROUNDED, eager, replace(eager, values=(shorter,)))
