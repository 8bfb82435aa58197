"""The compiler's element types as numpy's."""

from __future__ import annotations

from functools import cache

import ml_dtypes
import numpy as np

from .dtypes import BF16, BOOL, DType

_KINDS = {"int": "int", "uint": "uint", "float": "float"}


@cache
def numpy_dtype(dtype: DType) -> np.dtype:
    """numpy's element type of the same layout; that of bf16 is ml_dtypes'."""
    if dtype == BOOL:
        return np.dtype(np.bool_)
    if dtype == BF16:
        return np.dtype(ml_dtypes.bfloat16)
    return np.dtype(f"{_KINDS[dtype.kind]}{dtype.bits}")
