"""Triangular systems by substitution, in any order and blocking (Higham 2002, section 8.1).

The computed solution solves a system whose matrix is off by at most γ(n)·|T|, element by element. With
G = γ·|T⁻¹|·|T| the error e satisfies e ≤ G·(|x| + e), from which a bound follows as long as no row of G sums to 1/2.
Multiplying with an explicit inverse satisfies the same bound with a few roundings more, which are allowed.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .precision import UNDERFLOW, gamma
from .registry import Applied, rule
from .shadow import INF, Shadow, Undecided, bounded_type, settle


def _triangle(item: Shadow, upper: bool, unit: bool) -> tuple[Tensor, Tensor | None]:
    """The triangle that a call reads, and its errors."""
    cut = torch.triu if upper else torch.tril
    value, error = cut(item.wide()), None if item.error is None else cut(item.error)
    if unit:
        diagonal = value.diagonal(dim1=-2, dim2=-1)
        value = value - torch.diag_embed(diagonal) + torch.eye(value.shape[-1], dtype=torch.float64)
        error = None if error is None else error - torch.diag_embed(error.diagonal(dim1=-2, dim2=-1))
    return value, error


def solved(matrix: Tensor, error: Tensor | None, right: Shadow, dtype: torch.dtype) -> Shadow:
    """The solution of ``matrix`` · x = ``right``, ``matrix`` being triangular with errors of its own."""
    bounded_type(dtype)
    size = matrix.shape[-1]
    if not bool(matrix.isfinite().all()) or not bool((matrix.diagonal(dim1=-2, dim2=-1) != 0).all()):
        raise Undecided("a triangular matrix without an inverse")
    inverse = torch.linalg.inv(matrix)
    value = torch.linalg.solve(matrix, right.wide())
    if not value.numel():
        return Shadow(value, None, dtype)
    # two further roundings of each element for a product with the inverse, one for the division as a product
    grown = gamma(size + 4, dtype)
    loose = matrix.abs() * grown if error is None else matrix.abs() * grown + error * (1 + grown)
    gain = inverse.abs() @ loose
    start = gain @ value.abs()
    if right.error is not None:
        start = start + inverse.abs() @ right.error
    # the float64 solution itself, which is good to as much in its own type
    start = start + inverse.abs() @ (matrix.abs() @ value.abs()) * gamma(8 * size + 8, torch.float64)
    start = start + UNDERFLOW[dtype] * (1 + inverse.abs().sum(-1, keepdim=True)) * (size + 1)
    row = gain.sum(-1).amax(-1)[..., None, None]
    most = start.amax(-2, keepdim=True) / (1 - row)
    bound = start + gain.sum(-1, keepdim=True) * most
    return settle(value, bound.where(row < 0.5, INF).nan_to_num(INF, INF, INF), dtype)


@rule("triangular_solve")
def old_form(call: Applied) -> list[Shadow]:
    """The solution, and a copy of the matrix."""
    right, matrix = call.args[0], call.args[1]
    upper, turned, unit = (
        bool(call.get(at, name, default))
        for at, name, default in ((2, "upper", True), (3, "transpose", False), (4, "unitriangular", False))
    )
    value, error = _triangle(matrix, upper, unit)
    if turned:
        value, error = value.mT, None if error is None else error.mT
    found = solved(value, error, right, call.dtype)
    return [found, Shadow(matrix.value.expand(call.own[1].shape), matrix.error, matrix.dtype)]


@rule("linalg_solve_triangular")
def new_form(call: Applied) -> Shadow:
    """From the left or from the right."""
    matrix, right = call.args[0], call.args[1]
    value, error = _triangle(matrix, bool(call.kwargs["upper"]), bool(call.kwargs.get("unitriangular", False)))
    if call.kwargs.get("left", True):
        return solved(value, error, right, call.dtype)
    other = Shadow(right.value.mT, None if right.error is None else right.error.mT, right.dtype)
    found = solved(value.mT, None if error is None else error.mT, other, call.dtype)
    return Shadow(found.value.mT, None if found.error is None else found.error.mT, found.dtype)


@rule("cholesky_solve")
def with_factor(call: Applied) -> Shadow:
    """Two triangular systems, one after the other."""
    right, factor = call.args[0], call.args[1]
    upper = bool(call.get(2, "upper", False))
    value, error = _triangle(factor, upper, False)
    turned = None if error is None else error.mT
    first, second = ((value.mT, turned), (value, error)) if upper else ((value, error), (value.mT, turned))
    between = solved(*first, right, call.dtype)
    return solved(*second, between, call.dtype)
