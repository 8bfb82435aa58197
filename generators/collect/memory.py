"""Making uninitialised memory visible: the C library fills what it hands out."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

# glibc's malloc.h
_M_PERTURB = -6


@contextmanager
def perturbed_memory(byte: int) -> Iterator[None]:
    """Inside, freshly allocated memory is filled with a byte derived from ``byte`` (not 0), where the C library can."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        # Another C library than glibc: what stays undetected here shows as a difference between two runs later.
        yield
        return
    mallopt(_M_PERTURB, byte)
    try:
        yield
    finally:
        mallopt(_M_PERTURB, 0)
