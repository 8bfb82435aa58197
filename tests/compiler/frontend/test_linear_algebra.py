"""Factorisations of matrices through ``torch.compile``: values, derivatives, and errors as eager has them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from .through_dynamo import compiled

pytestmark = pytest.mark.usefixtures("fresh")


def with_gradient(function: Callable[..., Any], x: torch.Tensor) -> list[torch.Tensor]:
    """What a function gives, and the derivative of a weighted sum of that."""
    given = x.clone().requires_grad_()
    results = torch.utils._pytree.tree_leaves(function(given))
    weighed = [(one * torch.arange(one.numel()).reshape(one.shape)).sum() for one in results if one.requires_grad]
    torch.stack(weighed).sum().backward()
    assert given.grad is not None
    return [*(one.detach() for one in results), given.grad]


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "inv": torch.linalg.inv,
    "solve": lambda x: torch.linalg.solve(x, x.mT),
    "solve from the right": lambda x: torch.linalg.solve(x, x.mT, left=False),
    "det": torch.linalg.det,
    "det of the transpose": lambda x: torch.linalg.det(x.mT),
    "slogdet": torch.linalg.slogdet,
    "lu": torch.linalg.lu,
    "qr": torch.linalg.qr,
    "cholesky": lambda x: torch.linalg.cholesky(x @ x.mT),
    "triangular": lambda x: torch.linalg.solve_triangular(x + 9 * torch.eye(4), x, upper=True),
    "exponential": torch.linalg.matrix_exp,
}


#: Those that the fast tests do without: the others have all the code between them.
SLOW = {"solve from the right", "det of the transpose", "slogdet", "exponential", "triangular", "lu"}


@pytest.mark.parametrize(
    "name", [pytest.param(one, marks=pytest.mark.slow) if one in SLOW else one for one in FUNCTIONS]
)
def test_values_and_derivatives(name):
    x = torch.randn(2, 4, 4, dtype=torch.float64) + 2 * torch.eye(4).flip(0)
    expected, found = with_gradient(FUNCTIONS[name], x), with_gradient(compiled(FUNCTIONS[name]), x)
    for one, other in zip(expected, found, strict=True):
        torch.testing.assert_close(other, one, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("function", "shape", "dynamic"),
    [
        (torch.linalg.inv, (3, 3), False),
        (torch.linalg.cholesky, (2, 3, 3), False),
        (torch.linalg.cholesky, (3, 3), True),
    ],
)
def test_what_cannot_be_factorised_is_an_error_as_in_eager(function, shape, dynamic):
    good, bad = torch.eye(3).expand(shape), torch.zeros(shape)
    chosen = compiled(lambda x: function(x) * 2, dynamic)
    assert torch.equal(chosen(good), function(good) * 2)
    with pytest.raises(torch.linalg.LinAlgError) as expected:
        function(bad)
    with pytest.raises(torch.linalg.LinAlgError) as found:
        chosen(bad)
    assert str(found.value) == str(expected.value)


def test_reflections_take_a_negative_zero_for_a_positive_one():
    x = torch.tensor([[-0.0, 0.5], [2.0, 1.0], [0.0, -0.0]])
    expected, found = x.geqrf(), compiled(lambda x: x.geqrf())(x)
    assert expected[0][0, 0] < 0
    torch.testing.assert_close(found, tuple(expected))


def test_without_a_check_it_is_no_error():
    inverse, info = compiled(torch.linalg.inv_ex)(torch.zeros(3, 3))
    assert info == 1 and inverse.shape == (3, 3)
    with pytest.raises(torch.linalg.LinAlgError, match="inv_ex"):
        compiled(lambda x: torch.linalg.inv_ex(x, check_errors=True))(torch.zeros(3, 3))


def test_two_checks_in_one_program():
    function = compiled(lambda x, y: torch.linalg.inv(x) + torch.linalg.cholesky(y))
    one, none = torch.eye(2), torch.zeros(2, 2)
    assert torch.equal(function(one, one), 2 * one)
    with pytest.raises(torch.linalg.LinAlgError, match="inv"):
        function(none, one)
    with pytest.raises(torch.linalg.LinAlgError, match="cholesky"):
        function(one, none)
