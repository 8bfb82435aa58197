"""The gamma function's logarithm, compiled, against mpmath."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
import torch

from .test_executable import executable

NEAR_ZEROS = [1 + step * 2.0**-power for step in (-1, 1) for power in range(2, 53)]
NEAR_ZEROS += [2 + step * 2.0**-power for step in (-1, 1) for power in range(2, 52)]


@pytest.fixture(scope="module")
def lgamma():
    run = executable(torch.lgamma, torch.zeros(1000, dtype=torch.float64))

    def call(values):
        padded = torch.ones(1000, dtype=torch.float64)
        padded[: len(values)] = torch.tensor(values, dtype=torch.float64)
        return run(padded)[0][: len(values)].tolist()

    return call


def test_exact_values(lgamma):
    inf = float("inf")
    assert lgamma([1.0, 2.0, 0.0, -0.0, -1.0, -7.0, -(2.0**60), inf, -inf]) == [0.0, 0.0] + [inf] * 7
    assert np.isnan(lgamma([float("nan")])).all()
    assert lgamma([1e306, 2.0**1023]) == [inf, inf]


@pytest.mark.parametrize("values", [
    NEAR_ZEROS,
    np.linspace(0.01, 12, 997).tolist(),
    (10.0 ** np.linspace(-300, 305, 991)).tolist(),
], ids=["near its zeros", "moderate", "any magnitude"])  # fmt: skip
def test_a_few_roundings_from_the_truth(lgamma, values):
    with mpmath.workdps(50):
        for value, given in zip(values, lgamma(values)):
            expected = mpmath.loggamma(mpmath.mpf(value))
            assert abs(mpmath.mpf(given) - expected) <= 5 * np.spacing(abs(float(expected))), value


def test_left_of_zero(lgamma):
    # between the poles there are zeros too: there the error counts against the terms, which are about one
    values = [*np.linspace(-20.03, -0.01, 983).tolist(), -1e-300, -(2.0**-40), -3 + 2.0**-45, -101.37, -1e10 - 0.25]
    with mpmath.workdps(60):
        for value, given in zip(values, lgamma(values)):
            expected = mpmath.loggamma(mpmath.mpf(value)).real
            assert abs(mpmath.mpf(given) - expected) <= 6 * 2.0**-52 * max(1, abs(expected), abs(value)), value


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.bool])
def test_other_types_have_exact_zeros(dtype):
    (result,) = executable(torch.lgamma, torch.ones(3, dtype=dtype))(torch.ones(3, dtype=dtype))
    assert result.tolist() == [0.0] * 3
