"""Type promotion and constants, against PyTorch's own."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from misfold.compiler.dtypes import BF16, BOOL, F16, F32, F64, I8, I64, U8
from misfold.compiler.frontend.layout import dense_order, has_own_places
from misfold.compiler.frontend.types import FROM_TORCH, exact, number_dtype, result_type

# PyTorch has no promotion between the unsigned types beyond uint8 and others.
PROMOTED = [dtype for dtype in FROM_TORCH if dtype not in (torch.uint16, torch.uint32, torch.uint64)]


def promoted(*operands):
    tensors = [one for one in operands if isinstance(one, torch.Tensor)]
    return result_type(
        [FROM_TORCH[one.dtype] for one in tensors if one.dim()],
        [FROM_TORCH[one.dtype] for one in tensors if not one.dim()],
        [number_dtype(one) for one in operands if not isinstance(one, torch.Tensor)],
    )


def test_promotion_is_pytorchs():
    given = [torch.ones(shape, dtype=dtype) for dtype in PROMOTED for shape in ((), (1,))] + [True, 2, 2.5]
    for a, b in itertools.product(given, repeat=2):
        if isinstance(a, torch.Tensor) or isinstance(b, torch.Tensor):
            assert promoted(a, b) == FROM_TORCH[torch.result_type(a, b)], (a, b)


@pytest.mark.parametrize(
    ("number", "dtype", "value"),
    [
        (300, U8, 44),
        (200, I8, -56),
        (-1, U8, 255),
        (2.9, I64, 2),
        (True, F32, 1.0),
        (0.1, F32, 0.10000000149011612),
        (0.1, F64, 0.1),
        (1e6, F16, math.inf),
        (1e39, BF16, math.inf),
        (257, BF16, 256.0),
        (0.5, BOOL, True),
        (2**53 + 1, I64, 2**53 + 1),
    ],
)
def test_constants_are_rounded_as_casts_do(number, dtype, value):
    assert exact(number, dtype) == value
    assert type(exact(number, dtype)) is {"bool": bool, "float": float}.get(dtype.kind, int)


def test_the_sign_of_zero_is_kept():
    assert math.copysign(1, exact(-0.0, F32)) == -1
    assert math.copysign(1, exact(0.0, F32)) == 1


def test_places_of_elements():
    assert has_own_places((3, 4), (4, 1))
    assert has_own_places((3, 4), (1, 3))
    assert has_own_places((2, 3), (12, 2))
    assert has_own_places((1, 3), (0, 1))
    assert not has_own_places((3, 4), (0, 1))
    assert not has_own_places((3, 4), (2, 1))
    assert dense_order((3, 4), (1, 3)) == (1, 0)
    assert dense_order((3, 4), (8, 1)) is None
