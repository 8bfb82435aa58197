"""Calls of linear algebra, for ``CASES``."""

from __future__ import annotations

import torch

from .cases import case, t

F64 = torch.float64


def square(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Matrices that are far from singular, with rows to be exchanged."""
    made = t(*shape, dtype=dtype)
    return made + 4 * torch.eye(shape[-1], dtype=dtype).flip(0)


def positive(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    made = t(*shape, dtype=dtype)
    return made @ made.mT + torch.eye(shape[-1], dtype=dtype)


def turned(x: torch.Tensor) -> torch.Tensor:
    """The same matrices, column-major."""
    return x.mT.contiguous().mT


SINGULAR = torch.tensor([[1.0, 2, 3], [2, 4, 6], [1, 1, 1]])
SQUARES = [(square(4, 4),), (turned(square(3, 3, dtype=F64)),), (square(2, 3, 5, 5),), (turned(square(2, 4, 4)),)]
SQUARES = [*SQUARES, (t(1, 1),)]

case("linalg_lu_factor_ex linalg_lu", *SQUARES, (t(5, 3),), (t(2, 3, 5),), (SINGULAR,))
case("_linalg_det _linalg_slogdet", *SQUARES, (SINGULAR,))
case("linalg_inv_ex", *SQUARES)
for _x, *_ in SQUARES:
    _batch, _n = _x.shape[:-2], _x.shape[-1]
    _both, _pivots, _ = torch.ops.aten.linalg_lu_factor_ex.default(_x)
    case("lu_unpack", (_both, _pivots), (_both, _pivots, True, False), (_both, _pivots, False, True))
    for _left in (True, False):
        _b = t(*_batch, *((_n, 3) if _left else (3, _n)), dtype=_x.dtype)
        case("_linalg_solve_ex", (_x, _b, {"left": _left}))
        for _adjoint in (True, False):
            case("linalg_lu_solve", (_both, _pivots, _b, {"left": _left, "adjoint": _adjoint}))
        for _upper in (True, False):
            for _unit in (True, False):
                _triangle = _x if _unit else _x + 5 * torch.eye(_n, dtype=_x.dtype)
                _options = {"upper": _upper, "left": _left, "unitriangular": _unit}
                case("linalg_solve_triangular", (_triangle, _b, _options))
                if _left:
                    case(
                        "triangular_solve", (_b, _triangle, _upper, True, _unit), (_b, _triangle, _upper, False, _unit)
                    )
case("lu_unpack", *(tuple(torch.ops.aten.linalg_lu_factor_ex.default(one)[:2]) for one in (t(5, 3), t(2, 3, 5))))
case("_linalg_solve_ex", (square(4, 4), t(4)), (square(2, 3, 3), t(2, 3)), (square(3, 3), t(2, 3, 2)))
case("linalg_solve_triangular", (square(3, 3), t(2, 3, 2), {"upper": True}))

DEFINITE = [(positive(4, 4),), (positive(2, 3, 3, dtype=F64),), (positive(1, 1),), (turned(positive(5, 5)),)]
case("linalg_cholesky_ex cholesky", *DEFINITE, *((*one, {"upper": True}) for one in DEFINITE))
case("linalg_cholesky_ex linalg_inv_ex linalg_lu_factor_ex", (*DEFINITE[1], {"check_errors": True}))
case("_linalg_solve_ex", (square(2, 3, 3), t(2, 3, 1), {"check_errors": True}))
for (_x,) in DEFINITE:
    _low = torch.linalg.cholesky(_x)
    _b = t(*_x.shape[:-1], 2, dtype=_x.dtype)
    case("cholesky_solve", (_b, _low), (_b, _low.mT, True))
    case("cholesky_inverse", (_low,), (_low.mT, True))
case("cholesky_solve", (t(2, 3, 2), torch.linalg.cholesky(positive(3, 3))))

case(
    "linalg_matrix_exp", (t(3, 3),), (t(2, 4, 4, dtype=F64) * 10,), (torch.zeros(2, 2),), (t(1, 1),), (t(3, 3) * 1e-5,)
)
case("linalg_matrix_exp", (-1e6 * torch.eye(2),))

TALL = [(t(4, 4),), (t(5, 3),), (t(2, 3, 5, dtype=F64),), (t(2, 3, 4, 2),), (t(1, 1),), (t(3, 1),), (turned(t(4, 3)),)]
TALL = [*TALL, (torch.triu(t(3, 3)),), (torch.zeros(3, 2),)]
case("geqrf", *TALL)
for _mode in ("reduced", "complete", "r"):
    case("linalg_qr", *((*one, _mode) for one in TALL))
for (_x,) in TALL:
    _made, _tau = torch.geqrf(_x)
    _m, _n = _x.shape[-2:]
    if _m >= _n:
        case("linalg_householder_product", (_made, _tau), (_made, _tau[..., : _n - 1]))
    for _left in (True, False):
        _b = t(*_x.shape[:-2], *((_m, 2) if _left else (2, _m)), dtype=_x.dtype)
        for _flipped in (True, False):
            case("ormqr", (_made, _tau, _b, _left, _flipped))

EMPTY = [(torch.zeros(0, 0),), (torch.zeros(0, 3, 3),), (torch.zeros(2, 0, 0),)]
case("linalg_inv_ex linalg_cholesky_ex cholesky _linalg_det _linalg_slogdet linalg_lu_factor_ex linalg_lu", *EMPTY)
case(
    "linalg_lu_factor_ex linalg_lu geqrf linalg_qr", (torch.zeros(3, 0),), (torch.zeros(0, 2),), (torch.zeros(2, 0, 3),)
)
case("linalg_qr", (torch.zeros(3, 0), "complete"), (torch.zeros(0, 3), "complete"), (torch.zeros(2, 3, 0), "r"))
case("lu_unpack", (torch.zeros(3, 0), torch.zeros(0, dtype=torch.int32)))
case("_linalg_solve_ex", (torch.zeros(0, 0), torch.zeros(0, 2)), (torch.zeros(0, 2, 2), torch.zeros(0, 2, 2)))
case("_linalg_solve_ex", (square(3, 3), torch.zeros(3, 0)))
