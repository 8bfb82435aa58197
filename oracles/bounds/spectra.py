"""Eigenvalues of symmetric matrices and singular values: perfectly conditioned, so that backward errors bound them.

Weyl's theorem: they move by no more than the norm of what is added to the matrix. LAPACK's methods, and any that work
with orthogonal transformations, are off by p(n)·u·|A| for a modest p (LAPACK Users' Guide, section 4.7, which takes
p(n) = 1 for practice; Golub and Van Loan, "Matrix Computations", section 8.3, have n times a constant). Vectors are
unique up to signs at best, and left undecided.
"""

from __future__ import annotations

import torch

from .precision import UNDERFLOW, UNIT
from .registry import Applied, rule
from .shadow import INF, Shadow, bounded_type, unknown

#: p(n) is this times n.
CONSTANT = 16.0


def _values(source: Shadow, found: torch.Tensor, error: torch.Tensor | None, dtype: torch.dtype) -> Shadow:
    size = torch.linalg.matrix_norm(source.wide()).unsqueeze(-1)
    slack = size * (CONSTANT * max(*source.shape[-2:], 1) * UNIT[dtype]) + UNDERFLOW[dtype]
    if error is not None:
        slack = slack + torch.linalg.matrix_norm(error).unsqueeze(-1)
    return Shadow(found, slack.expand(found.shape).nan_to_num(INF, INF, INF), dtype)


@rule("_linalg_eigh")
def of_symmetric(call: Applied) -> list[Shadow]:
    """Eigenvalues in rising order; one triangle of the matrix is read."""
    dtype = bounded_type(call.dtype)
    source = call.args[0]
    lower = str(call.get(1, "UPLO", "L")).upper() == "L"

    def symmetric(item: torch.Tensor) -> torch.Tensor:
        return item.tril() + item.tril(-1).mT if lower else item.triu() + item.triu(1).mT

    whole = symmetric(source.wide())
    error = None if source.error is None else symmetric(source.error)
    found = torch.linalg.eigvalsh(whole)
    first = _values(Shadow(whole, None, source.dtype), found, error, dtype)
    return [first, *(unknown(item, "eigenvectors have no sign of their own") for item in call.own[1:])]


@rule("_linalg_svd")
def singular(call: Applied) -> list[Shadow]:
    """Singular values in falling order."""
    dtype = bounded_type(call.own[1].dtype)
    source = call.args[0]
    values = _values(source, torch.linalg.svdvals(source.wide()), source.error, dtype)
    left, right = (unknown(item, "singular vectors have no sign of their own") for item in (call.own[0], call.own[2]))
    return [left, values, right]
