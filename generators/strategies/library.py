"""Hypothesis, where it is installed."""

from __future__ import annotations

from functools import cache
from types import ModuleType

from misfold.programs.errors import UsageError


@cache
def strategies() -> ModuleType:
    """``hypothesis.strategies``.

    Raises:
        UsageError: Hypothesis is not installed.
    """
    try:
        from hypothesis import strategies as found
    except ImportError:
        raise UsageError('hypothesis is not installed; get it with: pip install "misfold[hypothesis]"') from None
    return found
