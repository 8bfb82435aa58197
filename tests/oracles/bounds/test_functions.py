"""Rules of special functions, of parts of floats, distances and triangles: eager stays inside, and the bounds say
something."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from .checking import analysed, evaluated

SIZE = 6
RANDOM = torch.Generator().manual_seed(11)


def positive() -> torch.Tensor:
    return torch.rand(SIZE, SIZE, generator=RANDOM) * 8 + 0.05


def signed() -> torch.Tensor:
    return torch.randn(SIZE, SIZE, generator=RANDOM) * 4


def above_two() -> torch.Tensor:
    return positive() + 2


#: Calls of the operand ``{}``, of a second operand x1 that is positive and of x2, an upper triangle; and their domains.
CALLS: list[tuple[str, Callable[[], torch.Tensor]]] = [
    *[(f"torch.{name}({{}})", signed) for name in ("lgamma", "digamma", "angle")],
    *[(f"torch.special.{name}({{}})", signed) for name in (
        "bessel_j0", "bessel_j1", "spherical_bessel_j0", "i0e", "i1e", "i1", "modified_bessel_i0", "modified_bessel_i1",
    )],
    *[(f"torch.special.{name}({{}})", positive) for name in (
        "modified_bessel_k0", "modified_bessel_k1", "scaled_modified_bessel_k0", "scaled_modified_bessel_k1", "erfcx",
    )],
    *[(f"torch.special.{name}({{}}, x1)", signed) for name in (
        "chebyshev_polynomial_t", "chebyshev_polynomial_u", "shifted_chebyshev_polynomial_v", "hermite_polynomial_h",
        "hermite_polynomial_he", "laguerre_polynomial_l", "legendre_polynomial_p",
    )],
    ("torch.linalg.eigvalsh({})", signed), ("torch.linalg.svdvals({})", signed),
    ("torch.polygamma(1, {})", positive), ("torch.polygamma(3, {})", positive), ("torch.mvlgamma({}, 2)", above_two),
    ("torch.special.zeta({}, x1)", above_two), ("torch.copysign({}, x1)", signed), ("torch.nextafter({}, x1)", signed),
    ("torch.ldexp({}, x1)", signed), ("torch.renorm({}, 2, 0, 5.0)", signed), ("torch.renorm({}, 1, 1, 3.0)", signed),
    ("torch.nn.functional.pdist({}, 1.5)", signed), ("torch.cdist({}, x1)", signed),
    ("torch.cdist({}, x1, 1.0)", signed),
    ("torch.linalg.solve_triangular(x2, {}, upper=True)", signed), ("torch.cholesky_solve({}, x2, True)", signed),
]  # fmt: skip


@pytest.mark.parametrize("rounded", [False, True])
@pytest.mark.parametrize(("body", "draw"), CALLS, ids=[body for body, _ in CALLS])
def test_eager_stays_inside_in_every_type(body: str, draw: Callable[[], torch.Tensor], rounded: bool) -> None:
    done = 0
    for kind in (torch.float32, torch.float64, torch.bfloat16, torch.float16):
        x, y = draw().to(kind), positive().to(kind)
        z = (signed() + torch.eye(SIZE) * 20).triu().to(kind)
        first = "v0 = torch.mul(x0, 1.1); " if rounded else ""
        text = f"{first}v1 = " + body.format("v0" if rounded else "x0")
        try:
            value, error, lost = analysed(text, [x, y, z])
        except RuntimeError as refused:
            assert "not implemented" in str(refused)
            continue
        own = evaluated(text, [x, y, z])
        known = np.isfinite(error)
        assert lost is None
        assert (np.abs(own.double().numpy() - value) <= error)[known].all()
        if kind is torch.float32:
            assert known.mean() > 0.9
            assert np.median((error / np.maximum(np.abs(value), 1e-2))[known]) < 2e-4
        done += 1
    assert done >= 2


def test_counts_are_decided_away_from_the_edges_of_bins() -> None:
    x = torch.tensor([0.0, 0.1, 0.5, 0.6, 0.999, 1.0, 1.2])
    value, error, lost = analysed("v0 = torch.histc(x0, 4, 0, 1)", [x])
    assert lost is None
    # 0.5 is on an edge of the second and the third bin, and both ends belong to the range
    assert value.tolist() == [2.0, 0.0, 2.0, 2.0]
    assert error.tolist() == [0.0, 1.0, 1.0, 0.0]
    assert value.tolist() == evaluated("v0 = torch.histc(x0, 4, 0, 1)", [x]).tolist()


def test_a_rounded_element_may_be_in_two_bins() -> None:
    x = torch.tensor([2.5, 7.5])
    _, error, _ = analysed("v0 = torch.mul(x0, 0.2); v1 = torch.histc(v0, 4, 0, 2)", [x])
    assert error.tolist() == [1.0, 1.0, 1.0, 1.0]


def test_the_most_frequent_is_decided_where_it_is_alone() -> None:
    x = torch.tensor([[1.0, 2.0, 2.0], [1.0, 1.0, 3.0], [1.0, 2.0, 3.0]])
    _, error, _ = analysed("v0, v1 = torch.mode(x0, 1); v2 = torch.neg(v0)", [x])
    assert error.tolist() == [0.0, 0.0, np.inf]


def test_the_next_number_may_be_that_of_a_wider_type() -> None:
    x, y = torch.tensor([1.5, -2.0]), torch.tensor([3.0, 3.0])
    value, error, _ = analysed("v0 = torch.nextafter(x0, x1)", [x, y])
    wide = torch.nextafter(x.double(), y.double()).float().double().numpy()
    assert (np.abs(wide - value) <= error).all()
    assert (np.abs(torch.nextafter(x, y).double().numpy() - value) <= error).all()


def test_a_better_trigamma_than_torch_s_is_honest() -> None:
    x = torch.linspace(0.05, 30, 200, dtype=torch.float64)
    exact = torch.special.zeta(torch.tensor(2.0, dtype=torch.float64), x).numpy()
    value, error, _ = analysed("v0 = torch.polygamma(1, x0)", [x])
    own = torch.polygamma(1, x).numpy()
    assert (np.abs(exact - value) <= error).all() and (np.abs(own - value) <= error).all()
    assert (np.abs(exact * (1 + 1e-8) - value) > error).all()


@pytest.mark.parametrize(
    ("accurate", "lossy"),
    [
        ("v0 = torch.expm1(x0)", "v0 = torch.exp(x0); v1 = torch.sub(v0, 1.0)"),
        ("v0 = torch.log1p(x0)", "v0 = torch.add(x0, 1.0); v1 = torch.log(v0)"),
    ],
)
def test_what_exists_for_small_arguments_keeps_their_digits(accurate: str, lossy: str) -> None:
    x = torch.linspace(1e-7, 1e-5, 50)
    value, error, _ = analysed(accurate, [x])
    assert (np.abs(evaluated(accurate, [x]).double().numpy() - value) <= error).all()
    assert (np.abs(evaluated(lossy, [x]).double().numpy() - value) > error).mean() > 0.9
    # Where that costs no more than some last digits it is rounding like any other.
    x = torch.linspace(0.05, 0.5, 50)
    value, error, _ = analysed(accurate, [x])
    assert (np.abs(evaluated(lossy, [x]).double().numpy() - value) <= error).all()
