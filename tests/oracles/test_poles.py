"""At a pole nothing can be said, and beside it everything."""

from __future__ import annotations

import numpy as np
import pytest

from misfold.oracles.reference import evaluate
from misfold.oracles.verdict import Verdict

from .programs import make_case, values
from .test_judge import verdict_on


def at_pole(body: str, kind: str, at: float) -> Verdict:
    """The verdict on a target that gives infinity for the second of three elements, which is ``at``."""
    case = make_case(f"{body}; return (v0,)", {"x0": f"{kind}[3]"}, {"x0": values(2, at, 3)})

    def infinite(flat: np.ndarray) -> None:
        flat[1] = np.inf

    return verdict_on(case, infinite)


TRIGAMMA = "v0 = torch.special.polygamma(1, x0)"


@pytest.mark.parametrize(("kind", "at"), [("int64", -4.0), ("float32", -4.0), ("float32", -1.0000001)])
def test_a_function_at_its_pole_is_left_open(kind: str, at: float) -> None:
    assert at_pole(TRIGAMMA, kind, at).kind in ("ok", "undecided")


@pytest.mark.parametrize("at", [-3.5, -3.999, 0.5])
def test_beside_its_pole_it_is_not(at: float) -> None:
    assert at_pole(TRIGAMMA, "float32", at).kind in ("proved", "suspect")


def test_its_other_elements_are_judged() -> None:
    def damage(flat: np.ndarray) -> None:
        flat[2] *= 1.01

    case = make_case(f"{TRIGAMMA}; return (v0,)", {"x0": "int64[3]"}, {"x0": values(2, -4, 3)})
    assert verdict_on(case, damage).bad


def test_what_everybody_gives_at_a_pole_is_expected_there() -> None:
    case = make_case("v0 = torch.lgamma(x0); return (v0,)", {"x0": "float32[2]"}, {"x0": values(0, 2.5)})

    def finite(flat: np.ndarray) -> None:
        flat[0] = 36.0

    assert verdict_on(case, finite).bad


def test_an_operand_that_rounding_may_put_on_a_pole_counts_as_there() -> None:
    case = make_case(
        "v0 = torch.mul(x0, 0.1); v1 = torch.special.polygamma(1, v0); return (v1,)",
        {"x0": "float32[2]"},
        {"x0": values(-30, -25)},
    )
    spread = evaluate(case).values[0].spreads()
    assert np.isinf(spread[0]) and spread[1] < 1e-3


def test_what_is_asked_of_it_is_open_too() -> None:
    case = make_case(f"{TRIGAMMA}; v1 = torch.gt(v0, 1e20); return (v1,)", {"x0": "int64[2]"}, {"x0": values(-4, 3)})
    assert evaluate(case).values[0].mask().tolist() == [False, True]


def test_zeta_and_the_multivariate_function_have_poles_of_their_own() -> None:
    zeta = make_case(
        "v0 = torch.special.zeta(x0, x1); return (v0,)",
        {"x0": "float32[3]", "x1": "float32[3]"},
        {"x0": values(1.0000001, 2, 2), "x1": values(2, -3.0000002, 2)},
    )
    assert np.isinf(evaluate(zeta).values[0].spreads()).tolist()[2:] == [False]
    many = make_case("v0 = torch.mvlgamma(x0, 2); return (v0,)", {"x0": "float32[2]"}, {"x0": values(0.50000006, 2)})
    assert np.isinf(evaluate(many).values[0].spreads()).tolist() == [True, False]
