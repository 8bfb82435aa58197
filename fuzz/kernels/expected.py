"""What the interpreter expects of a kernel, as plain data for the way between processes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import ml_dtypes
import numpy as np

from misfold.oracles.kernels import Expected


def to_data(expected: Expected) -> dict[str, Any]:
    """Plain data; ``digest`` is the same for the same values."""
    values = [[name, array.dtype.name, list(array.shape), array.tobytes()] for name, array in expected.values.items()]
    digest = hashlib.sha256()
    for name, array in expected.values.items():
        digest.update(f"{name} {array.dtype.name} {array.shape} ".encode() + array.tobytes())
    return {
        "values": values,
        "approximate": sorted(expected.approximate),
        "overflow": list(expected.overflow[:3]),
        "invalid": expected.invalid,
        "fails": expected.fails,
        "steps": expected.steps,
        "digest": digest.hexdigest()[:16],
    }


def from_data(data: Mapping[str, Any]) -> Expected:
    """Inverse of ``to_data``."""
    values = {
        name: np.frombuffer(content, ml_dtypes.bfloat16 if dtype == "bfloat16" else np.dtype(dtype)).reshape(shape)
        for name, dtype, shape, content in data["values"]
    }
    return Expected(
        values, frozenset(data["approximate"]), tuple(data["overflow"]), data["invalid"], data["fails"],
        data["steps"],
    )  # fmt: skip
